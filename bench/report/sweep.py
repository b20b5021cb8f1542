"""Sweeps: one pipeline on one dataset in several cells. Which cells to show first, and which belong in one figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.derived import device, dtype, joules_per_query, latency, memory_bytes, throughput
from bench.report import words
from bench.report.groups import Group, pipelines, slug_of
from bench.report.say import t
from bench.types import TrialResult

MANY = 12
"""Up to here a table shows every cell."""
MANY_DRAWN = 10
"""Up to here a figure does."""
WHOLE = 3
"""A pipeline of no more cells than this is always shown whole."""

Place = Callable[[TrialResult], str | None]
Best = tuple[str, Callable[[TrialResult], float | None]]
"""What a cell is best in, and by which figure: more is better."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The cells to show, in the order given, and why: trial id -> what the cell is best in."""

    results: tuple[TrialResult, ...]
    of: int
    reasons: Mapping[str, str] = field(default_factory=dict)
    why: str = ""

    @property
    def left_out(self) -> int:
        return self.of - len(self.results)

    def said(self, said: Mapping[str, str]) -> dict[str, str]:
        """What sets each trial apart, and what it is best in."""
        return {id_: " · ".join(part for part in (text, self.reasons.get(id_, "")) if part)
                for id_, text in said.items()}  # fmt: skip


def swept(results: Sequence[TrialResult]) -> tuple[TrialResult, ...]:
    """Those of a pipeline with several cells."""
    cells: dict[str, set[str]] = {}
    for result in results:
        cells.setdefault(result.trial.pipeline, set()).add(result.trial.id)
    return tuple(result for result in results if len(cells[result.trial.pipeline]) > 1)


def is_sweep(group: Group) -> bool:
    return bool(swept(group.results))


def parts(group: Group) -> tuple[Group, ...]:
    """The swept trials that rerank, by pipeline, device, number format and node, each a group of its own."""
    cells = [result for result in swept(group.results) if result.trial.reranker is not None]
    found: dict[tuple[str, ...], list[TrialResult]] = {}
    for result in cells:
        key = (result.trial.pipeline, device(result), dtype(result) or "", result.trial.node or "")
        found.setdefault(key, []).append(result)
    return _named(group, found, len(pipelines(cells)) > 1)


def by_device(group: Group) -> tuple[Group, ...]:
    """All trials by device and node."""
    found: dict[tuple[str, ...], list[TrialResult]] = {}
    for result in group.results:
        found.setdefault(("", device(result), result.trial.node or ""), []).append(result)
    return _named(group, found, True)


def by_swept_device(group: Group) -> tuple[Group, ...]:
    """By device where a sweep spans several, whose figures would dwarf each other; else the whole."""
    several = len({(device(result), result.trial.node) for result in group.results}) > 1
    return by_device(group) if several and is_sweep(group) else (group,)


def _named(group: Group, found: Mapping[tuple[str, ...], list[TrialResult]], with_pipeline: bool) -> tuple[Group, ...]:
    """The first of each key is a pipeline. Two hyphens set a part's slug apart from any dataset's."""
    made: list[Group] = []
    for number, ((pipeline, *rest), members) in enumerate(found.items(), 1):
        named, part = pipeline if with_pipeline else "", tuple(words.clean(text) for text in rest if text)
        slug = f"{group.slug}--{slug_of(' '.join((named, *part))) or number}"
        while slug in (other.slug for other in made):
            slug = f"{slug}-{number}"
        whole = group.whole or group.results
        made.append(replace(group, slug=slug, results=tuple(members), pipeline=named, part=part, whole=whole))
    return tuple(made)


