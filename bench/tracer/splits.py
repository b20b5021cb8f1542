"""One rule for all splits: a pair of parts (i, j) belongs to the split that owns ``(i + j) mod 5``.

It holds for sentences (frame, phrase) and for names (first part, second part). Each part on its own occurs in every
split, no pair occurs in two.
"""

from __future__ import annotations

from random import Random

SPLITS = ("train", "dev", "test")
RESIDUES: dict[str, tuple[int, ...]] = {"train": (0, 1, 2), "dev": (3,), "test": (4,)}
MODULUS = 5


def owner(i: int, j: int) -> str:
    """The split that may use the pair."""
    return next(split for split, residues in RESIDUES.items() if (i + j) % MODULUS in residues)


def pairs(split: str, rows: int, columns: int) -> list[tuple[int, int]]:
    """All pairs of a ``rows`` x ``columns`` table that belong to the split, in reading order."""
    return [(i, j) for i in range(rows) for j in range(columns) if owner(i, j) == split]


def partner(rng: Random, split: str, fixed: int, size: int) -> int:
    """A random index below ``size`` that may stand beside ``fixed`` in this split."""
    return rng.choice([i for i in range(size) if owner(i, fixed) == split])
