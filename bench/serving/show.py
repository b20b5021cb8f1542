"""A capacity plan for people, as a table and sentences, and for scripts, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench.report import words
from bench.report.groups import by_dataset, full_label, variants
from bench.serving.capacity import Option, Plan, by_pipeline, device_name, place, recommended
from bench.types import TrialResult

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDE = 100
"""Columns of a terminal below which the less telling figures are left out."""
FEW = 100
"""Samples below which the p99 is the slowest of them."""
ASSUMED = (
    "devices of one kind share one line of waiting queries",
    "each device does what the measured one did",
    "neither the network nor a failing device is counted",
)


def print_plan(plan: Plan, console: Console) -> None:
    """A row per measured setting, then what is recommended for each pipeline and what to know of the figures."""
    names = labels([option.result for option in plan.options])
    demand = plan.demand
    console.print(_table(plan, names, console.width))
    asked = (
        f"{words.figure3(demand.qps)} queries/s of {demand.depth} candidates, 99% within {words.seconds(demand.p99_s)}"
    )
    console.print(f"Asked for: {asked}.", highlight=False, markup=False)
    for sentence in (*_recommendations(plan, names), *(f"· {note}" for note in _notes(plan, names))):
        console.print(sentence, highlight=False, markup=False)


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain values. Seconds and shares as they were computed; what is not known is null."""
    best = {option.result.trial.id for option in recommended(plan)}
    said = variants([option.result for option in plan.options])
    return {
        "demand": asdict(plan.demand),
        "assumed": list(ASSUMED),
        "options": [_option_json(option, said, best) for option in plan.options],
        "left_out": dict(plan.left_out),
    }


def labels(results: Sequence[TrialResult]) -> dict[str, str]:
    """Trial id -> pipeline, what sets it apart, and its labelled set where there is more than one."""
    said, groups = variants(results), by_dataset(results)
    behind = len(groups) > 1
    return {
        result.trial.id: full_label(result, said) + (f" · {group.label}" if behind else "")
        for group in groups
        for result in group.results
    }


def _table(plan: Plan, names: Mapping[str, str], columns: int) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    wide, priced = columns >= WIDE, any(option.price_per_hour is not None for option in plan.options)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Setting", overflow="fold")
    table.add_column("Devices", justify="right", no_wrap=True)
    for heading in ("p50", "p95", "p99", "Busy", "Batch") if wide else ("p95", "p99", "Busy"):
        table.add_column(heading, justify="right", no_wrap=True)
    if priced:
        table.add_column("Cost per\nmillion", justify="right", no_wrap=True)
    best = {option.result.trial.id for option in recommended(plan)}
    for option in plan.options:
        id_, found = option.result.trial.id, option.prediction
        setting = Text(names[id_], style="bold" if id_ in best else "")
        setting.append(f"\n{_where(option)}", style="dim")
        cells = [words.MISSING] * len(table.columns[1:])
        if found is None:
            setting.append(
                f"\nout of reach: one query alone takes {words.seconds(option.idle_p99_s)} (p99)", style="dim"
            )
        else:
            times = (found.p50_s, found.p95_s, found.p99_s) if wide else (found.p95_s, found.p99_s)
            cells = [f"{found.servers:,}", *map(words.seconds, times), f"{found.utilisation:.0%}"]
            cells += [words.figure3(found.mean_batch)] if wide else []
            cells += [words.figure3(option.cost_per_million)] if priced else []
        table.add_row(setting, *cells)
    return table


def _recommendations(plan: Plan, names: Mapping[str, str]) -> list[str]:
    best = {option.result.trial.id: option for option in recommended(plan)}
    said = []
    for options in by_pipeline(plan).values():
        chosen = next((best[id_] for option in options if (id_ := option.result.trial.id) in best), None)
        said.append(_out_of_reach(plan, options, names) if chosen is None else _recommendation(chosen, options, names))
    return said


