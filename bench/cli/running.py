"""The command ``run``: what a config asks for, by what kind of config it is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.stopping import keeping
from bench.cli.telling import Outcome, Telling, benchmark_document, open_telling, print_json, refuse
from bench.printable import printable
from bench.shipped import find_config, shipped_configs
from bench.types import ConfigError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for scripts; progress goes to stderr.")]
Lang = Annotated[
    str, typer.Option("--lang", help="Of tables and report: en, zh, or auto (zh where LC_ALL or LANG begins with it).")
]
Track = Annotated[
    str | None,
    typer.Option(
        "--track",
        metavar="TRACKER[:ADDRESS]",
        help="Log to a tracker too: mlflow (./mlruns), mlflow:FOLDER, mlflow:URI.",
    ),
]

_TRIALS_KEPT = "finished trials are kept, and the same command goes on from there"


def run(
    config: Annotated[
        Path, typer.Argument(help=f"A config file, or the name of a shipped one: {', '.join(shipped_configs())}.")
    ],
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
    no_texts: Annotated[
        bool, typer.Option("--no-texts", help="Leave the texts of queries and documents out of what is written.")
    ] = False,
    track: Track = None,
    as_json: Json = False,
    lang: Lang = "auto",
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
    config = find_config(config)
    if dry_run:
        refuse("--dry-run runs nothing", json=as_json, track=track)
    if is_benchmark(config):
        if dry_run:
            raise ConfigError("--dry-run is for configs with pipelines; an engine benchmark has no cells to list")
        if runner != "local":
            raise ConfigError(f"--runner {runner}: an engine benchmark compares engines on this machine; leave it out")
        refuse("an engine benchmark has no trials to track", track=track)
    tell = open_telling(quiet=quiet, as_json=as_json, lang=lang, track=track, with_texts=not no_texts)
    with tell.tracking:
        if is_benchmark(config):
            _run_benchmark(config, overrides or [], out, tell)
        elif is_claims(config):
            if runner != "local":
                raise ConfigError(f"--runner {runner}: the trials of a claims file run on this machine; leave it out")
            _run_claims(config, overrides or [], out, tell, retry=retry, dry_run=dry_run)
        elif is_study(config):
            if runner != "local":
                raise ConfigError(f"--runner {runner}: the arms of a study are scored on this machine; leave it out")
            _run_study(config, overrides or [], out, tell, retry=retry, dry_run=dry_run)
        else:
            _run_trials(config, overrides or [], out, runner, ray_address, tell, retry=retry, dry_run=dry_run)


def _run_trials(
    config: Path,
    overrides: list[str],
    out: Path | None,
    runner: str,
    ray_address: str | None,
    tell: Telling,
    *,
    retry: bool,
    dry_run: bool,
) -> None:
    from bench.cluster.place import open_place
    from bench.config.plan import load_plan
    from bench.explorer.collect import collect
    from bench.prepare import prepare
    from bench.process import ThisMachine
    from bench.proof import unproven
    from bench.publish import publish
    from bench.runner import run_all
    from bench.screen import Screen
    from bench.store import Store, slug
    from bench.trackers import What, said_command

    plan = load_plan(config, overrides)
    if dry_run:
        from bench.dryrun.show import print_cells

        print_cells(plan, out or Path("results") / slug(plan.name), tell.console)
        return
    command = said_command(sys.argv[1:])
    with keeping(_TRIALS_KEPT), Screen(tell.console, quiet=tell.quiet) as screen:
        prepared = prepare(plan, screen.tell, runs_here=runner == "local")
        store = Store(out or Path("results") / slug(plan.name))
        tell.tracking.begin(What(plan.name, "trials", command, store.folder))
        with open_place(runner, ray_address, ThisMachine(store.host_lock), screen.tell) as place:
            done = tell.tracking.done(screen.done)
            results = run_all(prepared, plan, store, screen.tell, done, place=place, retry=retry)
        ran = zip(prepared, results, strict=True)
        lost = collect(ran, results, store, plan.base, screen.tell, with_texts=tell.with_texts)
        screen.tell("write the report", 0, 0)
        page = publish(store, results, plan.text, command, language=tell.language)
    faults = unproven(results)
    _end(tell, Outcome(results, page, command), lost, faults)


def _run_benchmark(config: Path, overrides: list[str], out: Path | None, tell: Telling) -> None:
    from bench.engines.publish import run_benchmark
    from bench.engines.terminal import print_outcome
    from bench.trackers import said_command

    def say(line: str) -> None:
        if not tell.quiet:
            tell.console.print(line, highlight=False, markup=False)

    with keeping("what was measured so far is kept in the results folder"):
        outcome, report = run_benchmark(config, overrides, out, said_command(sys.argv[1:]), say)
    if tell.as_json:
        print_json(benchmark_document(outcome, report))
    elif not tell.quiet:
        print_outcome(outcome, tell.console)
        tell.console.print(f"Report: {report}", soft_wrap=True, highlight=False, markup=False)
    if any(engine.fate == "failed" for engine in outcome.engines):
        raise typer.Exit(1)


def _run_claims(
    config: Path, overrides: list[str], out: Path | None, tell: Telling, *, retry: bool, dry_run: bool
) -> None:
    from bench.claims.file import load_claims
    from bench.claims.run import put_to_test
    from bench.config.plan import Plan
    from bench.explorer.collect import collect
    from bench.publish import publish
    from bench.screen import Screen
    from bench.store import Store, slug
    from bench.trackers import What, said_command

    file = load_claims(config, overrides)
    folder = out or Path("results") / slug(file.name)
    if dry_run:
        from bench.dryrun.show import print_cells

        trials = {trial.id: trial for trials in file.trials.values() for trial in trials}
        print_cells(Plan(file.name, tuple(trials.values()), file.base, file.text), folder, tell.console)
        return
    command = said_command(sys.argv[1:])
    store = Store(folder)
    with keeping(_TRIALS_KEPT), Screen(tell.console, quiet=tell.quiet) as screen:
        tell.tracking.begin(What(file.name, "claims", command, folder))
        tried = put_to_test(file, store, screen.tell, tell.tracking.done(screen.done), retry=retry)
        ran = zip(tried.items, tried.results, strict=True)
        lost = collect(ran, tried.results, store, file.base, screen.tell, with_texts=tell.with_texts)
        screen.tell("write the report", 0, 0)
        page = publish(store, tried.results, file.text, command, tried.rulings, language=tell.language)
    _end(tell, Outcome(tried.results, page, command, tried.rulings), lost)


def _run_study(
    config: Path, overrides: list[str], out: Path | None, tell: Telling, *, retry: bool, dry_run: bool
) -> None:
    from bench.explorer.collect import collect_study
    from bench.publish import publish_study
    from bench.screen import Screen
    from bench.show_study import print_plan, say_what_comes
    from bench.store import Store, slug
    from bench.study.file import load_study
    from bench.study.run import find_inputs, run_study
    from bench.trackers import What, said_command

    file = load_study(config, overrides)
    folder = out or Path("results") / slug(file.name)
    if dry_run:
        print_plan(file, folder, tell.console)
        return
    command = said_command(sys.argv[1:])
    with (
        keeping("finished arms are kept, and the same command goes on from there"),
        Screen(tell.console, quiet=tell.quiet) as screen,
    ):
        inputs = find_inputs(file, screen.tell)
        store = Store(folder)
        if not tell.quiet:
            say_what_comes(file, inputs, store, tell.console)
        tell.tracking.begin(What(file.name, "study", command, folder))
        studied = run_study(file, inputs, store, screen.tell, tell.tracking.done(screen.done), retry=retry)
        studied = studied if tell.with_texts else studied.without_texts()
        lost = collect_study(inputs, studied, file, store, screen.tell, with_texts=tell.with_texts)
        screen.tell("write the report", 0, 0)
        page = publish_study(store, studied, file.text, command, language=tell.language)
    _end(tell, Outcome(studied.results, page, command, study=studied.study), lost)


def _end(tell: Telling, found: Outcome, lost: Sequence[str], faults: Sequence[str] = ()) -> None:
    """Tell what came of a run; exit code 1 where a trial failed or an axis took no effect."""
    failed = bool(faults) or any(result.status == "failed" for result in found.results)
    tell.outcome(found)
    tell.track_end(found, failed=failed)
    for line in lost:
        print(f"note: {printable(line)}", file=sys.stderr)
    for fault in faults:
        print(f"error: {printable(fault)}", file=sys.stderr)
    if failed:
        raise typer.Exit(1)
