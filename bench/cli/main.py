"""The commands that run, score and examine; those about results and about labelled sets are beside this file."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from bench import __version__
from bench.cli import results
from bench.cli.datasets import datasets_app
from bench.types import ConfigError, Dtype, Hub, RerankBenchError

app = typer.Typer(
    help="Judge two-stage retrieval: BM25, embeddings and Qwen3 rerankers, quality and cost in the same row.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(datasets_app, name="datasets")

Model = Annotated[str, typer.Option(help="Reranker: a hub id, a folder, or asset:tracer-reranker (shipped, tiny).")]
Revision = Annotated[str | None, typer.Option(help="The hub's revision: a branch, tag or commit.")]
HubName = Annotated[str, typer.Option("--hub", help="Where hub ids are looked up: huggingface or modelscope.")]
Instruction = Annotated[str | None, typer.Option(help="What counts as relevant; the template's default if left out.")]
TemplateName = Annotated[str, typer.Option("--template", help="Prompt variant: qwen3, qwen3-eval or none.")]
MaxLength = Annotated[int, typer.Option(min=1, help="Tokens of a whole prompt; only the document is cut to fit.")]

ServerUrl = Annotated[str | None, typer.Option("--url", help="A server's endpoint that scores, for the engine http.")]


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    if debug:
        os.environ["RERANKBENCH_DEBUG"] = "1"
    if version:
        typer.echo(f"rerankbench {__version__}")
        raise typer.Exit


@app.command()
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
    the key `claims` is a claims file: each published figure gets a verdict, or the reason why it has none here.
    """
    from rich.console import Console

    from bench.claims import is_claims
    from bench.cluster.place import check_runner, open_place
    from bench.engines import is_benchmark

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
    plan = load_plan(config, overrides or ())
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


@app.command()
def score(
    query: Annotated[str, typer.Argument(help="What is looked for.")],
    *,
    docs: Annotated[Path, typer.Option(help="A text file with one document per line, a .jsonl, or - for stdin.")],
    model: Model = "Qwen/Qwen3-Reranker-0.6B",
    instruction: Instruction = None,
    template: TemplateName = "qwen3",
    max_length: MaxLength = 8192,
    engine: Annotated[str, typer.Option(help="auto, or an engine's name.")] = "auto",
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Documents per pass; left out: the engine's own.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, fp32, fp16 or bf16.")] = "auto",
    revision: Revision = None,
    hub: HubName = "huggingface",
    url: ServerUrl = None,
) -> None:
    """Score documents for one query with a reranker: load time, device, and the documents in order."""
    from bench.texts import read_documents

    documents = read_documents(docs)
    from rich.console import Console
    from rich.table import Table

    from bench.machine.device import resolve_device, resolve_dtype
    from bench.rerankers import load_reranker
    from bench.types import Trial

    start = time.perf_counter()
    trial = Trial(
        dataset="",
        pipeline="",
        reranker=model,
        reranker_revision=revision,
        engine=engine,
        template=template,
        batch_size=batch_size,
        max_length=max_length,
        hub=_hub(hub),
        url=url,
    )
    place = resolve_device(device)
    reranker = load_reranker(trial, place, resolve_dtype(_dtype(dtype), place))
    start_s = time.perf_counter() - start
    start = time.perf_counter()
    ranked = reranker.rerank(query, documents, instruction)
    score_s = time.perf_counter() - start
    console = Console()
    console.print(
        f"{model} loaded in {reranker.load_s:.2f} s on {reranker.device} ({reranker.dtype}, engine {reranker.name}), "
        f"{start_s:.2f} s with the libraries and the search for its files",
        highlight=False,
    )
    for note in reranker.notes:
        console.print(f"note: {note}", highlight=False, markup=False)
    console.print(f"{len(documents)} documents scored in {score_s * 1000:.0f} ms, not warmed up", highlight=False)
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    table.add_column("line", justify="right")
    table.add_column("document", overflow="fold")
    for position, hit in enumerate(ranked, start=1):
        table.add_row(str(position), f"{hit.score:.4f}", str(hit.index + 1), _plain(hit.document))
    console.print(table)


