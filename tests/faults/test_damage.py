"""A file of a results folder that is cut off or has another bit is told, set aside and made again; nobody reads it."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CONFIG = """
name: damage
datasets: [small]
trial: {depth: 5, device: cpu, measures: [ndcg@10, map], scenarios: []}
pipelines:
  BM25: {}
  Embedding: {retriever: dense, embedder: asset:tracer-embedder}
  Reranked: {retriever: dense, embedder: asset:tracer-embedder, reranker: asset:tracer-reranker}
"""


def flipped(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def cut(path: Path, rng: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])


def zeroed(path: Path, rng: random.Random) -> None:
    """The end of the file as a file system may leave it after the power went."""
    size = path.stat().st_size
    kept = rng.randrange(size)
    path.write_bytes(path.read_bytes()[:kept] + b"\0" * (size - kept))


DAMAGES = (flipped, cut, zeroed)


def ran(config: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "bench", "run", str(config), "--out", str(out), "--quiet"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def results(out: Path) -> dict[str, bytes]:
    """What a reader sees of quality: rankings, judgements, and the table, which has no times in it."""
    found = {f"{path.parent.name}/{path.name}": path.read_bytes() for path in (out / "runs").glob("*.trec")}
    found |= {path.name: path.read_bytes() for path in (out / "qrels").glob("*.qrels")}
    lines = (out / "summary.csv").read_text().splitlines()
    return {**found, "summary": "\n".join(sorted(lines)).encode()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, module_small_set: Path) -> tuple[Path, Path]:
    """A config, and the folder of its undisturbed run."""
    folder = module_small_set.parent
    config = folder / "damage.yaml"
    config.write_text(CONFIG)
    done = ran(config, folder / "whole")
    assert (done.returncode, done.stderr) == (0, "")
    return config, folder / "whole"


def damaged_run(
    whole: tuple[Path, Path], tmp_path: Path, damage: Callable[[Path, random.Random], None], victim: str, seed: int
) -> None:
    """Damage one file of a copy, run the config again, and find what an undisturbed run has."""
    config, good = whole
    out, rng = tmp_path / f"{seed}", random.Random(seed)
    shutil.copytree(good, out)
    path = out / victim
    before = path.read_bytes()
    damage(path, rng)
    if path.read_bytes() == before:
        return
    told = f"{damage.__name__} {victim}, seed {seed}"
    done = ran(config, out)
    assert done.returncode == 0, f"{told}: {done.stderr}"
    assert results(out) == results(good), told
    again = ran(config, out)
    assert (again.returncode, again.stderr) == (0, ""), told
    shutil.rmtree(out)


@pytest.mark.long
def test_a_damaged_result_is_set_aside_and_made_again(whole: tuple[Path, Path], tmp_path: Path) -> None:
    config, good = whole
    out, rng = tmp_path / "out", random.Random(1)
    shutil.copytree(good, out)
    kept, *lost = sorted(out.glob("trials/*.json"))
    scores = [*out.glob("quality/*.json"), *out.glob("quality/*.run.trec")]
    vectors = sorted(out.glob("cache/*.npy"))
    victims = [*lost, *scores, *vectors]
    for number, path in enumerate(victims):
        DAMAGES[number % len(DAMAGES)](path, rng)
    broken = {path: path.read_bytes() for path in victims}
    before = kept.read_bytes()
    done = ran(config, out)
    assert done.returncode == 0, done.stderr
    assert results(out) == results(good)
    assert kept.read_bytes() == before, "what was whole was not run again"
    told = done.stderr
    for path in [*lost, *vectors]:
        assert path.with_name(f"{path.name}.damaged").read_bytes() == broken[path], "set aside, not lost"
        assert path.name in told, "and named"
    again = ran(config, out)
    assert (again.returncode, again.stderr) == (0, "")


@pytest.mark.long
def test_what_lies_beside_a_result_is_written_again_and_nothing_is_run(
    whole: tuple[Path, Path], tmp_path: Path
) -> None:
    config, good = whole
    out, rng = tmp_path / "out", random.Random(2)
    shutil.copytree(good, out)
    before = {path: path.stat().st_mtime_ns for path in out.glob("trials/*.json")}
    for number, path in enumerate(
        [*out.glob("runs/*"), *out.glob("qrels/*"), *out.glob("explorer/*"), out / "run.json", out / "report.html"]
    ):
        DAMAGES[number % len(DAMAGES)](path, rng)
    done = ran(config, out)
    assert done.returncode == 0, done.stderr
    assert results(out) == results(good)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len([line for line in done.stderr.splitlines() if "set aside" in line]) == len([*good.glob("runs/*")]) + 1


@pytest.mark.long
def test_who_only_reads_is_refused_and_moves_nothing(
    whole: tuple[Path, Path], tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(whole[1], out)
    for kind, asked in (
        ("trials/*.json", ["report", out]),
        ("trials/*.json", ["compare", out, whole[1]]),
        ("runs/*.trec", ["export", out, "--format", "trec", "--to", tmp_path / "to"]),
        ("run.json", ["report", out]),
    ):
        victim = sorted(out.glob(kind))[0]
        kept = victim.read_bytes()
        flipped(victim, random.Random(1))
        code, said, told = command(*asked)
        assert code == 7, f"{asked}: {said}{told}"
        assert victim.name in told
        assert len(told.splitlines()) == 1
        victim.write_bytes(kept)
    assert not list(out.rglob("*.damaged*"))


@pytest.mark.soak
def test_any_file_damaged_anyhow(whole: tuple[Path, Path], tmp_path: Path) -> None:
    """RERANKBENCH_DAMAGES files of a results folder, drawn at random."""
    good = whole[1]
    files = sorted(
        path.relative_to(good).as_posix()
        for path in good.rglob("*")
        if path.is_file() and path.stat().st_size and path.parent.name not in ("locks", "logs")
    )
    rng = random.Random(8)
    times = int(os.environ.get("RERANKBENCH_DAMAGES", "100"))
    for seed in range(times):
        damaged_run(whole, tmp_path, rng.choice(DAMAGES), rng.choice(files), seed)
    print(f"{times} damaged files of {len(files)}: every table as it was")
