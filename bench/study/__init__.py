"""Instruction studies: which way of asking a reranker helps, on queries that had no part in choosing it.

::

    study.yaml ──▶ arms, trials ──every arm on dev──▶ choose ──▶ chosen and baseline on test, once ──▶ Study

============  ================================================================================================
words         the frozen values: arm, contrast, conclusion, plan
named         instructions that come along, by name
file          the study file, checked
scoring       the scores of many arms in one process, each kept as it is finished
measured      a side of a set: what its arms scored
contrasts     pure: every arm against the baseline, paired by query, adjusted together
power         pure: what so many queries can show
choice        pure: which arm dev speaks for, and the plan
across        pure: a summary over sets
looks         how often a test set has been looked at;  judgement: which arm may be compared there
examples      pure: the queries that changed most;  features, slices, queries_table: what else there is by query
outcome       pure: all of it -> Study
run           a study from its file to its outcome
table         pure: ab.csv
============  ================================================================================================
"""

from __future__ import annotations

from pathlib import Path

KEY = "instructions"
"""The key at the top that makes a config a study file."""


def is_study(config: Path) -> bool:
    """Whether a config is a study file: its top level has the key ``instructions``. An unreadable file is not."""
    from bench.reading import top_keys

    return KEY in top_keys(config)
