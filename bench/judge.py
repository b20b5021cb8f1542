"""Pure: what a finished ranking is worth, and what should make a reader doubt it."""

from __future__ import annotations

from typing import Any

from bench.machine.steadiness import doubt_of_load
from bench.measures import cut_off, evaluate, recall_ceiling, tied_share, unjudged_share
from bench.stats import bootstrap_mean
from bench.ties import decided_by_ties, mean_ranges, tie_ranges
from bench.types import Dataset, Quality, Run, Trial, TrialResult, Work

MANY_TIES = 0.05
MANY_CUT = 0.10
MANY_UNJUDGED = 0.50
UNJUDGED_AT = 10
"""The depth at which every result has its unjudged share; those of its measures' cut-offs come beside it."""


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
        said.append(
            f"{empty} of {len(dataset.qrels)} queries have no results and count 0; look at their words, or take "
            "another first stage"
        )
    said += _undecided(trial, run)
    if result.quality and result.quality.tied_share > MANY_TIES:
        cure = "quote figures with the range that ties leave them"
        if trial.dtype in ("fp16", "bf16") and (trial.reranker or trial.embedder):
            cure = f"score in fp32, or {cure}"
        said.append(f"{result.quality.tied_share:.0%} of neighbours in the top 10 tie; ids decide their order; {cure}")
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
    busy = doubt_of_load(result)
    return (*said, *([busy] if busy else ()))


def _undecided(trial: Trial, run: Run) -> list[str]:
    """What to say of queries all of whose candidates have one score. Of one candidate there is nothing to decide.

    A first stage does that to a query of one common word, so that few such queries of its are worth no warning.
    """
    several = [{doc.score for doc in ranking} for ranking in run.values() if len(ranking) > 1]
    alike = [scores for scores in several if len(scores) == 1]
    if not alike or (trial.reranker is None and len(alike) <= MANY_TIES * len(several)):
        return []
    whole = len(alike) == len(several) and len(set.union(*alike)) == 1
    which = "every query" if whole else f"{len(alike)} of {len(several)} queries"
    same = "one and the same score" if whole else "the same score"
    if trial.reranker is None:
        decided = "the first stage has decided nothing there, and ids have; take another one"
    else:
        decided = "the reranker has decided nothing there, and ids have; see `rerankbench doctor`"
    return [f"every candidate of {which} has {same}: {decided}"]


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
