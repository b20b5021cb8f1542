"""Writes what a person reads of a results folder: the table, the report in two forms, and its figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ConfigDict, TypeAdapter

from bench.claims.table import claims_csv
from bench.claims.words import Ruling
from bench.explorer.data import read_head
from bench.finished import REPRODUCE, digest, finished_run, found_by_run
from bench.report.figures import figures
from bench.report.html import render_html
from bench.report.markdown import render_markdown
from bench.report.rows import summary_csv
from bench.report.say import Language, speaking
from bench.sealed import sealed, sha256_of
from bench.store import Store, set_name
from bench.study.run import Studied
from bench.study.study import Study
from bench.study.table import ab_csv
from bench.types import StoreError, TrialResult

PageLanguage = Language | Literal["auto"]
"""What the page opens in; ``auto`` is its reader's own, and report.md and the figures beside it are English then."""

CLAIMS, STUDY = "claims.json", "ab.json"
_RULINGS = TypeAdapter(tuple[Ruling, ...], config=ConfigDict(ser_json_inf_nan="strings"))
_STUDY = TypeAdapter(Study)
Found = TypeVar("Found")


def publish(
    store: Store,
    results: Sequence[TrialResult],
    config_text: str,
    command: str,
    rulings: Sequence[Ruling] = (),
    study: Study | None = None,
    language: PageLanguage = "auto",
) -> Path:
    """Write summary.csv, report.md, report.html and figures/ for these results; returns the page's path.

    Of claims, what was found is kept as claims.csv and, whole, as claims.json; of a study as ab.csv and ab.json.
    """
    store.write("summary.csv", summary_csv(results).encode())
    found: dict[str, bytes] = {}
    if rulings:
        store.write("claims.csv", claims_csv(rulings).encode())
        found[CLAIMS] = _RULINGS.dump_json(tuple(rulings), indent=1) + b"\n"
    if study is not None:
        store.write("ab.csv", ab_csv(study.contrasts, study.arms).encode())
        found[STUDY] = _STUDY.dump_json(study, indent=1) + b"\n"
    for name, payload in found.items():
        store.write(name, payload)
    store.write(REPRODUCE, _record(results, config_text, command, found))
    text: Language = "zh" if language == "zh" else "en"
    with speaking(text):
        drawn = figures(results, study=study)
    for name, payload in drawn.items():
        store.write(f"figures/{name}", payload)
    store.write("report.md", render_markdown(results, config_text, command, rulings, study, text).encode())
    shown = explored(store, results, study)
    page = render_html(results, config_text, command, rulings, study, language=language, explorer=shown)
    return store.write("report.html", page.encode())


def publish_study(
    store: Store, studied: Studied, config_text: str, command: str, language: PageLanguage = "auto"
) -> Path:
    """``publish`` of a study, with what was found for every query in ab-queries.csv; returns the page's path."""
    store.write("ab-queries.csv", studied.queries_csv.encode(errors="replace"))
    return publish(store, studied.results, config_text, command, study=studied.study, language=language)


def republish(folder: Path, language: PageLanguage = "auto") -> tuple[list[TrialResult], Path]:
    """The same from what a finished run has left. Raises StoreError for a folder without one."""
    run = finished_run(folder)
    rulings, study = read_rulings(folder), read_study(folder)
    page = publish(Store(folder), run.results, run.config_text, run.command, rulings, study, language)
    return list(run.results), page


def _record(results: Sequence[TrialResult], config_text: str, command: str, found: Mapping[str, bytes]) -> bytes:
    facts = {
        "command": command,
        "config": config_text,
        "trials": [result.trial.id for result in results],
        "inputs": {result.trial.id: digest(result.inputs) for result in results},
        "checksums": {name: sha256_of(payload) for name, payload in found.items()},
    }
    return sealed(json.dumps(facts, ensure_ascii=False, indent=1).encode())


def explored(store: Store, results: Sequence[TrialResult], study: Study | None = None) -> list[bytes]:
    """What the folder holds for the explorer of these very results; beside a study its dev queries alone.

    A test query that somebody has read one by one is no test any more. Raises StoreError for a damaged file.
    """
    trials = {result.trial.id for result in results}
    found = []
    for name in dict.fromkeys(set_name(result.trial, result.dataset) for result in results if result.quality):
        payload = store.read_explorer(name)
        if payload is None:
            continue
        try:
            head = read_head(payload)
        except ValueError as error:
            raise StoreError(f"{store.folder}/explorer/{name}.json.gz: {error}; run again to make it anew") from error
        if trials.issuperset(head.trials) and (study is None or head.study):
            found.append(payload)
    return found


def read_rulings(folder: Path) -> tuple[Ruling, ...]:
    """What a claims file's run has found; nothing where there was none. Raises StoreError for a damaged file."""
    payload = found_by_run(folder, CLAIMS)
    return () if payload is None else _valid(_RULINGS, payload, folder / CLAIMS)


def read_study(folder: Path) -> Study | None:
    """What an instruction study's run has found; None where there was none. Raises StoreError for a damaged file."""
    payload = found_by_run(folder, STUDY)
    return None if payload is None else _valid(_STUDY, payload, folder / STUDY)


def _valid(kind: TypeAdapter[Found], payload: bytes, path: Path) -> Found:
    try:
        return kind.validate_json(payload)
    except ValueError as error:
        raise StoreError(f"{path} cannot be read; run its config again to make it anew") from error
