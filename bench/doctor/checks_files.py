"""Checks of what lies on disk, and of how it is loaded."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any

from bench.doctor.findings import Finding, NotApplicableError, found
from bench.doctor.offline import no_network
from bench.doctor.patient import Patient
from bench.doctor.probes import QUERIES, SHORT
from bench.hub import folder_fault
from bench.types import ModelError, ScoreError

GET_AGAIN = "get the checkpoint again, whole, from its publisher"


def files(patient: Patient) -> Finding:
    """Safetensors weights, a trained head for every answer, no tensor missing, no code from the repository run."""
    try:
        folder = patient.folder()
    except ModelError as error:
        return found("files", False, str(error), GET_AGAIN)
    if (fault := folder_fault(folder)) is not None:
        return found("files", False, fault, GET_AGAIN)
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kinds = tuple(config.get("architectures") or ("architecture not stated",))
    labels = len(config.get("id2label") or ()) or int(config.get("num_labels", 2))
    if any("ForSequenceClassification" in kind for kind in kinds) and labels != 1:
        return found(
            "files",
            False,
            f"{kinds[0]} with {labels} labels: a head of its own, and no yes or no to read",
            "use the causal checkpoint that it was made from, such as Qwen/Qwen3-Reranker-0.6B",
        )
    code = "; code in the repository, not run" if "auto_map" in config else ""
    try:
        missing = patient.oracle.missing
    except NotApplicableError as reason:
        return found("files", True, f"{kinds[0]} in safetensors{code}; {reason}", "")
    if missing:
        head = " (the head)" if any("lm_head" in name or name == "score.weight" for name in missing) else ""
        return found(
            "files",
            False,
            f"{len(missing)} tensors are missing and would be random: {missing[0]}{head}",
            GET_AGAIN,
        )
    return found("files", True, f"{kinds[0]} in safetensors, nothing missing{code}", "")


def loads(patient: Patient) -> Finding:
    """The engine takes the checkpoint (or reaches its server) and scores a pair, without running foreign code."""
    engine = patient.engine
    with suppress(ScoreError):  # a score that is no number is another check's finding
        patient.scores(QUERIES[0], [SHORT])
    foreign = sorted(name for name in sys.modules if name.startswith("transformers_modules."))
    if foreign:
        return found("loads", False, f"code of the repository was run: {foreign[0]}", "load without trust_remote_code")
    said = "; ".join(("", *engine.notes))
    return found("loads", True, f"in {engine.load_s:.2f} s on {engine.device}, {engine.dtype}{said}", "")


def offline(patient: Patient) -> Finding:
    """With the network refused, the files on disk suffice to load and to score."""
    if not patient.engine.local:
        raise NotApplicableError("the weights are on a server")
    with no_network() as tried:
        patient.fresh().score_many([patient.request(QUERIES[0], SHORT)])
    more = f"{len(tried)} connections refused" if tried else "asked for none"
    return found("offline", True, f"scores with no network; {more}", "")
