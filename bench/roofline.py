"""What a trial's prompts ask of the arithmetic, and what the device could give: the two ends of a roofline.

The operations are those of the prompts when each is computed alone and whole, whatever an engine shares or skips or
pads, so that engines are compared by the same measure. Over the time and over the device's rate they say how near a
trial came; an engine that shares prefixes may pass 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.hub import locate_model
from bench.hub.modules import read_json
from bench.machine.flops import FAMILIES, ModelShape, PromptTokens, model_shape, unshared_flops
from bench.machine.limits import is_out_of_memory
from bench.machine.peak import measure_peak
from bench.rerankers import engine_class
from bench.rerankers.checkpoint import load_tokenizer
from bench.rerankers.prompt import PromptBuilder
from bench.rerankers.template import find_template
from bench.types import Request, RerankBenchError, Trial


def model_flops(trial: Trial, requests: Sequence[Request]) -> tuple[float | None, str]:
    """Operations of these requests' prompts, by the tokenizer and template of the trial's reranker; None and why not.

    The trial's model is located. A tokenizer is loaded for it, so it comes after the memory has been read.
    """
    if not any(request.documents for request in requests):
        return None, "nothing was reranked"
    folder, shape, reason = _found(trial)
    if folder is None or shape is None:
        return None, reason
    try:
        tokenizer = load_tokenizer(str(folder))
        builder = PromptBuilder(tokenizer, find_template(trial.template), trial.max_length)
        return float(unshared_flops(shape, measured(requests, builder))), ""
    except RerankBenchError as error:
        return None, f"the prompts cannot be counted: {error}"


def trial_peak(trial: Trial) -> tuple[float | None, str]:
    """The device's rate for the shapes of the trial's reranker, in its number format; None and why not.

    The trial's device and dtype are resolved.
    """
    _, shape, reason = _found(trial)
    if shape is None:
        return None, reason
    try:
        return peak_rate(shape, trial.dtype, trial.device), ""
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return None, "the trial left too little memory to measure the matrix product beside it"


def peak_rate(shape: ModelShape, dtype: str, device: str) -> float:
    """Operations per second of the matrix product: the fastest way at its best number of rows."""
    return max(sample.rate for sample in measure_peak(shape, dtype, device))


def measured(requests: Sequence[Request], builder: PromptBuilder) -> tuple[PromptTokens, ...]:
    """The lengths of every prompt's parts as the engines build them, after any cut."""
    system = len(builder.system)
    return tuple(
        PromptTokens(
            system, len(row[0].head) - system, tuple((len(prompt.document), len(prompt.tail)) for prompt in row)
        )
        for row in builder.build_many(requests)
        if row
    )


def _found(trial: Trial) -> tuple[Path | None, ModelShape | None, str]:
    """The folder and shape of the trial's reranker, or why there is no shape."""
    if trial.reranker is None:
        return None, None, "nothing was reranked"
    if trial.url is not None or (trial.engine != "auto" and not engine_class(trial.engine).local):
        return None, None, "the model is another machine's, and its shape is not known here"
    try:
        folder, _ = locate_model(trial.reranker, trial.reranker_revision, trial.hub)
        config = read_json(folder / "config.json")
    except RerankBenchError as error:
        return None, None, str(error)
    if (shape := model_shape(config)) is not None:
        return folder, shape, ""
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind in FAMILIES:
        said = "a width or a number of layers or heads is missing, or is none that a model can have"
        return None, None, f"the shape of the model {trial.reranker!r} cannot be read from its config.json: {said}"
    named = kind if isinstance(kind, str) else "unnamed"
    return folder, None, f"operations of a model of type {named} are not counted, only of {', '.join(FAMILIES)}"
