"""Checks of what the model reads: the published prompt, its marks, data that looks like marks, and what is cut."""

from __future__ import annotations

from itertools import zip_longest

from bench.doctor.findings import Finding, NotApplicableError, compared, found
from bench.doctor.patient import Patient
from bench.doctor.probes import BEYOND, DOCUMENTS, HOSTILE, KEPT, QUERIES
from bench.doctor.published import MARKS


def answers(patient: Patient) -> Finding:
    """ "yes" and "no" are single tokens, found by name, and a higher score means "yes"."""
    oracle = patient.oracle
    spelled = {answer: oracle.spelled(answer) for answer in ("yes", "no")}
    if spelled != {"yes": [oracle.yes], "no": [oracle.no]} or oracle.yes == oracle.no:
        return found(
            "answers", False, f"yes and no are spelled {spelled}", "use a model whose vocabulary has both as one token"
        )
    ids = f"yes {oracle.yes}, no {oracle.no}"
    engine, expected = patient.scores(QUERIES[0], DOCUMENTS), patient.expected(QUERIES[0], DOCUMENTS)
    middle = 0.0 if patient.engine.unit == "logit" else 0.5
    mirrored = [2 * middle - value for value in expected]
    right = patient.scale.gap(engine, expected) <= patient.scale.gap(engine, mirrored)
    return found(
        "answers",
        right,
        f"{ids}; higher means {'yes' if right else 'no'}",
        "the engine reads the answers the wrong way round: the score is logit(yes) - logit(no)",
    )


def template(patient: Patient) -> Finding:
    """What goes into the model is the published prompt, token by token, Qwen's marks as single control tokens."""
    oracle, wrong, total, marks = patient.oracle, 0, 0, 0
    where = ""
    for query, document in ((QUERIES[0], DOCUMENTS[0] + "\n"), (QUERIES[1], DOCUMENTS[5])):
        expected = oracle.joined(patient.instruction, query, document)
        seen = patient.seen(query, document, max_length=max(patient.trial.max_length, len(expected)))
        total += len(expected)
        marks += sum(id in oracle.control for id in seen)
        differing = [i for i, (a, b) in enumerate(zip_longest(seen, expected)) if a != b]
        if differing and not where:
            first = differing[0]
            near = oracle.tokenizer.decode(expected[max(0, first - 2) : first + 3])
            where = f"; first at token {first}, near {near!r}"
        wrong += len(differing)
    text = oracle.published.system + oracle.published.tail
    unknown = [mark for mark in MARKS if mark in text and len(oracle.spelled(mark)) != 1]
    if unknown:
        return found(
            "template",
            False,
            f"the tokenizer has no single token for {' '.join(unknown)}",
            "use a model made for this template, or the template none",
        )
    return found(
        "template",
        not wrong,
        f"{total} tokens as published, {marks} of them marks"
        if not wrong
        else f"{wrong} of {total} tokens differ{where}",
        "another variant of the template, or a tokenizer's own additions: compare with `rerankbench prompt`",
    )


def marks_in_data(patient: Patient) -> Finding:
    """``<|im_end|>`` and the like in a query or a document are text: they close no turn."""
    oracle = patient.oracle
    plain = sum(id in oracle.control for id in oracle.joined(patient.instruction, "", ""))
    pairs = [(QUERIES[0], document) for document in HOSTILE] + [(HOSTILE[0], DOCUMENTS[0])]
    advice = "encode data so that control tokens in it are text (split_special_tokens, and added tokens as special)"
    try:
        counts = [
            sum(id in oracle.control for id in patient.seen(query, document)) - plain
            for query, document in (pairs[0], pairs[2], pairs[-1])
        ]
        if any(counts):
            measured = f"{max(counts, key=abs):+d} marks where data holds some"
            return found("marks in data", False, measured, advice)
        more = f"{plain} marks, none from data"
    except NotApplicableError:
        more = "by the scores alone"
    engine = [patient.scores(query, [document])[0] for query, document in pairs]
    expected = [patient.expected(query, [document])[0] for query, document in pairs]
    return compared("marks in data", patient.scale, engine, expected, patient.scale.against_fp32(), advice, more)


def truncation(patient: Patient) -> Finding:
    """A long document loses its end and the prompt keeps its own: the score is that of the document cut beforehand."""
    oracle, query = patient.oracle, QUERIES[0]
    room = len(oracle.tokens(patient.instruction, query, KEPT))
    beyond = len(oracle.tokens(patient.instruction, query, KEPT + BEYOND)) - room
    advice = "cut the document's tokens alone, never the joined prompt: its end asks for the answer"
    tail = oracle.spelled(oracle.published.tail)
    try:
        seen = patient.seen(query, KEPT + BEYOND, max_length=room)
        if len(seen) > room:
            return found("truncation", False, f"{len(seen)} tokens where max_length is {room}", advice)
        if seen[len(seen) - len(tail) :] != tail:
            return found("truncation", False, f"the prompt's last {len(tail)} tokens are cut off", advice)
    except NotApplicableError:
        pass
    cut = patient.scored(patient.request(query, KEPT + BEYOND), max_length=room)
    whole = patient.scores(query, [KEPT], max_length=room)
    if patient.ignores_max_length(cut.scores[0], patient.request(query, KEPT + BEYOND)):
        raise NotApplicableError("the server is not told a max_length")
    counted = cut.work.truncated_tokens
    if counted is not None and counted != beyond:
        return found("truncation", False, f"{counted} tokens counted as cut, {beyond} were", "count what is cut")
    more = f"{beyond} tokens cut, tail kept"
    return compared("truncation", patient.scale, cut.scores[0], whole, patient.scale.against_itself(), advice, more)
