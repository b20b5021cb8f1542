"""The nearest documents of many queries, in memory bounded by neither the corpus nor the number of queries.

Scores exist for a block of queries and a block of documents at a time; the best k so far meet the best k of the next
block. Documents with equal scores are told apart by their place in ``rank``'s order, so that k of them per query are
enough to carry on: what a block leaves out has k others before it and could not have come back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

BLOCK_SCORES = 2**25
"""Scores held at once: 128 MiB as 32-bit floats."""

BLOCK_QUERIES = 2**10
"""Queries in a block, at most. The rest of the room goes to documents, all of which are read once for each block."""


def tie_order(ids: Sequence[str], device: str) -> Any:
    """Each document's place among all if their scores were equal, shape (documents,): ``rank`` puts high ids first."""
    import torch

    order = torch.empty(len(ids), dtype=torch.int32)
    order[sorted(range(len(ids)), key=ids.__getitem__, reverse=True)] = torch.arange(len(ids), dtype=torch.int32)
    return order.to(device)


def nearest(
    queries: Any,
    documents: Any,
    order: Any,
    k: int,
    *,
    block_scores: int = BLOCK_SCORES,
    block_queries: int = BLOCK_QUERIES,
) -> Iterator[tuple[Any, Any]]:
    """Per query (scores, positions) of the ``k`` documents that ``rank`` puts first, as numpy arrays in no order.

    ``queries`` and ``documents`` are tensors of shape (count, dimensions), and ``order`` comes from ``tie_order``, all
    three on one device. Scores that are not numbers are passed on, for ``rank`` to refuse.
    """
    import torch

    everything = torch.arange(len(documents), device=documents.device)
    for block in queries.split(max(1, min(block_queries, block_scores))):
        step = max(1, block_scores // len(block))
        kept: tuple[Any, Any] | None = None
        for start in range(0, len(documents), step):
            part = slice(start, start + step)  # the scores get no name, lest they outlive their turn
            found = _first(block @ documents[part].T, everything[part].expand(len(block), -1), order, k)
            if kept is not None:
                found = _first(torch.cat((kept[0], found[0]), 1), torch.cat((kept[1], found[1]), 1), order, k)
            kept = found
        if kept is not None:
            yield from zip(kept[0].cpu().numpy(), kept[1].cpu().numpy(), strict=True)


def _first(scores: Any, positions: Any, order: Any, k: int) -> tuple[Any, Any]:
    """The ``k`` columns of each row that come first by score, then by ``order``; both of shape (queries, columns)."""
    import torch

    if scores.shape[1] <= k:
        return scores, positions
    values, columns = scores.topk(k + 1, dim=1)
    # topk leaves open which of several equal scores it takes, so a tie across the cut is settled here. The one score
    # beyond the cut tells whether there is one; to count equal scores would take as long as a third of the search.
    tied = (values[:, k] == values[:, k - 1]).nonzero().squeeze(1).tolist()
    values, found = values[:, :k], positions.gather(1, columns[:, :k])
    for row in tied:
        last = values[row, k - 1].clone()
        above = (scores[row] > last).nonzero().squeeze(1)
        equal = positions[row][scores[row] == last]
        chosen = equal[order[equal].argsort()[: k - len(above)]]
        values[row] = torch.cat((scores[row][above], last.expand(len(chosen))))
        found[row] = torch.cat((positions[row][above], chosen))
    return values, found
