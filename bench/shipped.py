"""What travels with the program: configs that go by a name, the embedded sets, the cards of public ones.

A checkout holds them in its top folder, an installed package inside itself, at the same places below it: a path that
starts from a config's folder (``../datasets/tracer``) leads to the same set in both, so its trials have the same ids.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from bench.types import ConfigError


def shipped_folder() -> Path:
    """The folder that holds ``configs`` and ``datasets``: the package where it is installed, the top of a checkout."""
    package = Path(__file__).resolve().parent
    return package if (package / "configs").is_dir() else package.parent


def shipped_configs() -> dict[str, Path]:
    """Name -> file; a name is the path below ``configs`` without its ending: ``quickstart``, ``claims/tutorial``."""
    folder = shipped_folder() / "configs"
    found = {path.relative_to(folder).with_suffix("").as_posix(): path for path in folder.rglob("*.yaml")}
    return dict(sorted(found.items(), key=lambda item: (item[0].count("/"), item[0])))


def find_config(given: Path) -> Path:
    """The file at ``given`` or, where there is none, the shipped config of that name. Raises ConfigError.

    What is there and cannot be read is left to whoever reads it.
    """
    try:
        if given.exists() and not given.is_dir():
            return given
    except OSError:  # a name too long, a folder that may not be entered
        return given
    shipped = shipped_configs()
    if given.as_posix() in shipped:
        return shipped[given.as_posix()]
    near = [name for name in shipped if PurePosixPath(name).name == given.with_suffix("").name]
    what = "that is a folder" if given.is_dir() else "there is no such file"
    raise ConfigError(
        f"no config at {given}: {what}. A shipped one goes by its name, as in `rerankbench run "
        f"{near[0] if near else 'quickstart'}`; they are {', '.join(shipped)}"
    )


def is_shipped(name: str) -> bool:
    """Whether that is the name of a shipped config."""
    return name in shipped_configs()
