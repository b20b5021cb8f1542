"""``rerankbench datasets get``: fetch labelled sets, or all that a config needs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from bench.cli.stopping import keeping
from bench.shipped import find_config
from bench.types import ConfigError, Hub, RerankBenchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from bench.fetch import SetCard

_DOWNLOADS_KEPT = "what was downloaded is kept, and the same command goes on from there"


def datasets_get(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Sets by name, as `datasets list` has them, or ir:ID of ir_datasets."),
    ] = None,
    *,
    suite: Annotated[str | None, typer.Option(help="Every set of a suite, such as nanobeir.")] = None,
    for_: Annotated[
        Path | None,
        typer.Option("--for", metavar="FILE", help="Every set that a config or claims file needs; lists models too."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FOLDER", help="Read one set from files that you have fetched yourself."),
    ] = None,
    hub: Annotated[str, typer.Option(help="Where repositories are looked up: huggingface or modelscope.")] = (
        "huggingface"
    ),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is here and what is missing; fetch nothing.")] = (
        False
    ),
) -> None:
    """Fetch labelled sets, checked against their cards; those that are here are checked, and left as they are if whole.

    What cannot be fetched is told set by set, and the others are fetched all the same.
    """
    from bench.fetch import all_cards, card_of
    from bench.fetch.listing import of_suite
    from bench.needs import missing_cards, needs_of
    from bench.printable import terminal
    from bench.reading import unknown
    from bench.show_needs import show_needs, show_sets

    if hub not in get_args(Hub):
        raise ConfigError(unknown("hub", hub, get_args(Hub)))
    if sum(map(bool, (names, suite, for_))) != 1:
        raise ConfigError("give names of sets, or --suite NAME, or --for FILE; all names: rerankbench datasets list")
    console = terminal(highlight=False)
    if for_ is not None:
        needs = needs_of(find_config(for_))
        show_needs(needs, console)
        wanted = [each.card for each in needs.sets if each.card is not None]
        cards = wanted if source is None else missing_cards(needs.sets)
    else:
        cards = list(dict.fromkeys(map(card_of, names or ()))) if names else list(of_suite(all_cards(), suite or ""))
        if len(cards) > 1 or dry_run:
            show_sets(cards, console)
    if source is not None and len(cards) != 1:
        raise ConfigError(f"--from is for one set at a time, and {len(cards)} are asked for")
    if dry_run:
        return
    code = _get_each(cards, cast("Hub", hub), source, console)
    if code:
        raise typer.Exit(code)


def _get_each(cards: Sequence[SetCard], hub: Hub, source: Path | None, console: Console) -> int:
    """Fetch one after the other; the exit code of the first that could not be had, 0 when all are here."""
    from bench.fetch import get_or_keep
    from bench.fetch.bars import Bars

    failed: list[RerankBenchError] = []
    for card in cards:
        try:
            with keeping(_DOWNLOADS_KEPT), Bars(console) as bars:
                folder, was_here = get_or_keep(card, hub=hub, source=source, tell=bars.tell)
        except RerankBenchError as error:
            failed.append(error)
            print(f"error: {card.name}: {_said(error, card)}", file=sys.stderr)
            continue
        console.print(
            f"{card.name} {'is here already' if was_here else 'fetched'}: {folder}", soft_wrap=True, markup=False
        )
    if len(cards) > 1:
        console.print(f"{len(cards) - len(failed)} of {len(cards)} sets are here.")
    return failed[0].exit_code if failed else 0


def _said(error: RerankBenchError, card: SetCard) -> str:
    """The message without the name that it may begin with."""
    return str(error).removeprefix(f"{card.name} ").removeprefix(f"{card.name}: ")
