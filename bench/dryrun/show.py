"""``--dry-run``: prints the cells of a plan and a guess of how long they take. Runs nothing, writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.config.fields import live_values
from bench.config.plan import Plan
from bench.dryrun.estimate import Estimate, Known, estimate
from bench.report.words import MISSING, plural
from bench.sources.spec import label
from bench.synthetic import is_drawn, parse_drawn
from bench.types import Trial

if TYPE_CHECKING:
    from rich.console import Console

MINUTE, HOUR = 60, 3600


@dataclass(frozen=True, slots=True)
class Cells:
    """The table: a row per cell, with the fields that vary."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def print_cells(plan: Plan, folder: Path, console: Console) -> None:
    """Print the cells and the guess; ``folder`` is where results would be, and may not be there.

    Raises ConfigError or DataError for what a run would stumble over at once.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from bench.dryrun.survey import survey

    with console.status("count"):
        resolved, known = survey(plan, folder)
        guess = estimate(resolved, known)
    cells = cells_table(plan, guess)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(cells.columns):
        words = number in (1, 2)
        table.add_column(column, justify="left" if words else "right", overflow="fold")
    for row in cells.rows:
        table.add_row(*map(Text, row))
    console.print(table)
    for sentence in sentences(guess, known, folder):
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)


def cells_table(plan: Plan, guess: Estimate) -> Cells:
    """Number, set, pipeline, what varies, and the guess for each cell, in the order of the plan."""
    rows = tuple(
        (
            str(number),
            _set_name(trial),
            trial.pipeline,
            *(_value(trial, name) for name in plan.axes),
            "finished" if cell.finished else MISSING if cell.seconds is None else duration(cell.seconds),
        )
        for number, (trial, cell) in enumerate(zip(plan.trials, guess.cells, strict=True), start=1)
    )
    return Cells(("#", "set", "pipeline", *plan.axes, "guess"), rows)


def sentences(guess: Estimate, known: Known, folder: Path) -> tuple[str, ...]:
    """What there is, how long it may take, and what the guess rests on."""
    finished = len(guess.cells) - guess.to_run
    passes = f"{guess.quality_passes} quality pass{'' if guess.quality_passes == 1 else 'es'}"
    said = [f"{plural(len(guess.cells), 'cell')}, {finished} of them finished in {folder}; {passes} to make."]
    if not guess.to_run:
        return (*said, "Nothing would run.")
    known_cells = [cell for cell in guess.cells if cell.seconds is not None and not cell.finished]
    if known_cells:
        about = "At least about" if len(known_cells) < guess.to_run else "About"
        said.append(f"{about} {duration(guess.total_s)}; guessed from {_sources(guess, known)}.")
    said += [f"Not guessed: {why}." for why in guess.unknown]
    if any(cell.trial.batch_size == "max" for cell in guess.cells if not cell.finished):
        said.append("The search for the largest batch size that fits comes on top.")
    if known_cells:
        said.append("It is a guess: a run may well take half as long or twice.")
    return tuple(said)


def _sources(guess: Estimate, known: Known) -> str:
    parts = []
    if guess.mean_tokens is not None:
        parts.append(f"{guess.pairs:,} pairs of about {guess.mean_tokens:.0f} tokens")
    if guess.guided:
        parts.append(f"finished cells of the same model and engine (for {plural(guess.guided, 'cell')})")
    if known.rates:
        rates = ", ".join(
            f"{rate / 1e9:,.0f} GFLOP/s on {device} in {dtype}" for (device, dtype), rate in known.rates.items()
        )
        parts.append(f"a share of what a matrix product reaches here ({rates})")
    return ", ".join(parts) or "the number of cells and documents"


def duration(seconds: float) -> str:
    """As people say it: ``4 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < MINUTE - 0.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / MINUTE)
    if minutes < HOUR // MINUTE:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def _set_name(trial: Trial) -> str:
    if is_drawn(trial.dataset):
        asked = parse_drawn(trial.dataset)
        return f"drawn {asked.queries}×{asked.documents}"
    return label(trial.dataset)


def _value(trial: Trial, name: str) -> str:
    """A field as it was asked for; a dash where it decides nothing."""
    values = live_values(trial)
    return MISSING if name not in values else _plain(values[name])


def _plain(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_plain, value))
    return "auto" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
