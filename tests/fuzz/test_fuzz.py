"""Whatever is written into a file or behind a command is read, or refused in one line that helps; nothing else."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from bench.types import ConfigError


def _engine() -> ModuleType:
    """``engine.py``, under the name by which the target files import it."""
    name = "rerankbench_fuzz_engine"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("engine.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


engine = _engine()
TARGETS = engine.all_targets()
AT_LENGTH = ("config", "claims", "corpus", "trec-documents", "csv", "prompt")
"""By these comes in what strangers write; the others get a tenth of the time."""


@pytest.mark.parametrize("name", TARGETS)
def test_some_inputs(name: str) -> None:
    """A fixed number of inputs, the same ones each time."""
    target = TARGETS[name]
    print(engine.fuzz(target, inputs=target.quick))


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(TARGETS, key=lambda name: name not in AT_LENGTH))
def test_for_a_long_time(name: str) -> None:
    """RERANKBENCH_FUZZ_SECONDS for each of AT_LENGTH (default 600), from the seed RERANKBENCH_FUZZ_SEED (default 1)."""
    seconds = float(os.environ.get("RERANKBENCH_FUZZ_SECONDS", "600")) * (1 if name in AT_LENGTH else 0.1)
    seed = int(os.environ.get("RERANKBENCH_FUZZ_SEED", "1"))
    print(f"{name}, {seconds:.0f} s: {engine.fuzz(TARGETS[name], seconds=seconds, seed=seed)}")


def test_those_that_are_tried_at_length_exist() -> None:
    assert set(AT_LENGTH) <= set(TARGETS)


# ------------------------------------------------------------------------------------- the fuzzer can find faults


def _found(run: object, seeds: tuple[bytes, ...] = (b"name: x\ndepth: 3\n",), names: str = "") -> str:
    with pytest.raises(engine.Find) as caught:
        engine.fuzz(engine.Target("broken", run, seeds, names=names), inputs=3000)
    return str(caught.value)


@pytest.fixture(autouse=True)
def finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """Finds of broken readers are saved aside."""
    if "broken" in request.node.name:
        monkeypatch.setattr(engine, "FOUND", tmp_path)
    return tmp_path


def test_a_broken_reader_is_found_and_its_input_made_small(finds: Path) -> None:
    def read(data: bytes, folder: Path) -> None:
        if b"\x00" in data and b"depth" in data:
            raise KeyError("depth")

    told = _found(read)
    assert "KeyError" in told
    assert (finds / "broken-0.bin").read_bytes().replace(b"\x00", b"0") in (b"0depth", b"depth0", b"0\ndepth")
    assert "smallest input" in (finds / "broken-0.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        ("", "empty"),
        ("two\nlines", "control characters"),
        ("\x1b[31mred", "control characters"),
        ("x" * 3000, "too long"),
        ("something is wrong", "does not name file.yaml"),
        ("file.yaml: 中文 is no text", None),
    ],
)
def test_what_no_message_may_be(message: str, wrong: str | None) -> None:
    found = engine.wrong_with(message, "file.yaml")
    assert found is None if wrong is None else wrong in found


def test_a_broken_message_is_found() -> None:
    def read(data: bytes, folder: Path) -> None:
        if not data.startswith(b"name"):
            raise ConfigError("something is wrong")

    assert "does not name file.yaml" in _found(read, names="file.yaml")


def test_a_broken_reader_that_hangs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CPU_SECONDS", 0.2)

    def read(data: bytes, folder: Path) -> None:
        while not data.startswith(b"name"):
            pass

    assert "TooSlow" in _found(read, seeds=(b"name",))


@pytest.mark.parametrize(("size", "said"), [(3 << 30, "MemoryError"), (64 << 20, "the process grew by")])
def test_a_broken_reader_that_is_greedy_is_found(monkeypatch: pytest.MonkeyPatch, size: int, said: str) -> None:
    """One that asks for more than there may be, and one that asks for more than is fit (here: 1 MiB)."""
    monkeypatch.setattr(engine, "GROWTH_BYTES", 1 << 20)
    peak = engine._peak_bytes()
    monkeypatch.setattr(engine, "_peak_bytes", lambda: peak if not grown else peak + size)
    grown: list[int] = []

    def read(data: bytes, folder: Path) -> None:
        if not data.startswith(b"name"):
            grown.append(len(bytearray(b"x") * size))

    assert said in _found(read)


def test_a_broken_set_of_seeds_is_found() -> None:
    def read(data: bytes, folder: Path) -> None:
        raise ConfigError("no")

    assert "every seed is refused" in _found(read)


def test_new_lines_are_rewarded_and_all_is_repeatable() -> None:
    from bench.compare.gates import parse_gate

    target = engine.Target("gate", lambda data, _: parse_gate(data.decode("latin-1")), (b"ndcg@10 >= -0.005",))
    first, again = (engine.fuzz(target, inputs=300, seed=7) for _ in range(2))
    assert (first.tried, first.accepted, first.corpus, first.lines) == (
        again.tried, again.accepted, again.corpus, again.lines,
    )  # fmt: skip
    assert first.corpus > 1
    assert engine.fuzz(target, inputs=300, seed=8).accepted != first.accepted
