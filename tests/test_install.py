"""What is installed is what was tested: built, unpacked, and run outside the checkout."""

from __future__ import annotations

import csv
import email
import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

TRAVELS = {"bench": "bench", "configs": "bench/configs", "datasets": "bench/datasets"}
"""Folder of the checkout -> where it lies in an installed package."""
BUILT_FROM = {"pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "LICENCES.md", "constraints.txt"}
WRITTEN_BY_SETUPTOOLS = ("PKG-INFO", "setup.cfg", "rerankbench.egg-info/")

CONFIGS = """
import json
from bench.claims import is_claims
from bench.claims.file import load_claims
from bench.config.plan import load_plan
from bench.engines import is_benchmark
from bench.shipped import shipped_configs
from bench.study import is_study
from bench.study.file import load_study

def ids(path):
    if is_study(path):
        return [trial.id for trial in load_study(path).dev_trials]
    if is_claims(path):
        return [trial.id for trials in load_claims(path).trials.values() for trial in trials]
    return [trial.id for trial in load_plan(path).trials]

print(json.dumps({name: ids(path) for name, path in shipped_configs().items() if not is_benchmark(path)}))
"""


def listed(root: Path, *folders: str) -> list[str]:
    """Files that git tracks, or would: what is ignored is no part of the project."""
    asked = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *folders]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no checkout of git's, so nothing says which files belong to the project")
    return [name for name in dict.fromkeys(told.split("\0")) if name and (root / name).is_file()]


def build(kind: str, source: Path, to: Path) -> Path:
    """A ``wheel`` or an ``sdist`` by the build backend itself, in this environment."""
    to.mkdir(exist_ok=True)
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(to)!r}))"
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "absent from" not in done.stdout + done.stderr, "setuptools calls a folder a package that is not listed"
    return to / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def source(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files alone, so that building leaves nothing in the checkout and takes nothing from it."""
    folder = tmp_path_factory.mktemp("source")
    for name in (*listed(root, *TRAVELS), *(name for name in BUILT_FROM if (root / name).is_file())):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, folder / name)
    (folder / "datasets" / "mine").mkdir()
    (folder / "datasets" / "mine" / "corpus.jsonl").write_text("{}\n", encoding="utf-8")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_nothing.py").write_text("", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", source, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def environment(home: Path, **further: str) -> dict[str, str]:
    """Nothing that leads back to the checkout, to a cache or to a hub."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "RERANKBENCH", "HF_", "XDG"))
    }
    return {**kept, "HOME": str(home), "HF_HUB_OFFLINE": "1", "LC_ALL": "C.UTF-8", **further}


