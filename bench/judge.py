"""Pure: what a finished ranking is worth, and what should make a reader doubt it."""

from __future__ import annotations

from typing import Any

from bench.measures import cut_off, evaluate, recall_ceiling, tied_share, unjudged_share
from bench.stats import bootstrap_mean
from bench.ties import decided_by_ties, mean_ranges, tie_ranges
from bench.types import Dataset, Quality, Run, Trial, TrialResult, Work

MANY_TIES = 0.05
MANY_CUT = 0.10
MANY_UNJUDGED = 0.50
UNJUDGED_AT = 10
"""The depth at which every result has its unjudged share; those of its measures' cut-offs come beside it."""
BUSY_PER_CORE = 0.5


def judge(trial: Trial, dataset: Dataset, run: Run, first_stage: Run, work: Work) -> Quality:
    """The trial's measures per query and in the mean, with intervals, and what bounds or blurs them."""
    per_query = evaluate(run, dataset.qrels, trial.measures)
    cuts = sorted({UNJUDGED_AT, *(k for name in trial.measures if (k := cut_off(name)))})
    return Quality(
        means={name: bootstrap_mean(list(values.values()), trial.seed) for name, values in per_query.items()},
        per_query=per_query,
        ceiling=bootstrap_mean(list(recall_ceiling(first_stage, dataset.qrels, trial.depth).values()), trial.seed),
        tied_share=tied_share(run),
        work=work,
        ties=mean_ranges(tie_ranges(run, dataset.qrels, per_query)),
        unjudged={f"unjudged@{k}": unjudged_share(run, dataset.qrels, k) for k in cuts},
    )


def doubts(result: TrialResult, dataset: Dataset, run: Run) -> tuple[str, ...]:
    """What to know before trusting the figures of this trial, and what to do about it."""
    trial, said = result.trial, []
    beyond = [name for name in trial.measures if (cut_off(name) or 0) > trial.depth]
    if beyond:
        said.append(f"{', '.join(beyond)}: nothing is ranked below depth {trial.depth}; raise depth to measure further")
    empty = sum(not run.get(query_id) for query_id in dataset.qrels)
    if empty:
        said.append(f"{empty} of {len(dataset.qrels)} queries have no results and count 0")
    if result.quality and result.quality.tied_share > MANY_TIES:
        said.append(f"{result.quality.tied_share:.0%} of neighbours in the top 10 tie; ids decide their order")
    decided = decided_by_ties(result.quality.ties) if result.quality else {}
    if decided:
        ranges = ", ".join(f"{name} {of.low:.3f} to {of.high:.3f}" for name, of in decided.items())
        said.append(
            f"in other orders of tied scores, which ids decide, figures could be: {ranges}; quote them with that"
        )
    unjudged = unjudged_share(run, dataset.qrels, UNJUDGED_AT)
    if unjudged > MANY_UNJUDGED:
        said.append(f"{unjudged:.0%} of the top 10 are unjudged and count as not relevant; compare, do not quote alone")
    work = result.quality.work if result.quality else None
    if work and work.truncated_pairs and work.truncated_pairs > MANY_CUT * work.pairs:
        share = work.truncated_pairs / work.pairs
        said.append(f"{share:.0%} of the documents were cut to fit max_length {trial.max_length}; raise it to compare")
    load, cores = result.environment.get("load_before"), result.environment.get("cores_logical")
    if trial.scenarios and load and cores and load > BUSY_PER_CORE * cores:
        said.append(f"the machine was busy before the run (load {load} on {cores} cores); measure times on an idle one")
    return tuple(said)


def dataset_facts(dataset: Dataset) -> dict[str, Any]:
    """What a result says of the labelled set it was judged on."""
    return {
        "name": dataset.name,
        "split": dataset.split,
        "documents": len(dataset.corpus),
        "queries": len(dataset.queries),
        "judgements": sum(len(grades) for grades in dataset.qrels.values()),
        "languages": list(dataset.languages),
        "licence": dataset.licence,
        "revision": dataset.revision,
        "checksum": dataset.checksum,
        "description": dataset.description,
        **({"own_documents": "left out of rankings"} if dataset.drops_own_id else {}),
        "notices": [str(notice) for notice in dataset.notices],
    }
