"""The engine benchmark: how fast each engine scores the same pairs, how near that is to what the machine can do, and
whether the scores are the same.

It is not a list of trials. Trials run one after another, and a machine drifts by a quarter within minutes; here all
engines are measured in turns within one run, and compared round by round.

::

    config.yaml ──load_benchmark──▶ Benchmark ──prepare──▶ workload, engines, device ──run_race──▶ Outcome ──▶ tables

=============  ==========================================================================================
config         the config file, checked
workload       which pairs, and how long each prompt is
prepare        finds device, model and pairs before anything runs
flops          pure: the work that cannot be avoided, from a model's shape and the prompts' lengths
memory         how far a process's memory grows above the loaded weights
peak           what the machine's matrix product reaches
worker         the process of one engine
link           the parent's end of such a process, with a time limit on every answer
search         the best batch size of an engine
race           the rounds
exactness      pure: score differences and changed ranks
results        what a run leaves, as frozen values
summary        pure: one row of figures per engine
tables         pure: rows as tables
sentences      pure: what is said beside them
export         pure: a Markdown page, and CSV
terminal       what is printed
figure         the bars
publish        the folder
=============  ==========================================================================================
"""

from __future__ import annotations

from pathlib import Path


def is_benchmark(config: Path) -> bool:
    """Whether a config is an engine benchmark: its top level has the key ``workload``. An unreadable file is not."""
    from bench.reading import top_keys

    return "workload" in top_keys(config)
