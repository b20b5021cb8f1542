"""TREC runs and judgements: what trec_eval, ir_measures and their family read.

A run's name begins with that of the judgements it is to be measured by: ``runs/SET.PIPELINE.TRIAL.run`` goes with
``qrels/SET.qrels``. Every score comes back exactly, and so does every measure.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from bench.export.source import File, Note, Source
from bench.report.words import clean, plural
from bench.store import Store, format_qrels, format_run, parse_qrels, parse_run, set_name, slug
from bench.types import StoreError, TrialResult


def files(source: Source, note: Note) -> Iterator[File]:
    """One run for each trial that was judged, the first stage's beside it where a reranker changed it; each set's
    judgements once."""
    store, seen = Store(source.folder, to_read=True), set[str]()
    without: dict[str, list[str]] = {}
    for result in source.results:
        if result.run_file is None:
            without.setdefault(_why_none(result), []).append(f"“{clean(result.trial.pipeline)}” ({result.trial.id})")
            continue
        of_set = set_name(result.trial, result.dataset)
        if of_set not in seen:
            seen.add(of_set)
            yield from _qrels(store, result, of_set, note)
        yield from _runs(store, result, of_set)
    for why, trials in without.items():
        more = f" and {plural(len(trials) - 1, 'other trial')}" if len(trials) > 1 else ""
        note(f"No run of {trials[0]}{more}: {why}.")


def _why_none(result: TrialResult) -> str:
    return "nothing there can be judged" if result.status == "ok" else f"ended as {result.status}"


def _qrels(store: Store, result: TrialResult, of_set: str, note: Note) -> Iterator[File]:
    name = f"qrels/{of_set}.qrels"
    if not (store.folder / name).exists():
        note(
            f"No judgements of {of_set}: this folder was written before they were kept. Run its config into it again: "
            "nothing is measured twice, and they are added."
        )
        return
    text = store.read_text(name, result.checksums.get(name))
    try:
        yield File(name, format_qrels(parse_qrels(text)).encode())
    except ValueError as error:
        raise StoreError(f"{store.folder / name} is damaged; move it away and run the config again") from error


def _runs(store: Store, result: TrialResult, of_set: str) -> Iterator[File]:
    tag = f"{slug(result.trial.pipeline)}.{result.trial.id}"
    kept = str(result.run_file)
    stages = {"": kept}
    if result.trial.reranker is not None:
        stages[".first-stage"] = str(PurePosixPath(kept).with_suffix(".first-stage.trec"))
    for suffix, name in stages.items():
        text = store.read_text(name, result.checksums.get(name))
        try:
            run = parse_run(text)
        except ValueError as error:
            raise StoreError(f"{store.folder / name} is damaged; move it away and run the config again") from error
        yield File(f"runs/{of_set}.{tag}{suffix}.run", format_run(run, tag + suffix).encode())
