"""The commands that read results folders; ``COMMANDS`` are added to the command line by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.language import asked_language
from bench.cli.running import Json, Lang, Track
from bench.cli.telling import Outcome, Telling, benchmark_document, open_telling, print_json, refuse
from bench.types import ConfigError

if TYPE_CHECKING:
    from bench.engines.results import Outcome as EngineOutcomes


def report(
    folder: Annotated[Path, typer.Argument(help="A results folder that a run has written.")],
    *,
    serve: Annotated[
        bool, typer.Option("--serve", help="Show the page in a browser of this machine, new as trials finish.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="With --serve; 0 takes any that is free.")] = 8000,
    track: Track = None,
    as_json: Json = False,
    lang: Lang = "auto",
) -> None:
    """Write the report of a results folder again, a run's or an engine benchmark's, and print the table.

    With --serve nothing is written: the page is shown at http://127.0.0.1:8000/, also while the run is still going on.
    """
    from bench.engines.publish import republish as republish_benchmark
    from bench.finished import REPRODUCE

    if serve:
        from bench.serve import serve_folder

        refuse("--serve shows the page and does nothing else", json=as_json, track=track)
        serve_folder(folder, port, asked_language(lang))
        return
    benchmark = None if (folder / REPRODUCE).exists() else republish_benchmark(folder)
    if benchmark is not None:
        refuse("an engine benchmark has no trials to track", track=track)
        _tell_benchmark(*benchmark, as_json=as_json)
        return
    _report(folder, open_telling(as_json=as_json, lang=lang, track=track))


def _report(folder: Path, tell: Telling) -> None:
    from bench.finished import finished_run
    from bench.publish import read_rulings, read_study, republish
    from bench.trackers import What

    results, page = republish(folder, language=tell.language)
    run = finished_run(folder)
    found = Outcome(results, page, run.command, read_rulings(folder), read_study(folder))
    with tell.tracking:
        tell.tracking.begin(What(folder.resolve().name, found.kind, run.command, folder))
        for result in results:
            tell.tracking.trial(result)
        tell.outcome(found)
        tell.track_end(found, failed=any(result.status == "failed" for result in results))


def _tell_benchmark(outcome: EngineOutcomes, page: Path, *, as_json: bool) -> None:
    from bench.engines.terminal import print_outcome
    from bench.printable import terminal

    if as_json:
        print_json(benchmark_document(outcome, page))
        return
    console = terminal()
    print_outcome(outcome, console)
    console.print(f"Report: {page}", soft_wrap=True, highlight=False, markup=False)


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
    from bench.printable import terminal
    from bench.serving.capacity import Demand, parse_prices, plan_capacity
    from bench.serving.show import as_json as plan_as_json
    from bench.serving.show import print_plan
    from bench.store import open_results

    store = open_results(folder)
    prices, demand = parse_prices(price_per_hour or ()), Demand(qps, depth, p99)
    with terminal(stderr=True).status("read the trials") as status:

        def tell(done: int, total: int) -> None:
            status.update(f"simulate the queue: {done} of {total}")

        planned = plan_capacity(store.results(), demand, prices, tell)
    if as_json:
        print_json(plan_as_json(planned), allow_nan=True)
    else:
        print_plan(planned, terminal())


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
    from rich.markup import escape

    from bench.export import export as write_out
    from bench.printable import terminal

    tasks = dict(_pair(each, "--task", "SciFact=SciFact") for each in task or ())
    names = [name.strip() for each in formats for name in each.split(",")]
    console = terminal(highlight=False)
    with terminal(stderr=True).status("read the results") as status:
        written = write_out(folder, to, names, tasks, main_score, lambda name: status.update(escape(name)))
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
    from bench.compare.comparison import compare_folders
    from bench.compare.export import as_json as comparison_as_json
    from bench.compare.export import render_markdown
    from bench.compare.gates import parse_gate
    from bench.compare.rulings import rule
    from bench.compare.show import print_comparison
    from bench.printable import terminal
    from bench.store import write_file

    gates = [parse_gate(text) for text in gate or ()]
    with terminal(stderr=True).status("compare"):
        comparison = compare_folders(a, b)
    rulings = rule(comparison, gates)
    if out is not None:
        write_file(out, render_markdown(comparison, rulings).encode(), "--out")
    if as_json:
        print_json(comparison_as_json(comparison, rulings))
    else:
        console = terminal(highlight=False)
        print_comparison(comparison, rulings, console)
        if out is not None:
            console.print(f"Report: {out}", soft_wrap=True, markup=False)
    if comparison.refused or not all(ruling.holds for ruling in rulings):
        raise typer.Exit(1)


COMMANDS = (report, plan, export, compare)
