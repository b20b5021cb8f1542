"""The table of names: every name makes a retriever, and a wrong one is met with the right ones."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.retrievers import RETRIEVERS, load_retriever
from bench.types import ConfigError, Trial


def trial(retriever: str) -> Trial:
    return Trial(dataset="x", pipeline="x", retriever=retriever)


@pytest.mark.parametrize("name", ["bm25", "bm25s", "given"])
def test_a_name_makes_a_retriever(name: str) -> None:
    assert callable(load_retriever(trial(name), "cpu").search)


def test_a_wrong_name_is_met_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"known are bm25, bm25s, dense, given\. Did you mean 'bm25'") as caught:
        load_retriever(trial("bm-25"), "cpu")
    assert all(name in str(caught.value) for name in RETRIEVERS)


def test_dense_needs_a_model() -> None:
    with pytest.raises(ConfigError, match="set embedder"):
        load_retriever(trial("dense"), "cpu")


def test_the_table_costs_no_heavy_import() -> None:
    code = (
        "import bench.data, bench.retrievers, sys; "
        "print([name for name in ('torch', 'transformers', 'scipy', 'bm25s', 'rjieba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
