"""How fast the first stages are, beside other ways of doing the same: ``python -m bench.retrievers.timing bm25``.

::

    embed --model FOLDER --dataset FOLDER   batches by number of texts, and by tokens
    bm25                                    rank_bm25, bm25s and ours: 200 queries over 50,000 generated documents
    topk                                    the 100 nearest of 100,000 vectors for 200 queries

Ways are first checked for equal answers, then take turns: every round runs each once, in shuffled order. The table has
the median over rounds, the fastest and the slowest, and a ratio: the median over rounds of the time per item divided by
that of the way marked ``*`` in the same round. ``--out`` keeps every sample, with the facts of the machine.

Beside other work, set OMP_NUM_THREADS=1 and ``--threads 1``, and take ``--clock cpu``: seconds of processor time, which
on one thread of an idle machine are those of the wall. Others' use of caches and memory still shows in them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.machine.device import environment, resolve_device, set_threads, synchroniser
from bench.retrievers.contests import bm25, embed, topk
from bench.retrievers.turns import table, take_turns
from bench.types import RerankBenchError

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        options.device = resolve_device(options.device)
        set_threads(options.threads)
        contest = options.contest(options)
    except RerankBenchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    samples = take_turns(contest.ways, options.rounds, synchroniser(options.device), CLOCKS[options.clock])
    print("\n".join(f"{name}: {value}" for name, value in contest.facts.items()), "", sep="\n")
    print(table(contest, samples))
    if options.out:
        kept = {
            "facts": contest.facts,
            "rounds": options.rounds,
            "clock": options.clock,
            "items": {name: way.items for name, way in contest.ways.items()},
            "seconds": samples,
            "environment": environment(options.device, uses_torch=True),
        }
        options.out.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.retrievers.timing", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    contests = parser.add_subparsers(required=True)
    for contest in (embed, bm25, topk):
        command = contests.add_parser(contest.__name__, help=contest.__doc__)
        command.set_defaults(contest=contest)
        command.add_argument("--rounds", type=int, default=5)
        command.add_argument("--device", default="cpu", help="cpu, cuda, cuda:0, mps or auto (bm25: cpu)")
        command.add_argument("--threads", type=int, help="torch's threads; its own choice by default")
        command.add_argument("--clock", choices=list(CLOCKS), default="wall")
        command.add_argument("--out", type=Path, help="a JSON file for all samples")
        if contest is embed:
            command.add_argument("--model", required=True, help="a sentence-transformers folder, asset:… or hub id")
            command.add_argument("--dataset", type=Path, required=True, help="a folder in BEIR layout")
            command.add_argument("--texts", type=int, default=1000, help="a seeded sample of the documents")
            command.add_argument("--dtype", default="auto")
            command.add_argument("--sizes", type=int, nargs="+", default=[8, 16, 32], help="texts per pass, beside 64")
            command.add_argument("--budgets", type=int, nargs="+", default=[1024, 2048, 4096, 8192, 16384])
            continue
        command.add_argument("--queries", type=int, default=200)
        command.add_argument("--k", type=int, default=100)
        if contest is bm25:
            command.add_argument("--documents", type=int, default=50_000)
            command.add_argument("--dataset", type=Path, help="a folder in BEIR layout instead of generated text")
            command.add_argument("--few", type=int, default=10, help="queries for rank_bm25, which is slow")
        else:
            command.add_argument("--documents", type=int, default=100_000)
            command.add_argument("--dimensions", type=int, default=384)
            command.add_argument("--blocks", type=int, nargs="+", default=[20, 22, 24, 25], help="exponents of 2")
    return parser


if __name__ == "__main__":
    sys.exit(main())
