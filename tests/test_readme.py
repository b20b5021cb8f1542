"""The READMEs speak the truth: what they show runs, and what exists is in them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from bench.cli import app, datasets_app
from bench.measures import CUT_OFF_MEASURES
from bench.rerankers import ENGINES
from bench.rerankers.template import TEMPLATES
from bench.retrievers import RETRIEVERS
from bench.types import RerankBenchError, Trial

READMES = ("README.md", "README.zh.md")
NEEDS_A_HUB_OR_A_NETWORK = re.compile(r"configs/qwen3\.yaml|^make |pip install|-m venv|datasets get |card:")
TAKES_MINUTES = re.compile(r"configs/claims/|run quickstart ")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(root: Path, readme: str) -> list[tuple[str, str]]:
    return [(kind, body) for kind, body in BLOCK.findall((root / readme).read_text(encoding="utf-8"))]


@pytest.fixture
def desk(root: Path, tmp_path: Path) -> Path:
    """A folder that looks like a checkout to the commands of a README, with nothing of theirs left behind."""
    for name in ("configs", "datasets", "reports"):
        (tmp_path / name).symlink_to(root / name)
    return tmp_path


@pytest.mark.long
@pytest.mark.parametrize("readme", READMES)
def test_every_shell_block_runs(root: Path, desk: Path, readme: str) -> None:
    """A block that both READMEs share is run once."""
    shell = [body for kind, body in blocks(root, readme) if kind == "sh"]
    assert len(shell) == 8
    shared = {body for kind, body in blocks(root, READMES[0])} if readme != READMES[0] else set()
    binaries = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", "HF_HUB_OFFLINE": "1"}
    for body in shell:
        if body in shared:
            continue
        command = ["bash", "-euo", "pipefail", "-c", body]
        done = subprocess.run(command, cwd=desk, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{body}\n{done.stdout}\n{done.stderr}"
        assert done.stdout


@pytest.mark.parametrize("readme", READMES)
def test_every_python_block_runs(root: Path, desk: Path, readme: str) -> None:
    python = [body for kind, body in blocks(root, readme) if kind == "python"]
    assert len(python) == 1
    done = subprocess.run(
        [sys.executable, "-P", "-c", python[0]], cwd=desk, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize("readme", READMES)
def test_a_block_that_is_not_run_has_a_reason(root: Path, readme: str) -> None:
    """Unmarked blocks hold only commands that need a hub or a network or minutes, or a listing of files."""
    for kind, body in blocks(root, readme):
        if kind == "" and "results/NAME/" not in body:
            for line in body.strip().splitlines():
                assert NEEDS_A_HUB_OR_A_NETWORK.search(line) or TAKES_MINUTES.search(line), line


@pytest.mark.parametrize("readme", READMES)
def test_config_blocks_are_valid_configs(root: Path, tmp_path: Path, readme: str) -> None:
    from bench.claims import is_claims
    from bench.claims.file import load_claims
    from bench.config.plan import load_plan
    from bench.study import is_study
    from bench.study.file import load_study

    configs = [body for kind, body in blocks(root, readme) if kind == "yaml"]
    assert configs
    for body in configs:
        path = tmp_path / "config.yaml"
        path.write_text(body, encoding="utf-8")
        if is_study(path):
            assert load_study(path).dev_trials
        else:
            assert load_claims(path).claims if is_claims(path) else load_plan(path).trials


@pytest.mark.parametrize("readme", READMES)
def test_everything_a_user_can_name_is_documented(root: Path, readme: str) -> None:
    text = (root / readme).read_text(encoding="utf-8")
    commands = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    commands += [f"datasets {command.name}" for command in datasets_app.registered_commands]
    assert set(commands) == {
        "run", "plan", "score", "prompt", "doctor", "report", "compare", "export",
        "datasets check", "datasets get", "datasets list", "datasets show",
    }  # fmt: skip
    for command in commands:
        assert f"rerankbench {command}" in text
    for config in (root / "configs").glob("*.yaml"):
        assert f"configs/{config.name}" in text
    for folder in ("profiles", "claims"):
        for config in (root / "configs" / folder).glob("*.yaml"):
            assert config.name in text
    names = [
        *RETRIEVERS,
        *ENGINES,
        *TEMPLATES,
        *(name for name in CUT_OFF_MEASURES if name not in ("ndcg_burges", "f1")),
    ]
    for name in names:
        assert f"`{name}`" in text
    for field in fields(Trial):
        if field.name not in ("dataset", "pipeline", "split"):  # set by `datasets` and a pipeline's name
            assert f"`{field.name}`" in text, field.name
    for kind in RerankBenchError.__subclasses__():
        assert re.search(rf"[ ,:,:]{kind.exit_code} \w", text)


@pytest.mark.parametrize("readme", READMES)
def test_links_and_pictures_lead_somewhere(root: Path, readme: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", (root / readme).read_text(encoding="utf-8"))
    assert targets
    for target in targets:
        assert (root / target).exists(), target


def test_the_readmes_tell_the_same(root: Path) -> None:
    """Both languages hold the same blocks of each kind, in the same order."""
    kinds = [[kind for kind, _ in blocks(root, readme)] for readme in READMES]
    assert kinds[0] == kinds[1]
