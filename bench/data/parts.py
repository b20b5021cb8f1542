"""Parts of a split: which queries are there to choose by (dev) and which to judge with (test), drawn by their ids.

::

    test/dev            half of the queries of the split `test`
    test/test           the other half
    test/dev~0.3#7      about 30% of them, drawn with the seed 7; the rest is test/test~0.3#7

A query's side is a hash of the seed and its id. So it stays where it is when the set grows or shrinks, whatever the
order of the file, and no query is ever on both sides. The share is kept on average, not to the query.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from bench.types import ConfigError, DataError, Dataset

HALF = 0.5
_NAME = re.compile(r"(?P<split>[^/]+)/(?P<side>dev|test)(?:~(?P<share>0?\.\d+))?(?:#(?P<seed>\d{1,18}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """One side of a split. ``dev_share`` of its queries, about, are on the side dev."""

    split: str
    side: Literal["dev", "test"]
    dev_share: float = HALF
    seed: int = 0

    @property
    def name(self) -> str:
        """As a trial's ``split`` has it."""
        share = "" if self.dev_share == HALF else f"~{Decimal(repr(self.dev_share)):f}"
        return f"{self.split}/{self.side}{share}{f'#{self.seed}' if self.seed else ''}"

    def holds(self, query_id: str) -> bool:
        digest = hashlib.sha256(f"{self.seed}\t{query_id}".encode(errors="surrogateescape")).digest()
        on_dev = int.from_bytes(digest[:8], "big") < self.dev_share * 2**64
        return on_dev == (self.side == "dev")


def parse_part(split: str) -> Part | None:
    """The part that a split's name asks for; None for a whole split. Raises ConfigError for a name that is neither."""
    if "/" not in split:
        return None
    found = _NAME.fullmatch(split)
    share = float(found["share"] or HALF) if found else 0.0
    if found is None or not 0 < share < 1:
        raise ConfigError(
            f"the split {split!r} has a slash and is no part of a split; write test/dev or test/test, with a share "
            "and a seed as in test/dev~0.3#7"
        )
    side: Literal["dev", "test"] = "dev" if found["side"] == "dev" else "test"
    return Part(found["split"], side, share, int(found["seed"] or 0))


def part_of(dataset: Dataset, part: Part) -> Dataset:
    """The set with the queries of that part alone. Raises DataError where there are none."""
    queries = tuple(query for query in dataset.queries if part.holds(query.id))
    if not queries:
        raise DataError(
            f"{dataset.name}: none of the {len(dataset.queries)} queries of the split {dataset.split!r} falls to "
            f"{part.name}; take another seed or share, or a larger set"
        )
    return replace(
        dataset, split=part.name, queries=queries, qrels={query.id: dataset.qrels[query.id] for query in queries}
    )
