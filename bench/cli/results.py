"""The commands that read results folders; ``COMMANDS`` are added to the command line by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.types import ConfigError


def report(folder: Annotated[Path, typer.Argument(help="A results folder that a run has written.")]) -> None:
    """Write the report of a results folder again, a run's or an engine benchmark's, and print the table."""
    from rich.console import Console

    from bench.engines.publish import republish as republish_benchmark
    from bench.finished import REPRODUCE
    from bench.publish import read_rulings, read_study, republish
    from bench.report.study_terminal import print_study
    from bench.report.terminal import print_claims, print_table

    console = Console()
    benchmark = None if (folder / REPRODUCE).exists() else republish_benchmark(folder)
    if benchmark is not None:
        from bench.engines.terminal import print_outcome

        outcome, page = benchmark
        print_outcome(outcome, console)
    else:
        results, page = republish(folder)
        rulings, study = read_rulings(folder), read_study(folder)
        if rulings:
            print_claims(rulings, console)
        elif study is not None:
            print_study(study, console)
        else:
            print_table(results, console)
    console.print(f"Report: {page}", soft_wrap=True, highlight=False)


def plan(
    folder: Annotated[Path, typer.Argument(metavar="RESULTS", help="A results folder that a run has written.")],
    *,
    qps: Annotated[float, typer.Option(help="Queries per second that arrive.")],
    depth: Annotated[int, typer.Option(min=1, help="Candidates per query; a depth that was measured.")],
    p99: Annotated[float, typer.Option(help="Seconds within which 99% of queries must be answered.")],
    price_per_hour: Annotated[
        list[str] | None,
        typer.Option(metavar="DEVICE=PRICE", help="Of one device, as in cuda:0=2.50, or by its name; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Say how many of the measured devices a load needs, what latency it then sees, and what it costs."""
    import json

    from rich.console import Console

    from bench.serving.capacity import Demand, parse_prices, plan_capacity
    from bench.serving.show import as_json as plan_as_json
    from bench.serving.show import print_plan
    from bench.store import open_results

    store = open_results(folder)
    prices, demand = parse_prices(price_per_hour or ()), Demand(qps, depth, p99)
    with Console(stderr=True).status("read the trials") as status:

        def tell(done: int, total: int) -> None:
            status.update(f"simulate the queue: {done} of {total}")

        planned = plan_capacity(store.results(), demand, prices, tell)
    if as_json:
        typer.echo(json.dumps(plan_as_json(planned), ensure_ascii=False, indent=2))
    else:
        print_plan(planned, Console())


def export(
    folder: Annotated[Path, typer.Argument(metavar="RESULTS", help="A results folder that a run has written.")],
    *,
    formats: Annotated[
        list[str], typer.Option("--format", help="trec, mteb, csv or parquet; may be repeated, or parted by commas.")
    ],
    to: Annotated[Path, typer.Option(help="The folder to write into; files of the same name are replaced.")],
    task: Annotated[
        list[str] | None,
        typer.Option(metavar="DATASET=TASK", help="mteb's name of a dataset; may be repeated. Else its card's."),
    ] = None,
    main_score: Annotated[str, typer.Option(help="The measure that mteb calls the main score.")] = "ndcg@10",
) -> None:
    """Write results for other tools: TREC runs and judgements, mteb's result files, tables as CSV or Parquet."""
    from rich.console import Console

    from bench.export import export as write_out

    tasks = dict(_pair(each, "--task", "SciFact=SciFact") for each in task or ())
    names = [name.strip() for each in formats for name in each.split(",")]
    console = Console(highlight=False)
    with Console(stderr=True).status("read the results") as status:
        written = write_out(folder, to, names, tasks, main_score, status.update)
    for path, size in written.files:
        console.print(f"{size:>12,} bytes  {path}", soft_wrap=True, markup=False)
    for note in written.notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False)
    console.print(f"{len(written.files)} files in {to}", soft_wrap=True, markup=False)


def _pair(text: str, option: str, example: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=")
    if not (name and equals and value):
        raise ConfigError(f"{option} is {text!r}; write it as in {example}")
    return name, value


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="A results folder: before.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another: after.")],
    *,
    gate: Annotated[
        list[str] | None,
        typer.Option(help="A bound for B - A, as in 'ndcg@10 >= -0.005' or 'latency_p95_s <= +10%'; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE.md", help="Write a Markdown report too.")] = None,
) -> None:
    """Compare two results folders trial by trial, with paired tests. Exit code 1 if a gate is broken.

    A measure's gate is on the difference of means, a cost's (a column of summary.csv) on the relative change. A pair
    that must not be compared, since its labelled set changed, gives exit code 1 too. Nothing is written into A or B.
    """
    import json

    from rich.console import Console

    from bench.compare.comparison import compare_folders
    from bench.compare.export import as_json as comparison_as_json
    from bench.compare.export import render_markdown
    from bench.compare.gates import parse_gate
    from bench.compare.rulings import rule
    from bench.compare.show import print_comparison
    from bench.store import write_file

    gates = [parse_gate(text) for text in gate or ()]
    with Console(stderr=True).status("compare"):
        comparison = compare_folders(a, b)
    rulings = rule(comparison, gates)
    if out is not None:
        write_file(out, render_markdown(comparison, rulings).encode(), "--out")
    if as_json:
        typer.echo(json.dumps(comparison_as_json(comparison, rulings), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        console = Console(highlight=False)
        print_comparison(comparison, rulings, console)
        if out is not None:
            console.print(f"Report: {out}", soft_wrap=True)
    if comparison.refused or not all(ruling.holds for ruling in rulings):
        raise typer.Exit(1)


COMMANDS = (report, plan, export, compare)
