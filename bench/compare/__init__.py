"""Two results folders, trial by trial: what changed, by how much, whether the queries carry it, and whether that is
within the bounds that were set. Pure but for ``compare_folders``, which reads; nothing is written into either.

``match`` pairs trials, ``figures`` computes, ``gates`` and ``rulings`` hold bounds against it, ``sections`` has the
words and tables, ``show`` prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.compare.differs import differing, other_hardware
from bench.compare.figures import CostChange, Difference, costs, count_tests, differences
from bench.compare.gates import Gate
from bench.compare.match import Matching, Pair, match, refusal
from bench.finished import finished_results
from bench.report.groups import dataset_name, full_label, variants
from bench.types import StoreError, TrialResult

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
    """Raises StoreError for a folder that cannot be read, and where the two have no trial in common."""
    return compare(finished_results(a), finished_results(b), str(a), str(b))


def compare(a: Sequence[TrialResult], b: Sequence[TrialResult], name_a: str = "A", name_b: str = "B") -> Comparison:
    found = match(a, b)
    labels_a, labels_b = _labels(a), _labels(b)
    if not found.pairs:
        raise StoreError(
            f"{name_a} and {name_b} have no trial in common, by id or by dataset, split and pipeline. "
            f"{name_a} has {_some(labels_a.values())}; {name_b} has {_some(labels_b.values())}"
        )
    reasons = [refusal(pair) or _no_query(pair) for pair in found.pairs]
    open_to_it = [pair for pair, reason in zip(found.pairs, reasons, strict=True) if not reason]
    tested = differences(open_to_it)
    quality = iter(tested)
    compared = tuple(
        Compared(labels_a[pair.a.trial.id], pair, reason)
        if reason
        else Compared(
            labels_a[pair.a.trial.id], pair, "", next(quality), costs(pair), differing(pair), other_hardware(pair)
        )
        for pair, reason in zip(found.pairs, reasons, strict=True)
    )
    return Comparison(
        name_a, name_b, compared, _of(found.only_a, labels_a), _of(found.only_b, labels_b), count_tests(tested)
    )


def _no_query(pair: Pair) -> str:
    a, b = ({q for values in each.quality.per_query.values() for q in values} if each.quality else set[str]()
            for each in (pair.a, pair.b))  # fmt: skip
    return "no query was judged in both" if a and b and not a & b else ""


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


__all__ = ["Compared", "Comparison", "Gate", "Matching", "compare", "compare_folders"]
