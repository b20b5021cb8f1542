"""Engines that need no model, in the table of engines and in the workers' processes."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.rerankers import ENGINES

STAND_IN = Path(__file__).with_name("stand_in.py")


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[None]:
    """The engines of ``stand_in.py`` can be named in configs, and workers have them."""
    spec = importlib.util.spec_from_file_location("rerankbench_stand_in", STAND_IN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["rerankbench_stand_in"] = module
    spec.loader.exec_module(module)
    with pytest.MonkeyPatch.context() as patch:
        for name in module.NAMES:
            patch.setitem(ENGINES, name, f"rerankbench_stand_in:{name.title()}")
        patch.setattr("bench.engines.link.COMMAND", (sys.executable, "-P", str(STAND_IN)))
        yield
    del sys.modules["rerankbench_stand_in"]
