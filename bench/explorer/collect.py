"""From a finished run to the explorer's data: one file for each labelled set, in the results folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench.explorer.build import BUDGET, MOST_PIPELINES, Pipeline, build
from bench.explorer.reading import Reader
from bench.keys import quality_key
from bench.prepare import Prepared
from bench.report.groups import in_common, primary, variants
from bench.store import Store, set_name
from bench.study.file import StudyFile
from bench.study.run import Inputs, Studied
from bench.types import Dataset, Progress, RerankBenchError, Run, Trial, TrialResult

Ran = tuple[Prepared, TrialResult]


def collect(
    ran: Iterable[Ran],
    results: Sequence[TrialResult],
    store: Store,
    base: Path,
    tell: Progress,
    *,
    with_texts: bool = True,
) -> tuple[str, ...]:
    """Write the data of every set of a run; returns what could not be collected, and why, for a person.

    ``base`` is the config's folder. Not ``with_texts``: nothing is written, and what an earlier run wrote is removed.
    """
    if not with_texts:
        store.remove_explorer()
        return ()
    return write_sets(list(ran), primary(results), variants(results), store, base, tell)


def collect_study(
    inputs: Inputs, studied: Studied, file: StudyFile, store: Store, tell: Progress, *, with_texts: bool = True
) -> tuple[str, ...]:
    """The same of a study: its dev queries alone, the baseline first and then the best, by the measure that chooses."""
    if not with_texts:
        store.remove_explorer()
        return ()
    known = {result.trial.id: result for result in studied.results}
    measure, ran = file.measures[0], list[Ran]()
    for arms in inputs.dev.values():
        found = [(arm, item, known[item.trial.id]) for arm, item in arms.items() if item.trial.id in known]
        found.sort(key=lambda one: (one[0] != file.baseline, -_mean(one[2], measure)))
        ran += [(item, result) for _, item, result in found]
    return write_sets(ran, measure, {}, store, file.base, tell, study=True)


def write_sets(
    ran: Sequence[Ran],
    measure: str,
    said: Mapping[str, str],
    store: Store,
    base: Path,
    tell: Progress,
    *,
    study: bool = False,
    budget: int = BUDGET,
) -> tuple[str, ...]:
    """As ``collect``. ``said`` tells trials of one pipeline apart, by their ids.

    The trials come in the order in which they are shown.
    """
    sets: dict[str, list[Ran]] = {}
    for item, result in ran:
        if item.dataset is not None and result.quality is not None and result.run_file is not None:
            sets.setdefault(set_name(result.trial, result.dataset), []).append((item, result))
    lost = []
    for name, members in sets.items():
        tell(f"collect queries for the report: {name}", 0, 0)
        try:
            payload = _payload(members, measure, said, store, base, study, budget // len(sets))
        except RerankBenchError as error:
            lost.append(f"the queries of {name} are not in the report: {error}")
            continue
        if payload is not None:
            store.write_explorer(name, payload)
    return tuple(lost)


def _payload(
    members: Sequence[Ran], measure: str, said: Mapping[str, str], store: Store, base: Path, study: bool, budget: int
) -> bytes | None:
    """None where no ranking of these trials was judged by the measure."""
    alike: dict[tuple[str, int], list[Ran]] = {}
    for item, result in members:
        if result.quality is not None and measure in result.quality.per_query:
            alike.setdefault((quality_key(result.trial), result.trial.depth), []).append((item, result))
    groups = _most_telling(list(alike.values()))
    dataset: Dataset | None = members[0][0].dataset
    if not groups or dataset is None:
        return None
    left_out = [_name(group, said) for group in alike.values() if group not in groups]
    pipelines = [_pipeline(group, measure, said, store, base) for group in groups]
    compare = _compared([group[0][1].trial for group in groups], study)
    return build(dataset, measure, pipelines, compare, left_out=left_out, study=study, budget=budget)


def _most_telling(groups: list[list[Ran]]) -> list[list[Ran]]:
    """At most so many as stand side by side: the first of every pipeline, then others, in the order given."""
    first = {group[0][1].trial.pipeline: place for place, group in reversed(list(enumerate(groups)))}
    order = sorted(range(len(groups)), key=lambda place: (place not in first.values(), place))
    return [groups[place] for place in sorted(order[:MOST_PIPELINES])]


def _pipeline(group: Sequence[Ran], measure: str, said: Mapping[str, str], store: Store, base: Path) -> Pipeline:
    item, result = group[0]
    trial = result.trial
    made = store.find_pass(quality_key(trial), item.inputs, trial.depth)

    def run() -> Run:
        return store.read_run(str(result.run_file), result)

    return Pipeline(
        _name(group, said),
        made.unit if made is not None and trial.reranker is not None else "score",
        trial.depth,
        result.quality.per_query[measure] if result.quality else {},
        run,
        Reader(trial, made, base),
        tuple(each.trial.id for _, each in group),
    )


def _name(group: Sequence[Ran], said: Mapping[str, str]) -> str:
    """The pipeline's name, with what all these trials have in common that others of it have not."""
    names = dict.fromkeys(result.trial.pipeline for _, result in group)
    common = in_common([said.get(result.trial.id, "") for _, result in group])
    return " · ".join(part for part in (" / ".join(names), common) if part)


def _mean(result: TrialResult, measure: str) -> float:
    return result.quality.means[measure].mean if result.quality else -1.0


def _compared(trials: Sequence[Trial], study: bool) -> tuple[int, int]:
    """The two that are compared to begin with: a reranker with its first stage alone, or else the first and the last.

    In a study the baseline comes first and what was chosen second.
    """
    last = len(trials) - 1
    if study:
        return 0, min(1, last)
    if trials[last].reranker is not None:
        stage = _first_stage(trials[last])
        for place, trial in enumerate(trials[:last]):
            if trial.reranker is None and _first_stage(trial) == stage:
                return place, last
    return 0, last


def _first_stage(trial: Trial) -> tuple[str | None, ...]:
    return trial.retriever, trial.embedder, trial.embedder_revision, trial.candidates
