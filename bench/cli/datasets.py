"""The commands about labelled sets: ``rerankbench datasets …``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.types import DataError

datasets_app = typer.Typer(help="Labelled sets.", no_args_is_help=True, rich_markup_mode=None)


@datasets_app.callback()
def root() -> None:
    """Labelled sets."""


@datasets_app.command("check")
def datasets_check(path: Annotated[Path, typer.Argument(help="A folder in BEIR layout.")]) -> None:
    """Check a labelled set: every split, with counts and oddities; exit code 3 if it cannot be used."""
    from bench.data import check_dataset
    from bench.show import show_check

    if not show_check(check_dataset(path)):
        raise typer.Exit(DataError.exit_code)
