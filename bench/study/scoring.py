"""The scores of many arms, made together: the model loaded, the candidates found and the documents tokenised once.

What an arm adds is its own scoring and no more, and every finished arm is in the results folder at once; so an arm that
is added to a finished study is all that is scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.config.plan import Plan
from bench.job import ArmOf, Job
from bench.keys import arms_key, quality_key
from bench.prepare import Prepared, can_be_judged
from bench.process import Place
from bench.rerankers import engine_class
from bench.store import Store
from bench.types import Progress


def score_arms(items: Sequence[Prepared], plan: Plan, store: Store, place: Place, tell: Progress) -> None:
    """Make the quality passes that these trials lack, those that share all but the instruction in one process.

    What cannot be made so is left to whoever runs the trials, who says why.
    """
    groups: dict[str, list[Prepared]] = {}
    for item in items:
        if item.trial.reranker is not None and can_be_judged(item.trial):
            groups.setdefault(arms_key(item.trial), []).append(item)
    for key, group in groups.items():
        with store.lock(f"arms-{key}"):
            lacking = missing(group, store)
            if lacking:
                _score(lacking, plan, store, place, tell, f"arms-{key}")


def missing(items: Sequence[Prepared], store: Store) -> list[Prepared]:
    """Those whose scores are not in the folder, one of each quality key."""
    asked = {quality_key(item.trial): item for item in reversed(items)}
    return [
        item for key, item in reversed(asked.items()) if store.find_quality(key, item.inputs, item.trial.depth) is None
    ]


def _score(items: Sequence[Prepared], plan: Plan, store: Store, place: Place, tell: Progress, log_name: str) -> None:
    first = items[0].trial
    trial = replace(
        first,
        instruction=None,
        instruction_field=None,
        batch_size=engine_class(first.engine).own_batch_size,
        token_budget=None,
        memory_limit_mb=None,
    )
    job = Job(
        trial,
        plan.base,
        store.cache.resolve(),
        ("arms",),
        max(item.trial.depth for item in items),
        arms=tuple(ArmOf(item.trial, item.inputs) for item in items),
        results=store.folder.resolve(),
        inputs=items[0].inputs,
        since=items[0].found_at,
    )
    limit = None if plan.time_limit_s is None else plan.time_limit_s * len(items)
    returned = place.run(job, tell, lambda: None, limit)
    store.write(f"logs/{log_name}.log", returned.log)
