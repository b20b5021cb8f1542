"""Checks of the scores: the same whatever they are computed beside, near to fp32, told apart, finite, as published."""

from __future__ import annotations

import math
import random

from bench.doctor.findings import Finding, NotApplicableError, compared, found, swapped
from bench.doctor.patient import Patient
from bench.doctor.probes import AWKWARD, DOCUMENTS, LONG, NEIGHBOURS, QUERIES, SHORT, VERY_LONG
from bench.doctor.published import GOLDEN_LOGIT, goldens
from bench.types import Request

SIZES = (1, 2, 5, 16)
DISTINCT = 0.9
"""Share of documents with different scores in fp32 that must have different scores in the engine."""


def padding(patient: Patient) -> Finding:
    """A short document beside a long one scores as it does alone."""
    beside = patient.scored(patient.request(QUERIES[0], SHORT, LONG))
    alone = patient.scores(QUERIES[0], [SHORT])
    pads = beside.work.padding_tokens
    return compared(
        "padding",
        patient.scale,
        beside.scores[0][:1],
        alone,
        patient.scale.against_itself(),
        "pad on the left, mask the padding and count positions from each row's first token; or do not pad",
        "" if pads is None else f"{pads} tokens of padding",
    )


def batching(patient: Patient) -> Finding:
    """Neither the batch size (1, 2, 5, 16) nor the order of the documents changes a score."""
    order = random.Random(0).sample(range(len(DOCUMENTS)), len(DOCUMENTS))
    straight = patient.scores(QUERIES[0], DOCUMENTS, batch_size=SIZES[0])
    others = [patient.scores(QUERIES[0], DOCUMENTS, batch_size=size) for size in SIZES[1:]]
    mixed = patient.scores(QUERIES[0], [DOCUMENTS[i] for i in order])
    others.append([mixed[order.index(i)] for i in range(len(DOCUMENTS))])
    worst = max(others, key=lambda scores: patient.scale.gap(straight, scores))
    swaps, pairs = max(swapped(straight, scores) for scores in others), math.comb(len(DOCUMENTS), 2)
    return compared(
        "batching",
        patient.scale,
        worst,
        straight,
        patient.scale.against_itself(),
        "scores depend on what shares the batch: check the mask and the positions, or use dtype fp32",
        f"{swaps} of {pairs} pairs swapped",
    )


def prefix_sharing(patient: Patient) -> Finding:
    """A pair scores the same among its query's documents, in a call of its own, and with two queries interleaved."""
    documents = DOCUMENTS[:5]
    shared = patient.scored(*(patient.request(query, *documents) for query in QUERIES)).scores
    singles = [patient.request(query, document) for document in documents for query in QUERIES]
    interleaved = [row[0] for row in patient.scored(*singles).scores]
    alone = [patient.scored(single).scores[0][0] for single in singles]
    together = [shared[number][place] for place in range(len(documents)) for number in range(len(QUERIES))]
    worst = max((together, interleaved), key=lambda scores: patient.scale.gap(scores, alone))
    return compared(
        "prefix sharing",
        patient.scale,
        worst,
        alone,
        patient.scale.against_itself(),
        "a document sees another query's prefix or another document: check what is shared and its positions",
        f"{len(alone)} pairs, {len(QUERIES)} queries",
    )


def precision(patient: Patient) -> Finding:
    """Scores are those of plain transformers in fp32, one pair at a time, up to the number format."""
    engine = [value for query in QUERIES for value in patient.scores(query, DOCUMENTS)]
    expected = [value for query in QUERIES for value in patient.expected(query, DOCUMENTS)]
    size = len(DOCUMENTS)
    swaps = sum(swapped(engine[at : at + size], expected[at : at + size]) for at in (0, size))
    return compared(
        "precision",
        patient.scale,
        engine,
        expected,
        patient.scale.against_fp32(),
        "the scores are not this model's: see the other failures first; if there are none, try dtype fp32",
        f"{swaps} of {2 * math.comb(size, 2)} pairs swapped",
    )


def ties(patient: Patient) -> Finding:
    """Documents that differ have scores that differ: in half precision that takes a head in fp32."""
    scores = patient.scores(QUERIES[0], NEIGHBOURS)
    try:
        different = len(set(patient.expected(QUERIES[0], NEIGHBOURS)))
    except NotApplicableError:
        different = len(NEIGHBOURS)
    measured = f"{len(set(scores))} scores for {len(scores)} documents, {different} in fp32"
    coarse = _coarse(scores, patient.engine.dtype)
    if coarse > 0.5:
        measured += f"; {coarse:.0%} are {patient.engine.dtype} numbers"
    return found(
        "ties",
        len(set(scores)) >= DISTINCT * different and coarse <= 0.5,
        measured,
        "read the answers in fp32: last hidden state times w(yes) - w(no), and rank by that difference",
        f"≥ {math.ceil(DISTINCT * different)}",
    )


def _coarse(scores: list[float], dtype: str) -> float:
    """The share of scores that a half-precision number could hold, which a sum in fp32 seldom hits; 0 for fp32."""
    if dtype not in ("fp16", "bf16"):
        return 0.0
    import torch

    from bench.machine.device import torch_dtype

    exact = torch.tensor(scores, dtype=torch.float64)
    return float((exact == exact.to(torch_dtype(dtype)).double()).double().mean())


def finite(patient: Patient) -> Finding:
    """Every awkward text has a number for a score: empty, very long, right to left, emoji, NUL, blank."""
    values = patient.scores(QUERIES[0], AWKWARD)
    values += [patient.scores(query, [DOCUMENTS[0]])[0] for query in AWKWARD[:4]]
    values += patient.scores(QUERIES[0], [VERY_LONG])
    expected = len(AWKWARD) + 4 + 1
    wrong = sum(not math.isfinite(value) for value in values)
    return found(
        "finite",
        wrong == 0 and len(values) == expected,
        f"{len(values) - wrong} of {expected} awkward texts have a finite score",
        "half precision overflows in some models: try dtype fp32 or bf16; otherwise the weights are damaged",
    )


def published_scores(patient: Patient) -> Finding:
    """The scores that others have published for this model, on their examples."""
    known = [golden for golden in goldens(patient.trial.reranker or "") if golden.template == patient.trial.template]
    stated = [golden for golden in known if golden.logits is not None]
    if not stated:
        raise NotApplicableError("none published for this model and template")
    engine, expected = [], []
    for golden in stated:
        request = Request(golden.query, golden.documents, golden.instruction)
        engine += patient.scored(request).scores[0]
        expected += [patient.scale.from_logit(logit) for logit in golden.logits or ()]
    scale = patient.scale
    allowed = max(scale.against_fp32(), GOLDEN_LOGIT if scale.unit == "logit" else GOLDEN_LOGIT / 4)
    return compared(
        "published scores",
        scale,
        engine,
        expected,
        allowed,
        "other weights than the published ones, or another prompt: check the files' revision and the template",
        "; ".join(golden.source for golden in stated),
    )
