"""A seeded fuzzer: mutated inputs go into a function, and nothing but our own errors may come out, soon and small.

How to add a target. Make or extend a file ``tests/fuzz/target_SOMETHING.py`` and list the target in its ``TARGETS``;
``test_fuzz.py`` finds every such file by its name::

    from rerankbench_fuzz_engine import Target, in_file

    def read(data: bytes, folder: Path) -> None:           # folder is empty scratch space, the same for every input
        load_thing(in_file(folder / "thing.yaml", data))

    TARGETS = (Target("thing", read, seeds=(b"name: x\\n",), tokens=(b"name", b"depth"), names="thing.yaml"),)

``seeds`` are inputs to begin with, and at least one of them must be read without an error: else nothing behind the
first check would ever be reached. ``tokens`` are words that mean something to the reader, such as its keys. ``names``
is what the message of every error must hold, such as the file's name. ``run`` may return anything; it may raise
``RerankBenchError`` and nothing else. What is to hold beyond that can be asserted in ``run``: an AssertionError is a
find like any other. Import what is heavy inside ``run``, for the file is imported whenever tests are collected.

By hand: ``python -P tests/fuzz/engine.py TARGET SECONDS [SEED]``; without arguments it lists the targets.

Inputs that reach a line of ``bench`` which no other has reached join the corpus (lines are seen by ``sys.settrace``).
A find is told with its seed and the smallest input that was found for it, which is saved too (see ``FOUND``). All
choices come from the seed, so that equal seeds, inputs and code try equal things.
"""

from __future__ import annotations

import importlib.util
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
NAME = "rerankbench_fuzz_engine"
"""What target files import this file as."""
BENCH = str(HERE.parent.parent / "bench") + os.sep
FOUND = Path(os.environ.get("RERANKBENCH_FUZZ_FOUND", str(HERE / "found")))
"""Where finds are saved: TARGET-SEED.bin, and TARGET-SEED.txt that tells of it."""

LONGEST_MESSAGE = 2_000
CPU_SECONDS = 10
"""Of one input; of waiting six times as much is allowed."""
GROWTH_BYTES = 200 << 20
"""How far one input may raise the process's peak memory."""
SPARE_BYTES = 2 << 30
"""Address space that inputs may take up; beyond it a MemoryError tells on them before the machine suffers."""
LARGEST_INPUT = 20_000


@dataclass(frozen=True, slots=True)
class Target:
    """``run`` gets an input and a scratch folder. ``quick`` is how many inputs the default suite tries.

    ``mutations`` are its own, which know the form of its inputs: they take turns with the general ones.
    """

    name: str
    run: Callable[[bytes, Path], object]
    seeds: Sequence[bytes]
    tokens: Sequence[bytes] = ()
    names: str = ""
    quick: int = 150
    mutations: Sequence[Callable[[random.Random, bytes, Sequence[bytes]], bytes]] = ()


@dataclass(slots=True)
class Tally:
    """What a run of the fuzzer has done. ``accepted`` inputs raised nothing."""

    tried: int = 0
    accepted: int = 0
    corpus: int = 0
    slowest_s: float = 0.0
    slowest: bytes = b""
    lines: set[tuple[str, int]] = field(default_factory=set)
    unseen: dict[CodeType, set[int]] = field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f"{self.tried:,} inputs, {self.accepted:,} of them accepted; {len(self.lines):,} lines reached, "
            f"{self.corpus} inputs in the corpus; the slowest took {self.slowest_s:.2f} s"
        )


class Find(AssertionError):
    """An input that did what none may do."""


class TooSlow(BaseException):
    """Not an Exception, so that no handler of the code under test takes it."""


def in_file(path: Path, data: bytes) -> Path:
    """``path``, which now holds ``data``."""
    path.write_bytes(data)
    return path


# ----------------------------------------------------------------------------------------------------- fuzzing


def fuzz(target: Target, *, seed: int = 0, inputs: int | None = None, seconds: float | None = None) -> Tally:
    """Try the seeds, then so many inputs or for so long. Raises Find for the first that does what none may do."""
    rng = random.Random(f"{target.name} {seed}")
    tally, corpus, end = Tally(), list(target.seeds), time.monotonic() + (seconds or 0)
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        with _quiet():
            for data in target.seeds:
                _try(target, data, folder, tally, seed, growing=True)
            if not tally.accepted:
                raise Find(f"{target.name}: every seed is refused, so nothing behind the first check is tried")
            with _spare_memory():
                while tally.tried < inputs + len(target.seeds) if inputs is not None else time.monotonic() < end:
                    data = mutated(rng, corpus, target)
                    if _try(target, data, folder, tally, seed):
                        corpus.append(data)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        tally.corpus = len(corpus)
    return tally


