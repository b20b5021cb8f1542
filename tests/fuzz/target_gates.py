"""Gates of ``rerankbench compare``."""

from __future__ import annotations

import math
from pathlib import Path

from rerankbench_fuzz_engine import Target


def _gate(data: bytes, folder: Path) -> None:
    from bench.compare.gates import parse_gate

    gate = parse_gate(data.decode("utf-8", "surrogateescape"))
    again = parse_gate(str(gate))
    assert (again.name, again.operator) == (gate.name, gate.operator)
    assert math.isclose(again.bound, gate.bound, rel_tol=1e-10)
    assert isinstance(gate.holds(0.1), bool)


TARGETS = (
    Target(
        "gate",
        _gate,
        seeds=(b"ndcg@10 >= -0.005", b"latency_p95_s <= +10%", b"map > .5e-3", b"recall@5<0"),
        tokens=(
            b"ndcg",
            b"mrr@",
            b"map",
            b"peak_rss_mb",
            b">=",
            b"<=",
            b"<",
            b"%",
            "−".encode(),
            b"+",
            b"1e9",
            b"1e-400",
        ),
        quick=1000,
    ),
)