def choose(results: Sequence[TrialResult], measure: str, many: int = MANY) -> Choice:
    """All cells where they are few; else, of each pipeline with more than three, the best on each device and in each
    number format.

    Best means highest throughput, lowest p95 latency, least memory, least energy and highest quality; of equal cells
    the one with the higher throughput. Where that leaves too many, the best on each device or, if need be, on any; a
    pipeline with no finished cell keeps its first. Whatever the number, no pipeline is left out.
    """
    if len(results) <= many:
        return Choice(tuple(results), len(results))
    best = [kind for kind in _kinds(measure) if any(kind[1](result) is not None for result in results)]
    reasons, each = dict[str, str](), ""
    for places in ((device, dtype), (device,), ()):
        each = words.listed([said for place, said in _each() if place in places and _differs(results, place)])
        reasons = _best(results, best, places)
        if len(reasons) <= many:
            break
    shown = tuple(result for result in results if result.trial.id in reasons)
    if not best:
        return Choice(shown, len(results), reasons, t("the first of each pipeline, since none finished"))
    kinds = words.listed([t("the {kind}", kind=name) for name, _ in best])
    why = t("of each pipeline with more than {n} cells, those with {kinds}", n=WHOLE, kinds=kinds)
    if each:
        why = t(
            "of each pipeline with more than {n} cells, {each}, those with {kinds}", n=WHOLE, each=each, kinds=kinds
        )
    return Choice(shown, len(results), reasons, why)


def _each() -> tuple[tuple[Place, str], ...]:
    return ((device, t("on each device")), (dtype, t("in each number format")))


def _differs(results: Sequence[TrialResult], place: Place) -> bool:
    return len({place(result) for result in results} - {None}) > 1


def _kinds(measure: str) -> tuple[Best, ...]:
    def quality(result: TrialResult) -> float | None:
        interval = result.quality.means.get(measure) if result.quality else None
        return interval.mean if interval else None

    def speed(result: TrialResult) -> float | None:
        return _negative(latency(result, 95))

    def memory(result: TrialResult) -> float | None:
        return _negative(memory_bytes(result))

    def energy(result: TrialResult) -> float | None:
        return _negative(joules_per_query(result))

    return (
        (t("highest throughput"), throughput),
        (t("lowest p95 latency"), speed),
        (t("least memory"), memory),
        (t("least energy"), energy),
        (t("highest {measure}", measure=words.measure_title(measure)), quality),
    )


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _best(results: Sequence[TrialResult], kinds: Sequence[Best], places: Sequence[Place]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for pipeline in pipelines(results):
        cells = [result for result in results if result.trial.pipeline == pipeline]
        if len(cells) <= WHOLE:
            found |= {result.trial.id: [] for result in cells}
            continue
        finished = [result for result in cells if result.status == "ok"]
        if not finished:
            found[cells[0].trial.id] = []
        for at in dict.fromkeys(tuple(place(result) for place in places) for result in finished):
            mine = [result for result in finished if tuple(place(result) for place in places) == at]
            for name, value in kinds:
                known = [(value(result), throughput(result) or 0.0, -i) for i, result in enumerate(mine)]
                ranked = [(v, fast, i) for v, fast, i in known if v is not None]
                if ranked:
                    found.setdefault(mine[-max(ranked)[2]].trial.id, []).append(name)
    return {id_: words.series(names) for id_, names in found.items()}


def sentence_of_parts(parts: Sequence[Group], chosen: Callable[[Group, str], Choice], measure: str) -> str:
    """``sentence`` of what is chosen of each part; the parts' labels before it where there are several."""
    said: dict[str, list[str]] = {}
    for part in parts:
        said.setdefault(sentence(chosen(part, measure)), []).append(part.full_label)
    several = len(parts) > 1
    return words.sentences(
        t("{labels}: {said}", labels=words.clauses(labels), said=text) if several else text
        for text, labels in said.items()
        if text
    )


def sentence(choice: Choice) -> str:
    """How many are shown, and how they were chosen; empty where all are."""
    if not choice.left_out:
        return ""
    return t("{n} of {total} cells are shown: {why}.", n=len(choice.results), total=choice.of, why=choice.why)