def _recommendation(chosen: Option, options: Sequence[Option], names: Mapping[str, str]) -> str:
    assert chosen.prediction is not None
    cost = chosen.cost_per_million
    paid = "" if cost is None else f", {words.figure3(cost)} per million queries"
    rivals = [option for option in options if cost is None or option.price_per_hour is not None]
    why = "the fewest devices" if cost is None else "the cheapest"
    among = f": {why} of {len(rivals)} settings" if len(rivals) > 1 else ""
    if among and len(rivals) < len(options):
        among += " with a price"
    return (
        f"Recommended: {chosen.prediction.servers:,} × {_where(chosen)} with {names[chosen.result.trial.id]}, "
        f"p99 {words.seconds(chosen.prediction.p99_s)}{paid}{among}."
    )


def _out_of_reach(plan: Plan, options: Sequence[Option], names: Mapping[str, str]) -> str:
    fastest = min(options, key=lambda option: option.idle_p99_s)
    return (
        f"Out of reach: {words.clean(fastest.result.trial.pipeline)}. No number of devices answers 99% of queries "
        f"within {words.seconds(plan.demand.p99_s)}; at best one query alone takes {words.seconds(fastest.idle_p99_s)} "
        f"(p99), on {_where(fastest)} with {names[fastest.result.trial.id]}."
    )


def _notes(plan: Plan, names: Mapping[str, str]) -> list[str]:
    notes = []
    alone = [option for option in plan.options if not option.batched]
    if alone:
        notes.append(
            f"{_these(alone, plan, names)} measured one query at a time, so no query is batched with another here; "
            "measured with scenarios=single_stream,offline,server fewer devices may do"
        )
    few = [option for option in plan.options if option.samples < FEW]
    if few:
        notes.append(
            f"{_these(few, plan, names)} measured on fewer than {FEW} single queries, of which the slowest "
            "stands for p99; raise timed_queries or server_queries"
        )
    checked = [(option, option.check) for option in plan.options if option.check]
    if checked:
        option, worst = max(checked, key=lambda each: abs(each[1].predicted_p95_s / each[1].measured_p95_s - 1))
        off = f"{worst.predicted_p95_s / worst.measured_p95_s - 1:+.0%}".replace("-", "−")
        most = (
            f" (the largest difference of {len(checked)}, {names[option.result.trial.id]})" if len(checked) > 1 else ""
        )
        notes.append(
            f"checked: for one device at {words.figure3(worst.qps)} queries/s the simulation says p95 "
            f"{words.seconds(worst.predicted_p95_s)}; measured was {words.seconds(worst.measured_p95_s)} ({off}){most}"
        )
    if plan.left_out:
        listed = ", ".join(f"{count} {status}" for status, count in sorted(plan.left_out.items()))
        notes.append(f"left out of depth {plan.demand.depth}: {listed}")
    notes.append("assumed: " + "; ".join(ASSUMED))
    return notes


def _these(options: Sequence[Option], plan: Plan, names: Mapping[str, str]) -> str:
    if len(options) == len(plan.options):
        return "every setting was" if len(options) > 1 else "this setting was"
    if len(options) == 1:
        return f"{names[options[0].result.trial.id]} was"
    return f"{len(options)} of {len(plan.options)} settings were"


def _where(option: Option) -> str:
    device, name, node = place(option.result), device_name(option.result), option.result.trial.node
    behind = ", ".join(words.clean(part) for part in (name, node) if part)
    return words.clean(device) + (f" ({behind})" if behind else "")


def _option_json(option: Option, said: dict[str, str], best: set[str]) -> dict[str, Any]:
    trial, found = option.result.trial, option.prediction
    return {
        "trial": trial.id,
        "dataset": trial.dataset,
        "split": trial.split,
        "pipeline": trial.pipeline,
        "variant": said.get(trial.id, ""),
        "device": place(option.result),
        "device_name": device_name(option.result),
        "node": trial.node,
        "service_times": "server" if option.batched else "single_stream",
        "samples": option.samples,
        "idle_p99_s": option.idle_p99_s,
        "reachable": found is not None,
        "recommended": trial.id in best,
        "devices": found and found.servers,
        "p50_s": found and found.p50_s,
        "p95_s": found and found.p95_s,
        "p99_s": found and found.p99_s,
        "mean_wait_s": found and found.mean_wait_s,
        "utilisation": found and found.utilisation,
        "mean_batch": found and found.mean_batch,
        "price_per_hour": option.price_per_hour,
        "cost_per_million": option.cost_per_million,
        "check": None if option.check is None else asdict(option.check),
    }
