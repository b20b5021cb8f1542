"""The memory meter in a process of its own, where a trial reads it: a known amount is read within 5%."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TAKES = """
import json, sys
from bench.machine.meter import peak_rss_bytes, rss_bytes

size = int(sys.argv[1])
baseline = rss_bytes()
held = bytearray(size)
held[::4096] = b"x" * len(held[::4096])
del held
print(json.dumps([peak_rss_bytes(), baseline, rss_bytes()]))
"""


@pytest.mark.parametrize("size", [300_000_000, 600_000_000])
def test_memory_that_was_held_and_let_go_is_read(root: Path, size: int) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", TAKES, str(size)],
        capture_output=True, text=True, check=True, timeout=60, env={"PYTHONPATH": str(root)},
    )  # fmt: skip
    peak, baseline, after = json.loads(done.stdout)
    if peak is None:
        pytest.skip("this system keeps no mark of peak memory")
    assert peak - baseline == pytest.approx(size, rel=0.05)
    assert after - baseline < 0.05 * size, "the peak is a mark that stays, not what is held at the end"