def _try(target: Target, data: bytes, folder: Path, tally: Tally, seed: int, *, growing: bool = False) -> bool:
    """Whether the input reached a new line. ``growing``: memory may, for libraries are imported. Raises Find."""
    known, start = len(tally.lines), time.process_time()
    fault = _fault(target, data, folder, tally)
    if fault is not None and fault.kind == "memory" and growing:
        fault = None
    took = time.process_time() - start
    if fault is not None:
        raise Find(_told(target, data, folder, fault, seed, tally.tried))
    tally.tried += 1
    if took > tally.slowest_s and not growing:
        tally.slowest_s, tally.slowest = took, data
    return len(tally.lines) > known


@dataclass(frozen=True, slots=True)
class _Fault:
    """``kind`` is equal for inputs that fail in the same way: the exception and where it was raised."""

    kind: str
    told: str


def _fault(target: Target, data: bytes, folder: Path, tally: Tally) -> _Fault | None:
    from bench.types import RerankBenchError

    before = _peak_bytes()
    try:
        with _time_limit(), _lines_seen(tally.lines, tally.unseen):
            target.run(data, folder)
        tally.accepted += 1
    except RerankBenchError as error:
        if wrong := wrong_with(str(error), target.names):
            return _Fault(wrong.partition(":")[0], f"{wrong}\n\n{traceback.format_exc()}")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        ours = [each for each in traceback.extract_tb(error.__traceback__) if each.filename.startswith(BENCH)]
        where = ours[-1] if ours else place
        kind = (
            type(error).__name__
            if isinstance(error, (TooSlow, RecursionError, MemoryError))
            else (f"{type(error).__name__} {where.filename}:{where.lineno}")
        )
        return _Fault(kind, traceback.format_exc(limit=-12))
    if (grown := _peak_bytes() - before) > GROWTH_BYTES:
        return _Fault("memory", f"the process grew by {grown >> 20} MiB for an input of {len(data)} bytes")
    return None


