"""Two results folders made into pairs of trials with their figures. Pure but for ``compare_folders``, which reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.compare.differs import differing, other_hardware
from bench.compare.figures import CostChange, Difference, costs, differences
from bench.compare.match import Pair, match, refusal
from bench.finished import finished_results
from bench.report.groups import dataset_name, full_label, variants
from bench.types import ConfigError, StoreError, TrialResult

_NAMED_AT_MOST = 5


@dataclass(frozen=True, slots=True)
class Compared:
    """A pair with its figures; ``label`` is unique among the pairs. ``refused``: why there are none."""

    label: str
    pair: Pair
    refused: str = ""
    differences: tuple[Difference, ...] = ()
    costs: tuple[CostChange, ...] = ()
    differing: tuple[str, ...] = ()
    other_hardware: bool = False

    def difference(self, measure: str) -> Difference | None:
        return next((each for each in self.differences if each.measure == measure), None)

    def cost(self, column: str) -> CostChange | None:
        return next((each for each in self.costs if each.column == column), None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All pairs in A's order, the labels of what has no partner, and how many tests the p-values are adjusted over."""

    name_a: str
    name_b: str
    compared: tuple[Compared, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    tests: int

    @property
    def refused(self) -> tuple[Compared, ...]:
        return tuple(each for each in self.compared if each.refused)


def compare_folders(a: Path, b: Path) -> Comparison:
    """Nothing is written into either.

    Raises ConfigError for one folder given twice, StoreError for one that cannot be read, and where the two have no
    trial in common.
    """
    if a.resolve() == b.resolve():
        raise ConfigError(f"A and B are the same folder, {a}, which cannot have changed; give the results of two runs")
    return compare(finished_results(a), finished_results(b), str(a), str(b))


def compare(a: Sequence[TrialResult], b: Sequence[TrialResult], name_a: str = "A", name_b: str = "B") -> Comparison:
    found = match(a, b)
    labels_a, labels_b = _labels(a), _labels(b)
    if not found.pairs:
        raise StoreError(
            f"{name_a} and {name_b} have no trial in common, by id or by dataset, split and pipeline. "
            f"{name_a} has {_some(labels_a.values())}; {name_b} has {_some(labels_b.values())}"
        )
    quality, tests = differences([pair for pair in found.pairs if not refusal(pair)])
    compared = tuple(_compared(labels_a[pair.id], pair, quality) for pair in found.pairs)
    return Comparison(name_a, name_b, compared, _of(found.only_a, labels_a), _of(found.only_b, labels_b), tests)


def _compared(label: str, pair: Pair, quality: Mapping[str, tuple[Difference, ...]]) -> Compared:
    if refused := refusal(pair):
        return Compared(label, pair, refused)
    return Compared(label, pair, "", quality[pair.id], costs(pair), differing(pair), other_hardware(pair))


def _labels(results: Sequence[TrialResult]) -> dict[str, str]:
    """Trial id -> what people call it; a name that two have is told apart by the id."""
    said = variants(results)
    named = {result.trial.id: f"{dataset_name(result)}: {full_label(result, said)}" for result in results}
    names = list(named.values())
    return {id_: f"{name} ({id_})" if names.count(name) > 1 else name for id_, name in named.items()}


def _of(results: Sequence[TrialResult], labels: dict[str, str]) -> tuple[str, ...]:
    return tuple(labels[result.trial.id] for result in results)


def _some(labels: Iterable[str]) -> str:
    names = [f"“{name}”" for name in labels]
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return ", ".join(names[:_NAMED_AT_MOST]) + more
