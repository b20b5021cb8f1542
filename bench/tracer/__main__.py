"""``python -m bench.tracer generate | train-embedder | train-reranker | evaluate``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

DATASET = Path("datasets/tracer")
ASSETS = Path("bench/assets")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.tracer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    generate = commands.add_parser("generate", help="write the data set; the same bytes each time")
    generate.add_argument("--out", type=Path, default=DATASET)
    for name in ("embedder", "reranker"):
        train = commands.add_parser(f"train-{name}", help=f"train the tiny {name} on the train split's grammar")
        train.add_argument("--out", type=Path, default=ASSETS / f"tracer-{name}")
        train.add_argument("--steps", type=int, help="fewer for a trial; default: what the checkpoint was trained with")
        train.add_argument("--threads", type=int, default=1, help="CPU threads; more did not help on two cores")
        if name == "reranker":
            train.add_argument("--cycle", type=int, default=0, help="go on from the checkpoint in --out at this cycle")
    evaluate = commands.add_parser("evaluate", help="measure every stage with plain code, as JSON")
    evaluate.add_argument("--data", type=Path, default=DATASET)
    evaluate.add_argument("--assets", type=Path, default=ASSETS)
    evaluate.add_argument("--split", default="test", choices=("dev", "test"))
    evaluate.add_argument("--every", action="store_true", help="every instruction and both templates (minutes)")
    arguments = parser.parse_args()
    if arguments.command == "generate":
        from bench.tracer.generate import write

        write(arguments.out)
    elif arguments.command == "evaluate":
        from bench.tracer.evaluate import report

        print(json.dumps(report(arguments.data, arguments.assets, arguments.split, every=arguments.every), indent=1))
    else:
        import torch

        torch.set_num_threads(arguments.threads)
        arguments.out.mkdir(parents=True, exist_ok=True)
        if arguments.command == "train-embedder":
            from bench.tracer import train_embedder

            print(json.dumps(train_embedder.train(arguments.out, arguments.steps or train_embedder.STEPS), indent=1))
        else:
            from bench.tracer import train_reranker

            print(json.dumps(train_reranker.train(arguments.out, arguments.steps, arguments.cycle), indent=1))


if __name__ == "__main__":
    main()