def wrong_with(message: str, named: str = "") -> str | None:
    """What no message may be: empty, several lines, full of control characters, endless, silent about the file."""
    if not message.strip():
        return "the message is empty"
    if bad := sorted({each for each in message if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp")}):
        return f"the message holds raw control characters: {bad!r} in {message[:500]!r}"
    if len(message) > LONGEST_MESSAGE:
        return f"the message is too long: {len(message):,} characters, beginning {message[:500]!r}"
    if named not in message:
        return f"the message does not name {named}: {message!r}"
    return None


def _told(target: Target, data: bytes, folder: Path, fault: _Fault, seed: int, number: int) -> str:
    """The find in words, saved with the smallest input that does the same."""
    small = _smallest(target, data, folder, fault.kind) if fault.kind != "memory" else data
    FOUND.mkdir(parents=True, exist_ok=True)
    saved = in_file(FOUND / f"{target.name}-{seed}.bin", small)
    told = (
        f"{target.name}, seed {seed}, input {number}: {fault.kind}\n{fault.told}\n"
        f"smallest input, {len(small)} of {len(data)} bytes, also in {saved}:\n{small[:2000]!r}"
    )
    saved.with_suffix(".txt").write_text(told, encoding="utf-8", errors="backslashreplace")
    return told


def _smallest(target: Target, data: bytes, folder: Path, kind: str, tries: int = 400, seconds: float = 20) -> bytes:
    """Parts of the input are left out, lines first, as long as it still fails in the same way."""
    end = time.monotonic() + seconds
    for cut in (lambda each: each.splitlines(keepends=True), lambda each: [each[i : i + 1] for i in range(len(each))]):
        parts, size = cut(data), 0
        size = max(1, len(parts) // 2)
        while parts and tries > 0 and time.monotonic() < end:
            position, shrunk = 0, False
            while position < len(parts) and tries > 0 and time.monotonic() < end:
                less = parts[:position] + parts[position + size :]
                fault, tries = _fault(target, b"".join(less), folder, Tally()), tries - 1
                if fault is not None and fault.kind == kind:
                    parts, shrunk = less, True
                else:
                    position += size
            if size == 1 and not shrunk:
                break
            size = max(1, size // 2)
        data = b"".join(parts)
    return data


# --------------------------------------------------------------------------------------------------- mutations

AWKWARD: tuple[bytes, ...] = tuple(
    text.encode("utf-8", "surrogatepass")
    for text in (
        "", " ", "~", "null", "true", "no", "0", "-1", "1e400", "-0.0", ".inf", "-.inf", ".nan", "0o17", "017",
        "0x1F", "1_000", "9" * 400, "1" * 5000, "1e-400", "2026-01-02", "2026-13-01", "2026-01-02T03:04:05Z",
        "190:20:30", "\ud800", "\x00", "\x01", "\x1b[31m", "\x7f", "\x85", "\u2028", "\ufeff", "\u202e", "\u200b",
        "\u0301" * 30, "é", "中文", "\U0001f469\u200d\U0001f4bb", "\r", "\r\n", "\t", "\n\n", "'", '"', "\\", "\\u0000",
        "\\ud800", "%s", "{}", "{0.__class__}", "${HOME}", "~nobody", "~/x", "../..", "/", ".", "C:\\x", "a" * 3000,
        "[]", "{}", "[[]]", "{a: {b: {c: 1}}}", "[" * 60 + "]" * 60, "[" * 2000, "{a: " * 300, "- " * 500, "&a [*a]",
        "&x 1", "*x", "*a", "<<: *x", "<<: {a: 1}", "<<: 3", "!!python/object:os.system x", "!!binary aGk=",
        "!!set {a, b}", "!!omap [a: 1]", "!!str 3", "!!int x", "!!float x", "!!timestamp x", "!!null x", "!local x",
        "!<tag:yaml.org,2002:python/none> x", "? [1, 2]\n: 3", "? {a: 1}\n: 2", "1: 2", "null: 2", "true: 3",
        "2026-01-02: 3", "? |\n  long\n: 1", "--- a\n--- b", "...", "%YAML 9.9\n---", "%TAG ! x\n---", "|\n  text",
        ">-\n  text", "|9", "# comment", "@", "`", "=", "nan", "NaN", "Infinity", "-Infinity", '{"a":1,"a":2}',
        "asset:", "asset:tracer-reranker", "shape:", "shape:qwen3-0.6b", "card:", "card:x", "ir:", "ir:a/b",
        "drawn:{}", "drawn:{", "tables:{}", "tables:{", "trec:{}", "hf:{}", "http://x",
    )
)  # fmt: skip
"""Values that readers of texts are known to trip over."""

_PIECE = re.compile(rb"[^\s,:\[\]{}\"'<>]+")
_VALUE = re.compile(rb"(?<=[:,\[{\t-])[ ]*[^,\]}\n\t]+")
_NUMBER = re.compile(rb"-?\d+(\.\d+)?")


def mutated(rng: random.Random, corpus: Sequence[bytes], target: Target) -> bytes:
    """An input of the corpus, changed once to six times; short ones more often, for they are read sooner."""
    data = min(rng.choice(corpus), rng.choice(corpus), key=len)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4, 6))):
        if target.mutations and rng.random() < 0.5:
            data = rng.choice(target.mutations)(rng, data, target.tokens)
        else:
            data = rng.choice(MUTATIONS)(rng, data, corpus, target.tokens)
    return data[:LARGEST_INPUT]


def _flip(rng: random.Random, data: bytes, *_: Any) -> bytes:
    changed = bytearray(data)
    for _each in range(rng.randint(1, 4)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _cut(rng: random.Random, data: bytes, *_: Any) -> bytes:
    first, last = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
    return rng.choice((data[:first], data[first:], data[:first] + data[last:], data[: first + 3] + data[first:]))


def _splice(rng: random.Random, data: bytes, corpus: Sequence[bytes], *_: Any) -> bytes:
    other = rng.choice(corpus)
    if rng.random() < 0.5:
        return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]
    ours, theirs = data.splitlines(keepends=True), other.splitlines(keepends=True)
    at, taken = rng.randint(0, len(ours)), rng.randint(0, len(theirs))
    return b"".join([*ours[:at], *theirs[taken : taken + rng.randint(1, 8)], *ours[at:]])


def _lines(rng: random.Random, data: bytes, *_: Any) -> bytes:
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    at = rng.randrange(len(lines))
    kind = rng.randrange(5)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(rng.randint(0, len(lines)), lines[at])
    elif kind == 2:
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 3:
        lines[at] = rng.choice((b"  ", b" ", b"\t", b"- ", b"#")) + lines[at]
    else:
        lines[at] = lines[at].lstrip()
    return b"".join(lines)


def _repeat(rng: random.Random, data: bytes, *_: Any) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + data[at : at + rng.randint(1, 40)] * rng.choice((2, 3, 50, 400)) + data[at:]


def _insert(rng: random.Random, data: bytes, corpus: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + rng.choice(_words(rng, tokens)) + data[at:]


def _swap(pattern: re.Pattern[bytes], pad: bytes = b"") -> Callable[..., bytes]:
    def swap(rng: random.Random, data: bytes, corpus: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
        found = list(pattern.finditer(data))
        if not found:
            return data
        old = rng.choice(found)
        new = rng.choice(found)[0].lstrip() if rng.random() < 0.2 else rng.choice(_words(rng, tokens))
        return data[: old.start()] + pad + new + data[old.end() :]

    return swap


def _number(rng: random.Random, data: bytes, *_: Any) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    old = rng.choice(found)
    new = rng.choice(
        ("0", "-1", "1", "2", "0.5", "1.0", "-0.0", "1e9", "1e400", "2147483648", "9" * 30, "1.5e-320", "007")
    )
    return data[: old.start()] + new.encode() + data[old.end() :]


def _words(rng: random.Random, tokens: Sequence[bytes]) -> Sequence[bytes]:
    return tokens if tokens and rng.random() < 0.5 else AWKWARD


MUTATIONS: tuple[Callable[..., bytes], ...] = (
    _flip, _cut, _splice, _lines, _lines, _repeat, _insert, _swap(_PIECE), _swap(_PIECE), _swap(_VALUE, b" "),
    _swap(_VALUE, b" "), _number,
)  # fmt: skip


# ------------------------------------------------------------------------------------------------------ guards


@contextmanager
def _lines_seen(seen: set[tuple[str, int]], unseen: dict[CodeType, set[int]]) -> Iterator[None]:
    """The lines of ``bench`` that run meanwhile are added to ``seen``, and taken from ``unseen``, which holds those of
    every function that was called: one of which all lines are known is watched no longer."""

    def line(frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "line" and frame.f_lineno in (left := unseen[frame.f_code]):
            left.discard(frame.f_lineno)
            seen.add((frame.f_code.co_filename, frame.f_lineno))
        return line

    def call(frame: FrameType, _event: str, _arg: Any) -> Any:
        code = frame.f_code
        if code not in unseen:
            ours = code.co_filename.startswith(BENCH)
            unseen[code] = {number for _, _, number in code.co_lines() if number} if ours else set()
        return line if unseen[code] else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        yield
    finally:
        sys.settrace(before)


@contextmanager
def _time_limit() -> Iterator[None]:
    """Raises TooSlow where it is taking too long; in the main thread alone, for only there signals arrive."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlow(f"more than {CPU_SECONDS} s of CPU, or {6 * CPU_SECONDS} s in all")

    before = {number: signal.signal(number, late) for number in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 6 * CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _spare_memory() -> Iterator[None]:
    """No more address space than there is, and ``SPARE_BYTES``; on Linux alone."""
    pages = Path("/proc/self/statm")
    if not pages.is_file():
        yield
        return
    held = int(pages.read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (held + SPARE_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def _quiet() -> Iterator[None]:
    """Warnings are finds; what the code under test prints is not shown (pytest keeps it apart by itself)."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


# ----------------------------------------------------------------------------------------------------- targets


def all_targets() -> dict[str, Target]:
    """Every target of every ``target_*.py``, by name. Raises ValueError for a name that two have."""
    sys.modules.setdefault(NAME, sys.modules[__name__])
    found: dict[str, Target] = {}
    for path in sorted(HERE.glob("target_*.py")):
        for target in load(path.stem).TARGETS:
            if target.name in found:
                raise ValueError(f"{path.name}: two targets are called {target.name!r}")
            found[target.name] = target
    return found


def load(name: str) -> ModuleType:
    """A file of this folder as a module, by its name."""
    full = f"rerankbench_fuzz_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, HERE / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]


def main(arguments: Sequence[str]) -> int:
    sys.path.insert(0, str(HERE.parent.parent))
    targets = all_targets()
    if len(arguments) < 2 or arguments[0] not in targets:
        print("usage: engine.py TARGET SECONDS [SEED]; targets:", *targets)
        return 2
    try:
        print(fuzz(targets[arguments[0]], seconds=float(arguments[1]), seed=int((*arguments, "0")[2])))
    except Find as find:
        print(find)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
