"""The commands that read results folders; ``COMMANDS`` are added to the command line by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.types import StoreError


def report(folder: Annotated[Path, typer.Argument(help="A results folder that a run has written.")]) -> None:
    """Write the report of a results folder again, a run's or an engine benchmark's, and print the table."""
    from rich.console import Console

    from bench.engines.publish import republish as republish_benchmark
    from bench.publish import REPRODUCE, republish
    from bench.report.terminal import print_table

    console = Console()
    benchmark = None if (folder / REPRODUCE).exists() else republish_benchmark(folder)
    if benchmark is not None:
        from bench.engines.terminal import print_outcome

        outcome, page = benchmark
        print_outcome(outcome, console)
    else:
        results, page = republish(folder)
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
    from bench.store import Store

    if not (folder / "trials").is_dir():
        raise StoreError(
            f"{folder} is not a results folder: it has no folder named trials. Give one that `rerankbench run` wrote, "
            "such as results/quickstart"
        )
    prices, demand = parse_prices(price_per_hour or ()), Demand(qps, depth, p99)
    with Console(stderr=True).status("read the trials") as status:

        def tell(done: int, total: int) -> None:
            status.update(f"simulate the queue: {done} of {total}")

        planned = plan_capacity(Store(folder, to_read=True).results(), demand, prices, tell)
    if as_json:
        typer.echo(json.dumps(plan_as_json(planned), ensure_ascii=False, indent=2))
    else:
        print_plan(planned, Console())


COMMANDS = (report, plan)
