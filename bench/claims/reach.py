"""What no reranker could exceed: the best order of the first stage's candidates, and the depth at which it would do.

The first stage's ceiling is a recall; a printed nDCG or hit rate has a ceiling of its own, which is the figure of the
candidates ordered by their grades. More candidates can only raise it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.claims.measures import Tested
from bench.claims.words import Figure, Reach
from bench.keys import quality_key
from bench.measures import evaluate
from bench.types import Dataset, QualityPass, Run, rank

Means = Callable[[Sequence[dict[str, float]]], float]
"""Values of every query, set by set -> the figure."""


def reach(figure: Figure, ours: Sequence[Tested], mean: Means) -> Reach | None:
    """None without a reranker, or where the candidates are not to be had. ``mean`` makes the figure of the values.

    ``enough`` is looked for down to where the quality passes went, which may be deeper than the trials.
    """
    held: list[tuple[Dataset, QualityPass]] = []
    for each in ours:
        made = each.store.find_quality(quality_key(each.item.trial), each.result.inputs, each.result.trial.depth)
        if each.item.trial.reranker is None or each.item.dataset is None or made is None or not made.complete:
            return None
        held.append((each.item.dataset, made))

    def at(depth: int | None) -> float:
        return mean([
            ideal(made.first_stage, dataset, depth or each.result.trial.depth, figure.measure)
            for each, (dataset, made) in zip(ours, held, strict=True)
        ])  # fmt: skip

    ceiling, depth = at(None), max(each.result.trial.depth for each in ours)
    deepest = min(made.depth for _, made in held)
    if ceiling >= figure.printed.value or at(deepest) < figure.printed.value:
        return Reach(ceiling, depth)
    low, high = min(each.result.trial.depth for each in ours), deepest
    while high - low > 1:  # at(low) is below the figure, at(high) is not
        middle = (low + high) // 2
        low, high = (low, middle) if at(middle) >= figure.printed.value else (middle, high)
    return Reach(ceiling, depth, high)


def ideal(first_stage: Run, dataset: Dataset, depth: int, measure: str) -> dict[str, float]:
    """A measure's value per query where the best ``depth`` candidates stand in the order of their grades."""
    best = {
        query_id: rank((doc.doc_id, grades.get(doc.doc_id, 0)) for doc in first_stage.get(query_id, ())[:depth])
        for query_id, grades in dataset.qrels.items()
    }
    return evaluate(best, dataset.qrels, [measure])[measure]
