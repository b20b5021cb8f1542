"""How time and memory of the first stages grow with the corpus: ``python -P -m bench.retrievers.scale --to FOLDER``.

For each size a set is drawn to disk (see ``zipf``), and these are measured, each in a process of its own, so that a
peak of memory is that of one stage and of reading the set before it:

    reading        the set is read and checked, its checksum computed
    bm25 index     the index of the retriever ``bm25``, which is held in memory
    bm25 search    every query's best documents; the peak is that of indexing, which comes before
    bm25s index    the index of ``bm25s``, built, written and mapped
    bm25s search   the same queries, with the index found on disk
    dense index    every document embedded, the vectors written
    dense search   the same queries, with the vectors found on disk

The embedding model is a table of random vectors behind the tokenizer of the shipped embedder: as little work as a
model can be, so that what is seen is how the pipeline grows, and not the speed of any model. A peak counts the pages of
mapped files that were touched; the system takes those back when it needs them.

FOLDER gets ``scale.csv`` (written anew after every stage), ``scale.json`` (the machine) and ``scale.svg``, and a folder
``sets``: a set that is there already is used again. What the stages write on disk is removed after each size.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cache import EmbeddingCache
from bench.data import load_dataset
from bench.machine.device import environment
from bench.machine.meter import peak_rss_bytes, rss_bytes
from bench.retrievers import Retriever, load_retriever
from bench.retrievers.zipf import write_zipf
from bench.types import RerankBenchError, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DIMENSIONS = 384
MODEL, CACHE = "model", "cache"


@dataclass(frozen=True, slots=True)
class Sample:
    """One stage at one size. ``cpu_s`` is processor time of all threads, which other work on a machine lengthens less.

    ``before_bytes`` was resident when the clock was started, ``peak_bytes`` is the process's mark since it began;
    ``disk_bytes`` is what the stage added to the disk.
    """

    stage: str
    documents: int
    queries: int
    wall_s: float
    cpu_s: float
    before_bytes: int
    peak_bytes: int | None
    disk_bytes: int


# ------------------------------------------------------------------------------------------------- in a process

Stage = Callable[[Path, Path, int], Callable[[], object]]
"""Of the set's folder, the work folder and k: everything but what is measured, which is returned to be called."""


def _reading(folder: Path, work: Path, k: int) -> Callable[[], object]:
    return lambda: load_dataset(folder)


def _index(name: str) -> Stage:
    def stage(folder: Path, work: Path, k: int) -> Callable[[], object]:
        dataset, retriever = load_dataset(folder), _retriever(name, work)
        return lambda: retriever.index(dataset.corpus)

    return stage


def _search(name: str) -> Stage:
    def stage(folder: Path, work: Path, k: int) -> Callable[[], object]:
        dataset, retriever = load_dataset(folder), _retriever(name, work)
        retriever.index(dataset.corpus)
        return lambda: retriever.search(dataset.queries, k)

    return stage


def _retriever(name: str, work: Path) -> Retriever:
    trial = Trial(dataset="", pipeline=name, retriever=name, dtype="fp32")
    if name == "dense":
        trial = replace(trial, embedder=str(work / MODEL))
    return load_retriever(trial, "cpu", EmbeddingCache(work / CACHE))


STAGES: dict[str, Stage] = {
    "reading": _reading,
    "bm25 index": _index("bm25"),
    "bm25 search": _search("bm25"),
    "bm25s index": _index("bm25s"),
    "bm25s search": _search("bm25s"),
    "dense index": _index("dense"),
    "dense search": _search("dense"),
}


def measure_here(stage: str, folder: Path, work: Path, k: int) -> dict[str, float | int | None]:
    """Carry out a stage in this process, which should have done nothing else: ``Sample``'s figures by their names."""
    measured = STAGES[stage](folder, work, k)
    disk, before = _size(work), rss_bytes()
    wall, cpu = time.perf_counter(), time.process_time()
    measured()
    return {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "before_bytes": before,
        "peak_bytes": peak_rss_bytes(),
        "disk_bytes": _size(work) - disk,
    }


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# ------------------------------------------------------------------------------------------------ over processes


def measure(documents: int, queries: int, k: int, to: Path, done: Callable[[Sample], None]) -> None:
    """Every stage at one size, each in a fresh process. Raises RerankBenchError for a stage that ends otherwise."""
    folder = to / "sets" / f"{documents}-{queries}"
    if not folder.exists():
        write_zipf(folder, documents, queries)
    with tempfile.TemporaryDirectory(dir=to, prefix=".work-") as held:
        work = Path(held)
        _write_model(work / MODEL)
        for stage in STAGES:
            arguments = ["--stage", stage, "--set", str(folder), "--work", str(work), "--k", str(k)]
            command = [sys.executable, "-P", "-m", "bench.retrievers.scale", "--to", str(to), *arguments]
            ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if ended.returncode:
                raise RerankBenchError(f"{stage} over {documents} documents ended with code {ended.returncode}")
            done(Sample(stage, documents, queries, **json.loads(ended.stdout)))


