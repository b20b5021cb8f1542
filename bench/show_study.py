"""What a study would cost and could show, said before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.config.plan import Plan
from bench.dryrun.estimate import PassGuess, pass_guess, set_key
from bench.dryrun.show import duration
from bench.report.words import MISSING, measure_title
from bench.store import Store
from bench.study.choice import planned
from bench.study.file import StudyFile
from bench.study.outcome import ASSUMED, dev_plans, hypotheses
from bench.study.power import detectable
from bench.study.run import Inputs
from bench.study.scoring import missing
from bench.study.words import ALPHA, POWER, Planned

if TYPE_CHECKING:
    from rich.console import Console


def say_what_comes(file: StudyFile, inputs: Inputs, store: Store, console: Console) -> None:
    """What is to be scored on dev, and what dev can show; test is looked at afterwards."""
    queries = {}
    for each in file.sets:
        items = list(inputs.dev[each.label].values())
        lacking = missing(items, store)
        queries[each.label] = count = int(items[0].facts["queries"])
        pairs = sum(count * min(item.trial.depth, int(item.facts["documents"])) for item in lacking)
        todo = f"{len(lacking)} of {len(items)} instructions to score, {pairs:,} pairs" if lacking else "all is scored"
        _say(
            console, f"{each.label}, {each.dev_split}: {todo}; then the best and {file.baseline} on {each.test_split}."
        )
    for sentence in can_show(dev_plans(file, queries)):
        _say(console, sentence)


def print_plan(file: StudyFile, folder: Path, console: Console) -> None:
    """``--dry-run``: what each arm would cost on dev and on test, and what both sides can show. Writes nothing.

    Raises as a run would for what it would stumble over at once.
    """
    from bench.dryrun.survey import survey

    trials = [trial for each in file.sets for trial in (*each.dev.values(), *each.test.values())]
    with console.status("count"):
        resolved, known = survey(Plan(file.name, tuple(trials), file.base, file.text), folder)
    guesses = {asked.id: pass_guess(trial, known) for asked, trial in zip(trials, resolved, strict=True)}
    for each in file.sets:
        sides = [(arm, guesses[trial.id], guesses[each.test[arm].id]) for arm, trial in each.dev.items()]
        _print_costs(f"{each.label}: dev is {each.dev_split}, test is {each.test_split}", sides, console)
    _say(console, cost_sentence([guesses[trial.id] for trial in file.dev_trials], file))
    dev = {each.label: known.sets[set_key(each.dev[file.baseline])].queries for each in file.sets}
    test = {each.label: known.sets[set_key(each.test[file.baseline])].queries for each in file.sets}
    for sentence in can_show((*dev_plans(file, dev), *_test_plans(file, test))):
        _say(console, sentence)


def can_show(plans: Sequence[Planned]) -> Iterator[str]:
    """What so many queries can show, a sentence each; measures of which the same is to be said share one."""
    alike: dict[Planned, list[str]] = {}
    for each in plans:
        alike.setdefault(replace(each, measure=""), []).append(measure_title(each.measure))
    for each, measures in alike.items():
        alpha = ALPHA / each.comparisons
        level = f"{each.comparisons} comparisons share the level of {ALPHA:.0%}" if each.comparisons > 1 else (
            f"at a level of {ALPHA:.0%}"
        )  # fmt: skip
        one = each.queries == 1
        where = f"{each.dataset}: {each.queries:,} {each.side} {'query shows' if one else 'queries show'}"
        if each.detectable is None:
            yield f"{where} no difference, however large ({level})."
            continue
        other = ", ".join(f"{detectable(sd, each.queries, alpha):.3f} with {sd:g}" for sd in (each.sd / 2, each.sd * 2))
        yield (
            f"{where} a true difference of {each.detectable:.3f} in {' or '.join(measures)} in {POWER:.0%} "
            f"of studies ({level}; per-query differences are assumed to spread by {each.sd:g}: {other}). "
            f"{each.wanted:g} would need about {each.needed:,}."
        )


def cost_sentence(guesses: Sequence[PassGuess], file: StudyFile) -> str:
    """What is left to score on dev, and what an instruction shares with the others."""
    to_score = [guess for guess in guesses if not guess.kept]
    known = [guess.seconds for guess in to_score if guess.seconds is not None]
    time = f", about {duration(sum(known))} (a guess)" if known else ""
    pairs = sum(guess.pairs for guess in to_score)
    return (
        f"On dev {len(to_score)} of {len(guesses)} are to be scored, {pairs:,} pairs{time}; on test {file.baseline} "
        "and each set's chosen one. Instructions share the loaded model, the candidates and the documents' tokens; one "
        "that is added later costs its own scoring alone."
    )


def _test_plans(file: StudyFile, queries: Mapping[str, int]) -> Iterator[Planned]:
    for label, count in queries.items():
        for measure in file.measures:
            yield planned(label, measure, "test", count, hypotheses(file), file.sd, ASSUMED, file.effect)


def _print_costs(title: str, sides: Sequence[tuple[str, PassGuess, PassGuess]], console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=Text(title), title_justify="left", title_style="bold")
    table.add_column("instruction", overflow="fold")
    for name in ("pairs, dev", "guess, dev", "pairs, test", "guess, test"):
        table.add_column(name, justify="right")
    for arm, dev, test in sides:
        table.add_row(Text(arm), f"{dev.pairs:,}", _time(dev), f"{test.pairs:,}", _time(test))
    console.print(table)


def _time(guess: PassGuess) -> str:
    return "kept" if guess.kept else MISSING if guess.seconds is None else duration(guess.seconds)


def _say(console: Console, sentence: str) -> None:
    console.print(sentence, highlight=False, markup=False, soft_wrap=True)
