"""Configs that travel with the program go by their names, and a file of one's own wins over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench import shipped
from bench.config.plan import load_plan
from bench.shipped import find_config, is_shipped, shipped_configs, shipped_folder
from bench.types import ConfigError

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder outside the checkout."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_config_of_the_checkout_has_a_name(root: Path) -> None:
    assert list(shipped_configs())[:2] == ["engines", "engines-gpu"]
    assert {"quickstart", "qwen3", "claims/tutorial", "profiles/cpu"} < set(shipped_configs())
    assert set(shipped_configs().values()) == set((root / "configs").rglob("*.yaml"))


def test_a_name_is_found_from_anywhere(root: Path, elsewhere: Path) -> None:
    assert find_config(Path("quickstart")) == root / "configs" / "quickstart.yaml"
    assert find_config(Path("claims/tutorial")) == root / "configs" / "claims" / "tutorial.yaml"
    assert is_shipped("quickstart") and not is_shipped("tutorial") and not is_shipped("quickstart.yaml")


def test_a_file_of_that_name_wins_and_a_folder_does_not(root: Path, elsewhere: Path) -> None:
    (elsewhere / "sweep").mkdir()
    assert find_config(Path("sweep")) == root / "configs" / "sweep.yaml"
    (elsewhere / "quickstart").write_text("name: mine\n", encoding="utf-8")
    assert find_config(Path("quickstart")) == Path("quickstart")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            "configs/quickstart.yaml",
            r"no such file\. .*as in `rerankbench run quickstart`; they are engines, .*quickst",
        ),
        ("claims/tutorial.yaml", r"as in `rerankbench run claims/tutorial`"),
        ("tutorial", r"as in `rerankbench run claims/tutorial`"),
        ("nowhere.yaml", r"no config at nowhere\.yaml: there is no such file\. .*`rerankbench run quickstart`"),
        ("../quickstart/", r"no config at \.\./quickstart: "),
        ("mine", r"no config at mine: that is a folder\."),
    ],
)
def test_what_is_neither_is_one_line_with_every_name(elsewhere: Path, given: str, told: str) -> None:
    (elsewhere / "mine").mkdir()
    with pytest.raises(ConfigError, match=told) as error:
        find_config(Path(given))
    assert all(name in str(error.value) for name in shipped_configs()) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "configs/quickstart.yaml"),
        ("run", "configs/quickstart.yaml", "--dry-run"),
        ("doctor", "configs/quickstart.yaml"),
        ("datasets", "check", "configs/quickstart.yaml"),
        ("datasets", "get", "--for", "configs/quickstart.yaml"),
    ],
)
def test_every_command_says_so(command: Command, elsewhere: Path, arguments: tuple[str, ...]) -> None:
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: no config at configs/quickstart.yaml: ") and "`rerankbench run quickstart`" in err


def test_every_command_takes_a_name(command: Command, elsewhere: Path) -> None:
    assert command("run", "quickstart", "--dry-run")[0] == 0
    code, out, _ = command("datasets", "check", "quickstart")
    assert code == 0 and "tracer test" in out and "every split can be used" in out
    code, out, _ = command("datasets", "get", "--for", "quickstart", "--dry-run")
    assert code == 0 and "tracer" in out
    code, _, err = command("doctor", "quickstart", "--dtype", "fp32")
    assert code == 2 and "the config says that" in err
    assert not any(elsewhere.iterdir())


def test_help_lists_the_names(command: Command) -> None:
    told = " ".join(command("run", "--help")[1].split())
    assert "the name of a shipped one: engines, " in told and "quickstart" in told


def test_a_name_too_long_for_any_file_is_told_by_its_reader(elsewhere: Path) -> None:
    given = Path("x" * 300)
    assert find_config(given) == given
    with pytest.raises(ConfigError, match="cannot be read"):
        load_plan(given)


def test_an_installed_package_holds_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "bench" / "shipped.py"))
    assert shipped_folder() == tmp_path.resolve()
    (tmp_path / "bench" / "configs").mkdir(parents=True)
    assert shipped_folder() == tmp_path.resolve() / "bench"