def ran(command: Sequence[str | Path], cwd: Path, env: dict[str, str]) -> str:
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def quality(results: Path) -> dict[str, dict[str, str]]:
    """Trial -> what of its row in the summary is no measurement of a machine, and the dataset's name as told."""
    with (results / "summary.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kept = ("dataset", "pipeline", "status", "ceiling", "map", "map_low", "map_high", "queries")
    return {row["trial"]: {key: row[key] for key in row if "@" in key or key in kept} for row in rows}


# ----------------------------------------------------------------------------------------------------- what is built


def test_a_wheel_holds_every_file_of_the_program_and_no_other(root: Path, wheel: Path) -> None:
    held = contents(wheel)
    own = {name for name in held if ".dist-info/" not in name}
    expected = {
        f"{inside}{name.removeprefix(folder)}": name
        for folder, inside in TRAVELS.items()
        for name in listed(root, folder)
    }
    assert own == set(expected)
    assert [name for name in sorted(own) if held[name] != (root / expected[name]).read_bytes()] == []
    for part in ("assets/tracer-reranker/model.safetensors", "report/page.js", "report/zh/core.yaml", "py.typed"):
        assert f"bench/{part}" in own
    assert {name.split("/")[0] for name in own} == {"bench"}, "`datasets` must not become a package of that name"


def test_its_metadata_is_whole(root: Path, wheel: Path) -> None:
    held = contents(wheel)
    (name,) = (name for name in held if name.endswith(".dist-info/METADATA"))
    told = email.message_from_bytes(held[name])
    assert told["License-Expression"] == "Apache-2.0" and told["Requires-Python"] == ">=3.11"
    assert told["Description-Content-Type"] == "text/markdown"
    assert (root / "README.md").read_text(encoding="utf-8").strip() in held[name].decode()
    assert held[name.replace("METADATA", "entry_points.txt")].decode().split("\n")[1] == "rerankbench = bench.cli:main"
    assert held[name.replace("METADATA", "licenses/LICENSE")] == (root / "LICENSE").read_bytes()


def test_a_source_distribution_holds_what_a_wheel_is_built_from(
    root: Path, sdist: Path, wheel: Path, tmp_path: Path
) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (top,) = tmp_path.iterdir()
    held = {path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file()}
    own = {name for name in held if not name.startswith(WRITTEN_BY_SETUPTOOLS)}
    assert own == {*listed(root, *TRAVELS), *(name for name in BUILT_FROM if (root / name).is_file())}
    assert contents(build("wheel", top, tmp_path / "again")) == contents(wheel)


# --------------------------------------------------------------------------------------- unpacked, in this environment


def test_an_unpacked_wheel_finds_what_it_brought_and_asks_for_the_same_trials(
    root: Path, unpacked: Path, tmp_path: Path
) -> None:
    env = environment(tmp_path, PYTHONPATH=str(unpacked))
    code = "import bench, bench.shipped as s; print(bench.__file__); print(s.shipped_folder())"
    assert ran([sys.executable, "-P", "-c", code], tmp_path, env).split() == [
        str(unpacked / "bench" / "__init__.py"),
        str(unpacked / "bench"),
    ]
    told = json.loads(ran([sys.executable, "-P", "-c", CONFIGS], tmp_path, env))
    here = json.loads(ran([sys.executable, "-P", "-c", CONFIGS], root, {**os.environ, "HOME": str(tmp_path)}))
    assert told == here and len(told["quickstart"]) == 3
    listing = ran([sys.executable, "-P", "-m", "bench", "datasets", "show", "scifact"], tmp_path, env)
    assert "SciFact" in listing


def test_datasets_is_no_name_of_ours(unpacked: Path, tmp_path: Path) -> None:
    """The package of that name, where it is installed, must stay the one that is found."""
    code = "from importlib.util import find_spec; print(find_spec('datasets'), find_spec('configs'))"
    said = ran([sys.executable, "-P", "-c", code], tmp_path, environment(tmp_path, PYTHONPATH=str(unpacked)))
    assert str(unpacked) not in said


def test_an_installed_program_takes_no_commit_from_the_checkout_it_lies_in(unpacked: Path, tmp_path: Path) -> None:
    """A virtual environment often lies in somebody's repository, whose commits say nothing of this code."""
    site = tmp_path / "venv" / "site"
    shutil.copytree(unpacked / "bench", site / "bench", ignore=shutil.ignore_patterns("assets", "datasets"))
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e"]
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    for step in (["init", "-q"], ["add", "mine.txt"], ["commit", "-qm", "mine"]):
        subprocess.run([*git, *step], check=True, capture_output=True)
    code = "import bench; from bench.machine.device import _git_commit; print(bench.__file__, _git_commit())"
    said = ran([sys.executable, "-P", "-c", code], tmp_path, environment(tmp_path, PYTHONPATH=str(site)))
    assert said.split() == [str(site / "bench" / "__init__.py"), "None"]


# ------------------------------------------------------------------------------------------------------- whole runs


@pytest.fixture(scope="module")
def checkouts(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The quality of the quickstart as the checkout measures it."""
    folder = tmp_path_factory.mktemp("checkout")
    run = [sys.executable, "-P", "-m", "bench", "run", "configs/quickstart.yaml", "timed_queries=5", "--quiet"]
    ran([*run, "--out", folder / "results"], root, environment(folder))
    return quality(folder / "results")


@pytest.mark.soak
def test_an_unpacked_wheel_runs_the_quickstart_outside_the_checkout(
    checkouts: dict[str, dict[str, str]], unpacked: Path, tmp_path: Path
) -> None:
    env = environment(tmp_path, PYTHONPATH=str(unpacked))
    said = ran([sys.executable, "-P", "-m", "bench", "run", "quickstart", "timed_queries=5"], tmp_path, env)
    assert quality(tmp_path / "results" / "quickstart") == checkouts
    assert "Report: results/quickstart/report.html" in said
    assert len(checkouts) == 3 and {row["status"] for row in checkouts.values()} == {"ok"}


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_an_empty_environment_installs_it_and_runs_the_quickstart(
    checkouts: dict[str, dict[str, str]],
    root: Path,
    kind: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    """As a user would: a fresh virtual environment, pip, the tested versions. It needs a package index and some GB."""
    away = tmp_path / "away"
    away.mkdir()
    venv.create(tmp_path / "env", with_pip=True, symlinks=True)
    binaries = tmp_path / "env" / "bin"
    fresh = environment(away)
    package = request.getfixturevalue(kind)
    pip = [binaries / "python", "-m", "pip", "--disable-pip-version-check"]
    index = {**fresh, "HOME": os.environ.get("HOME", str(away))}  # pip's own settings
    try:
        ran([*pip, "install", "--quiet", "-c", root / "constraints.txt", package], away, index)
        assert "No broken requirements" in ran([*pip, "check"], away, index)
        assert ran([binaries / "rerankbench", "--version"], away, fresh).startswith("rerankbench ")
        ran([binaries / "rerankbench", "run", "quickstart", "timed_queries=5", "--out", "mine"], away, fresh)
        assert quality(away / "mine") == checkouts
        where = ran([binaries / "python", "-c", "import bench; print(bench.__file__)"], away, fresh)
        assert Path(where.strip()).is_relative_to(tmp_path / "env")
        assert (away / "mine" / "report.html").stat().st_size > 100_000
        assert sorted(path.name for path in away.iterdir() if not path.name.startswith(".")) == ["mine"]
    finally:
        shutil.rmtree(tmp_path / "env", ignore_errors=True)
