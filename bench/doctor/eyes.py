"""Sees the token ids that go into a model, whatever engine drives it: the rows looked up in its table of embeddings.

Every engine that runs in this process must look there, be it transformers' own model or arithmetic of its own, so
nothing need be known of its inside. What an engine runs in another process, or compiled, is not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LOOK_UPS = {"aten.embedding.default": 1, "aten.index.Tensor": 1, "aten.index_select.default": 2}
"""Operations that pick rows of a table, and which argument says the rows."""


def tokens_seen(score: Callable[[], Any], table: tuple[int, int]) -> list[int]:
    """The ids looked up while ``score()`` runs, in order. ``table`` is the embeddings' (rows, width)."""
    from torch.utils._python_dispatch import TorchDispatchMode

    ids: list[Any] = []

    class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            place = LOOK_UPS.get(str(operation))
            if place is not None and len(args) > place and _is_table(args[0], table):
                rows = args[place]
                ids.append(rows[0] if isinstance(rows, list | tuple) else rows)
            return operation(*args, **(kwargs or {}))

    with Watch():  # type: ignore[no-untyped-call]
        score()
    return [int(id) for rows in ids for id in rows.flatten().tolist()]


def _is_table(tensor: Any, table: tuple[int, int]) -> bool:
    return tuple(getattr(tensor, "shape", ())) == table and tensor.is_floating_point()
