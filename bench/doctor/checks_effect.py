"""Checks that an option does something: a sweep over one that does not measures the same thing each time."""

from __future__ import annotations

from bench.doctor.checks_scores import SIZES
from bench.doctor.findings import Finding, NotApplicableError, found, short
from bench.doctor.patient import Patient
from bench.doctor.probes import BEYOND, DOCUMENTS, INSTRUCTIONS, KEPT, QUERIES
from bench.rerankers.template import find_template
from bench.types import Request


def batch_size(patient: Patient) -> Finding:
    """A larger batch takes fewer passes."""
    request = patient.request(QUERIES[0], *DOCUMENTS)
    if patient.trial.deterministic:
        raise NotApplicableError("deterministic: every document has a pass of its own")
    calls = [patient.scored(request, batch_size=size).work.forward_calls for size in SIZES]
    if patient.trial.token_budget is not None and len(set(calls)) == 1:
        raise NotApplicableError(f"token_budget {patient.trial.token_budget} leaves no room for a larger batch")
    return found(
        "batch_size",
        calls == sorted(calls, reverse=True) and calls[0] > calls[-1],
        f"{' → '.join(map(str, calls))} passes at {', '.join(map(str, SIZES))}",
        "batch_size does not reach the model: a sweep over it would measure one thing several times",
    )


def instruction(patient: Patient) -> Finding:
    """Another instruction gives other scores, as far apart as the model itself puts them."""
    if not find_template(patient.trial.template).takes_instruction:
        raise NotApplicableError(f"the template {patient.trial.template} has no place for one")
    first, second = (patient.scored(Request(QUERIES[0], DOCUMENTS, said)).scores[0] for said in INSTRUCTIONS)
    moved = patient.scale.gap(first, second)
    try:
        expected = patient.scale.gap(*(patient.expected(QUERIES[0], DOCUMENTS, said) for said in INSTRUCTIONS))
    except NotApplicableError:
        expected = 0.0
    return found(
        "instruction",
        moved > max(expected / 2, 1e-6),
        f"{patient.scale.tell(first, second)} between two",
        "the instruction does not reach the model",
        f"> {short(max(expected / 2, 1e-6))}",
    )


def max_length(patient: Patient) -> Finding:
    """A small max_length cuts; where the engine does not count what it cuts, another score shows it."""
    oracle = patient.oracle
    room = len(oracle.tokens(patient.instruction, QUERIES[0], KEPT))
    request = patient.request(QUERIES[0], KEPT + BEYOND)
    cut, whole = patient.scored(request, max_length=room), patient.scored(request)
    if patient.ignores_max_length(cut.scores[0], request):
        raise NotApplicableError("the server is not told a max_length")
    moved = patient.scale.gap(cut.scores[0], whole.scores[0])
    counted = cut.work.truncated_tokens
    told = "cut tokens not counted" if counted is None else f"{counted} tokens cut at {room}"
    return found(
        "max_length",
        moved > 0 if counted is None else counted > 0,
        f"{patient.scale.tell(cut.scores[0], whole.scores[0])}; {told}",
        "max_length does not reach the model",
    )
