"""The command ``run``: what a config asks for, by what kind of config it is."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.types import ConfigError


def run(
    config: Annotated[Path, typer.Argument(help="An experiment, such as configs/quickstart.yaml.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Any trial field, or datasets=PATH[,PATH].")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Results folder [default: results/NAME].")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Run again what ran out of memory or time before.")] = False,
    runner: Annotated[
        str, typer.Option("--runner", help="Where trials run: local, or ray (the machines of a cluster).")
    ] = "local",
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", help="A running Ray cluster: auto or HOST:PORT [default: start one].")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the cells and a guess of the time; run and write nothing.")
    ] = False,
) -> None:
    """Run the trials of a config; those already finished in the results folder are not run again.

    A config with the key `workload` is an engine benchmark: its engines run in turns, over the same pairs. One with
    the key `claims` is a claims file: each published figure gets a verdict, or the reason why it has none here. One
    with the key `instructions` is a study: every instruction is tried on dev, the best is judged on test, once.
    """
    from bench.claims import is_claims
    from bench.cluster.place import check_runner
    from bench.engines import is_benchmark
    from bench.study import is_study

    check_runner(runner, ray_address)
    if is_benchmark(config):
        if dry_run:
            raise ConfigError("--dry-run is for configs with pipelines; an engine benchmark has no cells to list")
        if runner != "local":
            raise ConfigError(f"--runner {runner}: an engine benchmark compares engines on this machine; leave it out")
        _run_benchmark(config, overrides or [], out, quiet)
        return
    if is_claims(config):
        if runner != "local":
            raise ConfigError(f"--runner {runner}: the trials of a claims file run on this machine; leave it out")
        _run_claims(config, overrides or [], out, quiet=quiet, retry=retry, dry_run=dry_run)
        return

    if is_study(config):
        if runner != "local":
            raise ConfigError(f"--runner {runner}: the arms of a study are scored on this machine; leave it out")
        _run_study(config, overrides or [], out, quiet=quiet, retry=retry, dry_run=dry_run)
        return
    _run_trials(config, overrides or [], out, runner, ray_address, quiet=quiet, retry=retry, dry_run=dry_run)


def _run_trials(
    config: Path,
    overrides: list[str],
    out: Path | None,
    runner: str,
    ray_address: str | None,
    *,
    quiet: bool,
    retry: bool,
    dry_run: bool,
) -> None:
    from rich.console import Console

    from bench.cluster.place import open_place
    from bench.config.plan import load_plan
    from bench.prepare import prepare
    from bench.process import ThisMachine
    from bench.proof import unproven
    from bench.publish import publish
    from bench.report.terminal import print_table
    from bench.runner import run_all
    from bench.screen import Screen, tally
    from bench.store import Store, slug

    console = Console()
    plan = load_plan(config, overrides)
    if dry_run:
        from bench.dryrun.show import print_cells

        print_cells(plan, out or Path("results") / slug(plan.name), console)
        return
    command = shlex.join(["rerankbench", *sys.argv[1:]])
    with Screen(console, quiet=quiet) as screen:
        prepared = prepare(plan, screen.tell, runs_here=runner == "local")
        store = Store(out or Path("results") / slug(plan.name))
        try:
            with open_place(runner, ray_address, ThisMachine(store.host_lock), screen.tell) as place:
                results = run_all(prepared, plan, store, screen.tell, screen.done, place=place, retry=retry)
        except KeyboardInterrupt:
            print("stopped; finished trials are kept, and the same command goes on from there", file=sys.stderr)
            raise typer.Exit(130) from None
        screen.tell("write the report", 0, 0)
        report = publish(store, results, plan.text, command)
    if not quiet:
        print_table(results, console)
        console.print(tally(results), highlight=False)
        console.print(f"Report: {report}", soft_wrap=True, highlight=False)
    faults = unproven(results)
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    if faults or any(result.status == "failed" for result in results):
        raise typer.Exit(1)


def _run_benchmark(config: Path, overrides: list[str], out: Path | None, quiet: bool) -> None:
    from rich.console import Console

    from bench.engines.publish import run_benchmark
    from bench.engines.terminal import print_outcome

    console = Console()
    command = shlex.join(["rerankbench", *sys.argv[1:]])

    def tell(line: str) -> None:
        if not quiet:
            console.print(line, highlight=False, markup=False)

    try:
        outcome, report = run_benchmark(config, overrides, out, command, tell)
    except KeyboardInterrupt:
        print("stopped; what was measured so far is in engines.json of the results folder", file=sys.stderr)
        raise typer.Exit(130) from None
    if not quiet:
        print_outcome(outcome, console)
        console.print(f"Report: {report}", soft_wrap=True, highlight=False)
    if any(engine.fate == "failed" for engine in outcome.engines):
        raise typer.Exit(1)


def _run_claims(
    config: Path, overrides: list[str], out: Path | None, *, quiet: bool, retry: bool, dry_run: bool
) -> None:
    from rich.console import Console

    from bench.claims.file import load_claims
    from bench.claims.run import put_to_test
    from bench.config.plan import Plan
    from bench.publish import publish
    from bench.report.terminal import print_claims
    from bench.screen import Screen, tally
    from bench.store import Store, slug

    console, file = Console(), load_claims(config, overrides)
    folder = out or Path("results") / slug(file.name)
    if dry_run:
        from bench.dryrun.show import print_cells

        trials = {trial.id: trial for trials in file.trials.values() for trial in trials}
        print_cells(Plan(file.name, tuple(trials.values()), file.base, file.text), folder, console)
        return
    command = shlex.join(["rerankbench", *sys.argv[1:]])
    store = Store(folder)
    with Screen(console, quiet=quiet) as screen:
        try:
            tried = put_to_test(file, store, screen.tell, screen.done, retry=retry)
        except KeyboardInterrupt:
            print("stopped; finished trials are kept, and the same command goes on from there", file=sys.stderr)
            raise typer.Exit(130) from None
        screen.tell("write the report", 0, 0)
        report = publish(store, tried.results, file.text, command, tried.rulings)
    if not quiet:
        print_claims(tried.rulings, console)
        if tried.results:
            console.print(tally(tried.results), highlight=False)
        console.print(f"Report: {report}", soft_wrap=True, highlight=False)
    if any(result.status == "failed" for result in tried.results):
        raise typer.Exit(1)


def _run_study(
    config: Path, overrides: list[str], out: Path | None, *, quiet: bool, retry: bool, dry_run: bool
) -> None:
    from rich.console import Console

    from bench.publish import publish_study
    from bench.report.study_terminal import print_study
    from bench.screen import Screen, tally
    from bench.show_study import print_plan, say_what_comes
    from bench.store import Store, slug
    from bench.study.file import load_study
    from bench.study.run import find_inputs, run_study

    console, file = Console(), load_study(config, overrides)
    folder = out or Path("results") / slug(file.name)
    if dry_run:
        print_plan(file, folder, console)
        return
    command = shlex.join(["rerankbench", *sys.argv[1:]])
    with Screen(console, quiet=quiet) as screen:
        inputs = find_inputs(file, screen.tell)
        store = Store(folder)
        if not quiet:
            say_what_comes(file, inputs, store, console)
        try:
            studied = run_study(file, inputs, store, screen.tell, screen.done, retry=retry)
        except KeyboardInterrupt:
            print("stopped; finished arms are kept, and the same command goes on from there", file=sys.stderr)
            raise typer.Exit(130) from None
        screen.tell("write the report", 0, 0)
        report = publish_study(store, studied, file.text, command)
    if not quiet:
        print_study(studied.study, console)
        console.print(tally(studied.results), highlight=False)
        console.print(f"Report: {report}", soft_wrap=True, highlight=False)
    if any(result.status == "failed" for result in studied.results):
        raise typer.Exit(1)
