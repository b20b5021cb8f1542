"""The commands about labelled sets: ``rerankbench datasets …``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.fetching import datasets_get
from bench.shipped import find_config, is_shipped
from bench.types import DataError

datasets_app = typer.Typer(help="Labelled sets.", no_args_is_help=True, rich_markup_mode=None)


@datasets_app.callback()
def root() -> None:
    """Labelled sets."""


@datasets_app.command("list")
def datasets_list(
    suite: Annotated[str | None, typer.Option(help="Only the sets of this suite, such as beir or nanobeir.")] = None,
) -> None:
    """List the public sets that have a card, by suite: languages, size, and whether they are on this machine."""
    from bench.fetch import all_cards, here
    from bench.fetch.listing import show_cards
    from bench.printable import terminal

    show_cards(all_cards(), here, terminal(highlight=False), suite)


@datasets_app.command("show")
def datasets_show(name: Annotated[str, typer.Argument(help="A set's name, as `datasets list` gives it.")]) -> None:
    """Print a set's card in full: where it comes from, pinned, what it holds, and where it lies or will lie."""
    from bench.fetch import card_of, here
    from bench.fetch.listing import show_card
    from bench.printable import terminal

    card = card_of(name)
    show_card(card, here(card), terminal(highlight=False))


datasets_app.command("get")(datasets_get)


@datasets_app.command("check")
def datasets_check(
    name: Annotated[str, typer.Argument(help="A folder (BEIR layout or TREC files), a config, or card:NAME of a set.")],
) -> None:
    """Check a labelled set: every split, with counts and oddities; exit code 3 if it cannot be used.

    A set that was fetched is also held against its card: as many documents and relevant pairs as were published.
    """
    from bench.config.sets import check_config, is_config
    from bench.fetch import card_of, is_fetched
    from bench.fetch.against import differences
    from bench.show import show_check
    from bench.sources import check_set

    by_name = is_shipped(name) and not Path(name).exists()
    reports = check_config(find_config(Path(name))) if by_name or is_config(name) else check_set(name, Path.cwd())
    usable = show_check(reports)
    wrong = differences(card_of(name), reports) if is_fetched(name) else ()
    for each in wrong:
        typer.echo(f"error {each}", err=True)
    if wrong or not usable:
        raise typer.Exit(DataError.exit_code)
