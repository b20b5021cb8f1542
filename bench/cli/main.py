"""The commands that score and examine; those that run, and those about results and labelled sets, are beside it."""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from bench import __version__
from bench.cli import results, running
from bench.cli.datasets import datasets_app
from bench.cli.stopping import Commands, say_stopped, stoppable
from bench.cli.telling import print_json
from bench.secrets import redacted
from bench.shipped import find_config
from bench.types import ConfigError, Dtype, Hub, RerankBenchError

app = typer.Typer(
    cls=Commands,
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


app.command()(running.run)


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
    temperature: Annotated[
        float, typer.Option(help="Divides the logits: a study says which one makes scores honest. Changes no order.")
    ] = 1.0,
) -> None:
    """Score documents for one query with a reranker: load time, device, and the documents in order."""
    from bench.texts import read_documents

    documents = read_documents(docs)
    from rich.table import Table

    from bench.calibration.temperature import check_temperature, scaled
    from bench.machine.device import resolve_device, resolve_dtype
    from bench.printable import terminal
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
    check_temperature(temperature, reranker.unit)
    start_s = time.perf_counter() - start
    start = time.perf_counter()
    ranked = reranker.rerank(query, documents, instruction)
    score_s = time.perf_counter() - start
    console = terminal()
    console.print(
        f"{model} loaded in {reranker.load_s:.2f} s on {reranker.device} ({reranker.dtype}, engine {reranker.name}), "
        f"{start_s:.2f} s with the libraries and the search for its files",
        highlight=False,
        markup=False,
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
        shown = scaled(hit.score, temperature)
        table.add_row(str(position), f"{shown:.4f}", str(hit.index + 1), _plain(hit.document))
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
    config: Annotated[Path | None, typer.Argument(help="A config, of which every reranker set-up is examined.")] = None,
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
    from rich.markup import escape

    from bench.config.plan import load_plan
    from bench.doctor import Patient, distinct_setups, examine, resolve
    from bench.doctor.run import as_json as findings_as_json
    from bench.doctor.show import show_examined, show_verdict
    from bench.printable import terminal
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
        setups = distinct_setups(load_plan(find_config(config)))
    console, examined = terminal(highlight=False), []
    with terminal(stderr=True).status("") as status:
        for setup in setups:
            told = f"{setup.reranker} · {setup.engine} · "
            each = examine(Patient(setup), lambda name, told=told: status.update(escape(told + name)))  # type: ignore[misc]
            examined.append(each)
            if not as_json:
                show_examined(console, each)
                console.print()
    if as_json:
        print_json(findings_as_json(examined), allow_nan=True)
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
    """The console command: an error of ours is one line on stderr and an exit code of its own, and so is a signal."""
    try:
        with stoppable():
            app()
    except RerankBenchError as error:
        if os.environ.get("RERANKBENCH_DEBUG"):
            print(redacted(traceback.format_exc(), os.environ), file=sys.stderr)
        print(f"error: {redacted(str(error), os.environ)}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt as error:
        sys.exit(say_stopped(error))
