"""What ``datasets list`` and ``datasets show`` print: all cards in a table, and one card in full."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.fetch.card import Origin, SetCard, card_folder
from bench.reading import unknown
from bench.types import ConfigError

Here = Callable[[SetCard], Path | None]
"""Where a card's set lies on this machine; None where it does not."""

SUITES = (
    "beir",
    "mteb-eng-v2",
    "nanobeir",
    "cmteb-retrieval",
    "cmteb-reranking",
    "mldr",
    "mteb-code",
    "followir",
    "legal-zh",
)
"""The order in a list; other suites follow by name. A set is listed under the first of its suites."""

_UNKNOWN = "–"
_LABEL = 13
_WIDEST = 100


def of_suite(cards: Sequence[SetCard], suite: str) -> tuple[SetCard, ...]:
    """The cards of a suite. Raises ConfigError, with the suites that there are."""
    found = tuple(card for card in cards if suite in card.suites)
    if not found:
        known = {name for card in cards for name in card.suites}
        raise ConfigError(unknown("suite", suite, sorted(known, key=_place)))
    return found


def show_cards(cards: Sequence[SetCard], here: Here, console: Console, suite: str | None = None) -> None:
    """One row per card, under the name of its suite, and a line of totals."""
    chosen = cards if suite is None else of_suite(cards, suite)
    groups: dict[str, list[SetCard]] = {}
    for card in chosen:
        groups.setdefault(suite or card.suites[0], []).append(card)
    present = {card.name for card in chosen if here(card) is not None}
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("suite and name", overflow="fold")
    table.add_column("languages", overflow="fold")
    for title in ("queries", "documents", "size", "here"):
        table.add_column(title, justify="right", no_wrap=True)
    for name in sorted(groups, key=_place):
        table.add_row(Text(name, style="bold"))
        for card in sorted(groups[name], key=lambda card: card.name):
            table.add_row(*_row(card, card.name in present))
    console.print(table)
    size = sum(size_bytes(card) or 0 for card in chosen)
    known = sum(size_bytes(card) is not None for card in chosen)
    downloads = f"; {known} downloads of known size, {human_bytes(size)}" if known else ""
    console.print(f"{_counted(len(chosen), 'set')}, {len(present)} here{downloads}.", soft_wrap=True)
    console.print("In full: rerankbench datasets show NAME. To fetch: … get NAME.", style="dim")


def show_card(card: SetCard, folder: Path | None, console: Console) -> None:
    """All that a card says, where the set is or will be, and how to fetch and use it."""
    console.print(Text.assemble((card.title, "bold"), f" ({card.name})"), soft_wrap=True)
    console.print(Text(card.description), soft_wrap=True)
    console.print()
    for label, text in _facts(card, folder):
        console.print(Text.assemble((f"{label:<{_LABEL}}", "dim"), text), soft_wrap=True)


def human_bytes(size: int) -> str:
    """As in ``2.8 MB``; units of 1000, as download pages count."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.1f} {unit}" if unit != "B" and amount < 99.95 else f"{amount:.0f} {unit}"


def size_bytes(card: SetCard) -> int | None:
    """What is downloaded, by the first origin that knows and holds nothing but this set; None where none does."""
    return next((each.size_bytes for each in card.origins if each.size_bytes and not each.files), None)


def _place(suite: str) -> tuple[int, str]:
    return (SUITES.index(suite) if suite in SUITES else len(SUITES), suite)


def _row(card: SetCard, present: bool) -> tuple[Text, ...]:
    size = size_bytes(card)
    cells = (
        f" {card.name}",
        " ".join(card.languages),
        _number(card.queries),
        _number(card.corpus),
        _UNKNOWN if size is None else human_bytes(size),
        "yes" if present else "",
    )
    return tuple(map(Text, cells))


def _facts(card: SetCard, folder: Path | None) -> Iterator[tuple[str, str]]:
    """Label and text of each line; a line that goes on has no label."""
    yield "mteb task", card.mteb or "none"
    yield "suites", ", ".join(card.suites)
    yield "languages", ", ".join(card.languages)
    yield "licence", card.licence
    yield "split", card.split
    yield "documents", _number(card.corpus)
    yield "queries", _number(card.queries)
    yield "relevant", _number(card.judgements) + (" pairs" if card.judgements else "")
    if card.drops_own_id:
        yield "rankings", "a document whose id is the query's is left out, as published figures have it"
    for number, origin in enumerate(card.origins, 1):
        for at, line in enumerate(_origin(origin)):
            yield ("from" if number == 1 and at == 0 else ""), (f"{number}. {line}" if at == 0 else f"   {line}")
    if not card.origins:
        yield "from", "not fetched by this program; the note says where it is, and own data can be read from tables"
    for at, line in enumerate(textwrap.wrap(card.note, _WIDEST - _LABEL)):
        yield ("note" if at == 0 else ""), line
    if folder is not None:
        yield "here", str(folder)
    elif card.origins:
        yield "here", "no"
        yield "will lie in", str(card_folder(card))
        yield "get it with", f"rerankbench datasets get {card.name}"
    if card.origins:
        yield "in a config", f"datasets: [card:{card.name}]"


def _origin(origin: Origin) -> Iterator[str]:
    where = {"hub": "hub", "url": "", "ir": "ir_datasets"}[origin.kind]
    subset = f", subset {origin.subset}" if origin.subset else ""
    yield f"{where} {origin.place}".strip() + subset
    if origin.revision:
        yield f"revision {origin.revision}"
    if origin.modelscope:
        yield f"modelscope {origin.modelscope}"
    for name in ("sha256", "md5"):
        if getattr(origin, name):
            yield f"{name} {getattr(origin, name)}"
    if origin.size_bytes is not None:
        yield f"{human_bytes(origin.size_bytes)}" + (", of which a part is used" if origin.files else "")
    if origin.files:
        yield f"files {', '.join(origin.files)}"


def _number(count: int | None) -> str:
    return _UNKNOWN if count is None else f"{count:,}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
