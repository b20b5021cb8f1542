"""What ``datasets get`` prints before it fetches: what is needed, how large it is, what is here and what is not."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.fetch import SetCard, here
from bench.fetch.listing import human_bytes, size_bytes
from bench.needs import ModelNeed, Needs, SetNeed
from bench.types import Hub

_UNKNOWN = "–"


def show_needs(needs: Needs, console: Console) -> None:
    """One table of sets and models, the totals, and how to get the models."""
    table = _table()
    for each in needs.sets:
        table.add_row(*map(Text, ("set", each.name, _set_size(each), _set_state(each))))
    for model in needs.models:
        table.add_row(*map(Text, ("model", _named(model), _model_size(model), _model_state(model))))
    console.print(table)
    missing = [each for each in needs.sets if each.place is None and each.card is not None]
    console.print(
        f"{len(needs.sets)} sets, {len(missing)} to fetch; {len(needs.models)} models, "
        f"{sum(bool(model.missing) for model in needs.models)} not here.",
        soft_wrap=True,
    )
    for model in needs.models:
        if model.missing and model.place is None and "/" in model.name and not model.name.startswith((".", "/", "~")):
            console.print(f"  {_command(model.name, model.revision, model.hub)}", soft_wrap=True)


def show_sets(cards: Sequence[SetCard], console: Console) -> None:
    """One row per card."""
    table = _table()
    for card in cards:
        place = here(card)
        size = size_bytes(card)
        state = f"here: {place}" if place else "missing"
        table.add_row(*map(Text, ("set", card.name, _UNKNOWN if size is None else human_bytes(size), state)))
    console.print(table)


def _table() -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("what")
    table.add_column("name", overflow="fold")
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("state", overflow="fold")
    return table


def _set_size(need: SetNeed) -> str:
    size = None if need.card is None else size_bytes(need.card)
    return _UNKNOWN if size is None else human_bytes(size)


def _set_state(need: SetNeed) -> str:
    if need.card is None:
        return need.note if need.place or need.note.startswith("made") else f"missing: {need.note}"
    return f"here: {need.place}" if need.place else "missing"


def _named(model: ModelNeed) -> str:
    return model.name if model.revision is None else f"{model.name} @ {model.revision}"


def _model_size(model: ModelNeed) -> str:
    return _UNKNOWN if model.size_bytes is None else human_bytes(model.size_bytes)


def _model_state(model: ModelNeed) -> str:
    if model.name.startswith("asset:"):
        return "shipped"
    if model.name.startswith("shape:"):
        return "made on first use"
    if model.place is None:
        return "missing"
    return f"incomplete: {model.missing}" if model.missing else f"here: {model.place}"


def _command(name: str, revision: str | None, hub: Hub) -> str:
    if hub == "modelscope":
        return f"modelscope download --model {name}" + (f" --revision {revision}" if revision else "")
    return f"hf download {name}" + (f" --revision {revision}" if revision else "")
