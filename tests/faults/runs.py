"""Runs that are about to be disturbed: a set for them, their processes, and what they may not leave."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

WORDS = tuple(
    first + last for first in re.findall("..", "badefigokulamenopiru") for last in re.findall("..", "taselimonuvi")
)
ALIKE = """
import os, signal, sys
for number in (1, 2, 15):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""A process is to begin with every signal as usual, whoever started the tests and ignored some."""

STANDS_STILL = '''
"""In a trial's process and in an engine's: instead of any work, start other processes and wait with them for ever."""
import json, os, subprocess, sys, types, time

def stand_still(*given):
    began = [subprocess.Popen(["sleep", "1000"]), subprocess.Popen(["sleep", "1000"], start_new_session=True)]
    numbers = {"group": began[0].pid, "away": began[1].pid, "itself": os.getpid()}
    forked = os.fork()
    if forked == 0:
        time.sleep(1000)
    numbers["forked"] = forked
    print("a library says hello", flush=True)
    os.write(1, b"and so does C\\n")
    with open(os.environ["NUMBERS"] + ".new", "w") as file:
        json.dump(numbers, file)
    os.rename(file.name, os.environ["NUMBERS"])
    if len(given) == 3:
        given[1]("stand still", 0, 0)
    then = os.environ.get("THEN", "wait")
    if then == "die":
        os._exit(9)
    if then == "killed":
        os.kill(os.getpid(), 9)
    if then == "raise":
        raise ValueError("no such luck")
    time.sleep(1000)

if "bench.child" in sys.orig_argv:
    sys.modules["bench.trial"] = types.ModuleType("bench.trial")
    sys.modules["bench.trial"].carry_out = stand_still
if "bench.engines.worker" in sys.orig_argv:
    import bench.machine.device
    bench.machine.device.set_threads = stand_still
'''


def write_set(folder: Path, documents: int = 300, queries: int = 12) -> Path:
    """A labelled set in BEIR layout, the same every time: a query's words stand in its relevant documents."""
    rng = random.Random(20261126)
    asked = {f"q{n}": rng.sample(WORDS, 3) for n in range(queries)}
    corpus, qrels = [], []
    for n in range(documents):
        words = rng.choices(WORDS, k=rng.randrange(12, 40))
        if n < 3 * queries:
            query = f"q{n % queries}"
            words[2:2] = asked[query][: 1 + n // queries]
            qrels.append(f"{query}\td{n}\t{1 + n // queries}\n")
        corpus.append(json.dumps({"_id": f"d{n}", "title": words[0], "text": " ".join(words[1:])}) + "\n")
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text("".join(corpus), encoding="utf-8")
    lines = (json.dumps({"_id": name, "text": " ".join(words)}) + "\n" for name, words in asked.items())
    (folder / "queries.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(qrels), encoding="utf-8")
    return folder


def surroundings(temporary: Path, **more: str) -> dict[str, str]:
    """The environment of a run with a temporary folder of its own."""
    temporary.mkdir(exist_ok=True)
    return {**os.environ, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1", **more}


def stands_still(folder: Path) -> dict[str, str]:
    """What to add to the environment so that trials and engines stand still; ``NUMBERS`` lists their processes then."""
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / "sitecustomize.py").write_text(STANDS_STILL)
    before = os.environ.get("PYTHONPATH")
    path = os.pathsep.join(filter(None, (str(folder / "site"), before)))
    return {"PYTHONPATH": path, "NUMBERS": str(folder / "numbers")}


def begin(arguments: Sequence[object], env: dict[str, str], **options: Any) -> subprocess.Popen[str]:
    """``rerankbench ARGUMENTS`` as the head of a process group."""
    command = [sys.executable, "-c", ALIKE, sys.executable, "-P", "-m", "bench", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=env, text=True, process_group=0, **{**pipes, **options})


def until(holds: Callable[[], object], process: subprocess.Popen[str] | None = None, limit_s: float = 60.0) -> None:
    """Wait for that; it is an error where it does not come about, and where the process ends before."""
    deadline = time.monotonic() + limit_s
    while not holds():
        if process is not None and process.poll() is not None:
            said = process.communicate()
            raise AssertionError(f"it ended with {process.returncode}: {said}")
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def numbered(folder: Path) -> dict[str, psutil.Process]:
    """The processes of a trial that stands still and are there: ``itself``, and those that it has started.

    One is in its ``group``, one has gone ``away`` into a session of its own, one was ``forked`` and holds its files.
    """
    found = {}
    for name, number in json.loads((folder / "numbers").read_text()).items():
        with suppress(psutil.NoSuchProcess):
            found[name] = psutil.Process(number)
    return found


def send(process: subprocess.Popen[str], number: int, whom: str) -> None:
    """To the ``group``, as a terminal does, or to the process ``alone``."""
    (os.killpg if whom == "group" else os.kill)(process.pid, number)


def kill_all(process: subprocess.Popen[str]) -> None:
    """The process and all below it, as when the machine loses its power."""
    try:
        below = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        below = []
    for each in (psutil.Process(process.pid), *below):
        try:
            each.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue


def left_behind(temporary: Path, results: Path | None = None) -> list[str]:
    """What a run has no business leaving: its folders in the temporary one, unfinished files among its results."""
    found = [path.name for path in temporary.iterdir() if path.name.startswith("rerankbench")]
    if results is not None:
        found += [str(path.relative_to(results)) for path in results.rglob(".*")]
        found += [str(path.relative_to(results)) for path in results.rglob("*.damaged*")]
    return found


def finished(out: Path) -> dict[str, tuple[int, str]]:
    """The trials of a folder that ended well: when their files were written, and what these hold."""
    found = {}
    for path in sorted((out / "trials").glob("*.json")):
        payload = path.read_bytes()
        if json.loads(payload)["status"] == "ok":
            found[path.name] = path.stat().st_mtime_ns, hashlib.sha256(payload).hexdigest()
    return found


def quality(out: Path) -> dict[str, bytes]:
    """All that is said of rankings and their quality, byte by byte: what no disturbance may change."""
    said = {}
    for path in sorted((out / "trials").glob("*.json")):
        result = json.loads(path.read_bytes())
        kept = {name: result.get(name) for name in ("trial", "status", "quality", "dataset", "inputs", "run_file")}
        said[path.name] = json.dumps(kept, sort_keys=True).encode()
    for kind in ("runs/*", "qrels/*", "quality/*.trec"):
        said |= {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.glob(kind))}
    return said