@app.command()
def prompt(
    query: Annotated[str, typer.Argument(help="What is looked for.")],
    document: Annotated[str, typer.Argument(help="The document's text.")],
    *,
    model: Model = "Qwen/Qwen3-Reranker-0.6B",
    instruction: Instruction = None,
    template: TemplateName = "qwen3",
    max_length: MaxLength = 8192,
    revision: Revision = None,
    hub: HubName = "huggingface",
) -> None:
    """Show the exact tokens that the model sees for a query and a document, and what was cut."""
    from bench.rerankers.checkpoint import load_tokenizer
    from bench.rerankers.prompt import inspect
    from bench.rerankers.template import find_template
    from bench.show import show_prompt

    chosen = find_template(template)
    tokenizer = load_tokenizer(model, revision, _hub(hub))
    said = chosen.default_instruction if instruction is None else instruction
    show_prompt(inspect(tokenizer, chosen, query, document, instruction=said, max_length=max_length))


@app.command()
def doctor(
    context: typer.Context,
    config: Annotated[Path | None, typer.Argument(help="Examine every reranker set-up of this experiment.")] = None,
    *,
    model: Model = "Qwen/Qwen3-Reranker-0.6B",
    engine: Annotated[str, typer.Option(help="auto, or an engine's name.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, fp32, fp16 or bf16.")] = "auto",
    template: TemplateName = "qwen3",
    max_length: MaxLength = 8192,
    revision: Revision = None,
    hub: HubName = "huggingface",
    url: ServerUrl = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Prove an engine before trusting it: each known way to score wrongly, measured. Exit code 1 if one is found."""
    import json

    from rich.console import Console

    from bench.config.plan import load_plan
    from bench.doctor import Patient, distinct_setups, examine, resolve
    from bench.doctor.run import as_json as findings_as_json
    from bench.doctor.show import show_examined, show_verdict
    from bench.types import Trial

    if config is None:
        trial = Trial(
            dataset="",
            pipeline="",
            reranker=model,
            reranker_revision=revision,
            engine=engine,
            template=template,
            max_length=max_length,
            hub=_hub(hub),
            device=device,
            dtype=_dtype(dtype),
            url=url,
        )
        setups = [resolve(trial)]
    else:
        given = [name for name in context.params if name not in ("config", "as_json") and _was_given(context, name)]
        if given:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise ConfigError(f"{flags}: the config says that; leave it out, or leave out the config")
        setups = distinct_setups(load_plan(config))
    console, examined = Console(highlight=False), []
    with Console(stderr=True).status("") as status:
        for setup in setups:
            told = f"{setup.reranker} · {setup.engine} · "
            each = examine(Patient(setup), lambda name, told=told: status.update(told + name))  # type: ignore[misc]
            examined.append(each)
            if not as_json:
                show_examined(console, each)
                console.print()
    if as_json:
        typer.echo(json.dumps(findings_as_json(examined), ensure_ascii=False, indent=2))
    else:
        show_verdict(console, examined)
    if not all(each.ok for each in examined):
        raise typer.Exit(1)


for _command in results.COMMANDS:
    app.command()(_command)


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _hub(name: str) -> Hub:
    if name not in get_args(Hub):
        raise ConfigError(f"--hub is {name!r}; it can be {', '.join(get_args(Hub))}")
    return cast(Hub, name)


def _dtype(name: str) -> Dtype:
    if name not in get_args(Dtype):
        raise ConfigError(f"--dtype is {name!r}; it can be {', '.join(get_args(Dtype))}")
    return cast(Dtype, name)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(" ".join(text.split()))


def main() -> None:
    """The console command: an error of ours is one line on stderr and an exit code of its own."""
    try:
        app()
    except RerankBenchError as error:
        if os.environ.get("RERANKBENCH_DEBUG"):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