def _write_model(folder: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    from bench.hub import resolve_model

    tokenizer = Tokenizer.from_file(
        str(resolve_model("asset:tracer-embedder", None, "huggingface").path / "tokenizer.json")
    )
    weights = torch.randn(tokenizer.get_vocab_size(), DIMENSIONS, generator=torch.Generator().manual_seed(0))
    module = StaticEmbedding(tokenizer, embedding_weights=weights)
    SentenceTransformer(modules=[module], device="cpu").save(str(folder), create_model_card=False)


# --------------------------------------------------------------------------------------------------- what is shown


def table(samples: Sequence[Sample]) -> str:
    """One line per stage and size; the time per document shows whether time grows faster than the corpus."""
    lines = [f"{'':13} {'documents':>10} {'wall s':>9} {'CPU s':>9} {'CPU µs/doc':>11} {'peak GiB':>9} {'disk GiB':>9}"]
    for sample in samples:
        peak = "" if sample.peak_bytes is None else f"{sample.peak_bytes / 2**30:.2f}"
        lines.append(
            f"{sample.stage:13} {sample.documents:10,} {sample.wall_s:9.2f} {sample.cpu_s:9.2f} "
            f"{1e6 * sample.cpu_s / sample.documents:11.1f} {peak:>9} {sample.disk_bytes / 2**30:9.2f}"
        )
    return "\n".join(lines)


def write_csv(samples: Sequence[Sample], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Sample)])
        writer.writeheader()
        writer.writerows(asdict(sample) for sample in samples)


def draw(samples: Sequence[Sample], path: Path) -> None:
    """Processor time and peak memory by size, both axes logarithmic, with a dotted line of slope 1 to compare with."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "rerankbench", "font.size": 9}):
        figure = Figure(figsize=(9, 4.6), layout="constrained")
        times, peaks = figure.subplots(1, 2)
        _panel(times, samples, "processor time (s)", lambda sample: sample.cpu_s)
        _panel(peaks, samples, "peak resident memory (GiB)", lambda sample: (sample.peak_bytes or 0) / 2**30)
        figure.legend(*times.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
        figure.savefig(path, metadata={"Date": None})


def _panel(axes: Axes, samples: Sequence[Sample], label: str, value: Callable[[Sample], float]) -> None:
    from matplotlib.ticker import LogLocator

    for stage, marker in zip(STAGES, cycle("os^DvPX"), strict=False):
        points = [(sample.documents, value(sample)) for sample in samples if sample.stage == stage and value(sample)]
        axes.plot(*zip(*points, strict=True), marker=marker, label=stage) if points else None
    sizes = sorted({sample.documents for sample in samples})
    top = max(map(value, samples))
    axes.plot(sizes, [top * size / sizes[-1] for size in sizes], linestyle=":", color="grey", label="in proportion")
    axes.set(xscale="log", yscale="log", xlabel="documents", ylabel=label)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.minorticks_off()
    axes.grid(alpha=0.3)


# ------------------------------------------------------------------------------------------------------- command


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        if options.stage:
            print(json.dumps(measure_here(options.stage, options.set, options.work, options.k)))
            return 0
        _measure_all(options)
    except RerankBenchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _measure_all(options: argparse.Namespace) -> None:
    samples: list[Sample] = []

    def done(sample: Sample) -> None:
        samples.append(sample)
        write_csv(samples, options.to / "scale.csv")
        print(table([sample]).splitlines()[1], flush=True)

    options.to.mkdir(parents=True, exist_ok=True)
    facts = {"dimensions": DIMENSIONS, "k": options.k, "environment": environment("cpu", uses_torch=True)}
    (options.to / "scale.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(table([]), flush=True)
    for documents in options.documents:
        measure(documents, options.queries, options.k, options.to.resolve(), done)
    draw(samples, options.to / "scale.svg")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -P -m bench.retrievers.scale", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--to", type=Path, required=True, help="the folder for figures and sets")
    parser.add_argument(
        "--documents", type=_sizes, default=[10_000, 100_000, 1_000_000], help="sizes, parted by commas"
    )
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--k", type=int, default=100, help="documents found per query")
    parser.add_argument("--stage", choices=list(STAGES), help=argparse.SUPPRESS)
    parser.add_argument("--set", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    return parser


def _sizes(text: str) -> list[int]:
    return [int(size) for size in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
