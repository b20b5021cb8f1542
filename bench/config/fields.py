"""The fields of a Trial: which of them belong together, which decide nothing, and a Trial made from checked values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from bench.measures import check_measure
from bench.reading import as_json, first_problem, inside, place_of_field, told_at, unknown
from bench.secrets import secret_in_address
from bench.synthetic import is_drawn
from bench.types import ConfigError, Scenario, Trial

TRIAL_FIELDS = tuple(field.name for field in fields(Trial))
SWEPT_FIELDS = tuple(name for name in TRIAL_FIELDS if name not in ("dataset", "pipeline"))
"""Those that may be an axis of a sweep, or set on the command line."""
TUPLE_FIELDS = tuple(field.name for field in fields(Trial) if isinstance(field.default, tuple))
"""Those of which one value is a list."""
PATH_FIELDS = ("embedder", "reranker")
EMBEDDER_FIELDS = (
    "embedder", "embedder_revision", "embedder_max_length", "embedder_batch_size", "query_prompt", "document_prompt",
)  # fmt: skip
RERANKER_FIELDS = (
    "reranker", "reranker_revision", "engine", "template", "instruction", "instruction_field", "batch_size",
    "token_budget", "max_length", "deterministic", "quantisation", "attention", "url", "concurrency", "timeout_s",
)  # fmt: skip
MODEL_FIELDS = ("hub", "trust_remote_code", "device", "dtype", "threads")
SERVER_FIELDS = ("server_p99_s", "server_qps", "server_queries", "server_batch")
TIMING_FIELDS = ("timed_queries", "warmup_queries")
LABELLED_FIELDS = ("split", "measures", "max_queries")

USE_FP16 = "use_fp16"
"""Another name for a dtype, as other tools have it: true is fp16, false fp32."""

_TRIAL = TypeAdapter(Trial)
_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Trial)}
_AT_LEAST = {
    "depth": 1, "max_length": 1, "timed_queries": 1, "concurrency": 1, "warmup_queries": 0, "server_batch": 1,
    "server_queries": 20,
}  # fmt: skip
_AT_LEAST_OR_NONE = {
    "threads": 1, "max_queries": 1, "embedder_max_length": 1, "embedder_batch_size": 1, "batch_size": 1,
    "token_budget": 1, "memory_limit_mb": 64,
}  # fmt: skip


def make_trial(values: Mapping[str, Any], where: str) -> Trial:
    """A checked Trial. Fields that play no part in its pipeline are left at their defaults, so they make no new id.

    Raises ConfigError, which begins with ``where``.
    """
    for key in values:
        if key not in TRIAL_FIELDS:
            raise ConfigError(f"{place_of_field(where, str(key))}: {unknown('field', str(key), TRIAL_FIELDS)}")
    try:
        trial = _TRIAL.validate_json(as_json(values, where), strict=True)
    except ValidationError as error:
        name = str(error.errors(include_url=False)[0]["loc"][0])
        raise ConfigError(f"{place_of_field(where, name)}: {first_problem(error)}") from error
    _check_numbers(trial, where)
    _check_lists(trial, where)
    if trial.url is not None and (secret := secret_in_address(trial.url)) is not None:
        raise ConfigError(
            f"{where}: url has {secret} in it, which would stand in every result; leave it out, and put the key in "
            "$RERANKBENCH_API_KEY, which is sent as a bearer token"
        )
    if trial.retriever == "dense" and trial.embedder is None:
        raise ConfigError(
            f"{where}: retriever 'dense' needs an embedder: a sentence-transformers id, a folder or asset:…"
        )
    if is_drawn(trial.dataset):
        _check_drawn(trial, where)
    in_order: Any = tuple(name for name in get_args(Scenario) if name in trial.scenarios)
    return without_idle_fields(replace(trial, scenarios=in_order))


def _check_numbers(trial: Trial, where: str) -> None:
    for name, least in (_AT_LEAST | _AT_LEAST_OR_NONE).items():
        value = getattr(trial, name)
        if value is not None and value != "max" and value < least:
            way_out = ", or left out" if name in _AT_LEAST_OR_NONE else ""
            place = place_of_field(where, name)
            raise ConfigError(f"{place}: {name} is {value}; it must be at least {least}{way_out}")
    for name in ("timeout_s", "server_p99_s"):
        if not (math.isfinite(value := getattr(trial, name)) and value > 0):
            raise ConfigError(f"{place_of_field(where, name)}: {name} is {value}; give seconds, more than 0")
    for rate in trial.server_qps:
        if not (math.isfinite(rate) and rate > 0):
            place = place_of_field(where, "server_qps")
            raise ConfigError(f"{place}: server_qps has {rate}; give queries per second, more than 0")


def _check_lists(trial: Trial, where: str) -> None:
    if not trial.measures:
        raise ConfigError(f"{place_of_field(where, 'measures')}: measures is empty; name at least one, such as ndcg@10")
    with told_at(place_of_field(where, "measures")):
        for measure in trial.measures:
            check_measure(measure)
    for name in ("scenarios", "server_qps"):
        given = getattr(trial, name)
        if len(set(given)) < len(given):
            place = place_of_field(where, name)
            raise ConfigError(f"{place}: {name} holds a value twice: {', '.join(map(str, given))}")


def _check_drawn(trial: Trial, where: str) -> None:
    if trial.retriever != "given":
        raise ConfigError(
            f"{where}: a drawn workload brings its candidates along, so there is nothing to search: set retriever: "
            f"given (it is {trial.retriever!r}), or give a labelled set with datasets=…"
        )
    if trial.candidates is not None:
        raise ConfigError(f"{where}: a drawn workload has its own candidates; leave out candidates: {trial.candidates}")
    if trial.reranker is None:
        raise ConfigError(f"{where}: a drawn workload is nothing but pairs for a reranker, and none is named")
    if not trial.scenarios:
        raise ConfigError(f"{where}: scenarios is empty and drawn pairs have no quality, so nothing would be measured")


def idle_fields(trial: Trial) -> frozenset[str]:
    """The fields that decide nothing in this trial."""
    idle: list[str] = []
    if trial.retriever != "dense":
        idle += EMBEDDER_FIELDS
    if trial.retriever != "given":
        idle.append("candidates")
    if trial.reranker is None:
        idle += RERANKER_FIELDS
    if trial.retriever != "dense" and trial.reranker is None:
        idle += MODEL_FIELDS
    if "server" not in trial.scenarios:
        idle += SERVER_FIELDS
    if not trial.scenarios:
        idle += TIMING_FIELDS
    if is_drawn(trial.dataset):
        idle += LABELLED_FIELDS
    return frozenset(idle)


def without_idle_fields(trial: Trial) -> Trial:
    """The same trial with every field that decides nothing in it set to its default."""
    return replace(trial, **{name: _DEFAULTS[name] for name in idle_fields(trial)})


def live_values(trial: Trial) -> dict[str, Any]:
    """Field -> value of those that do decide something."""
    idle = idle_fields(trial)
    return {name: getattr(trial, name) for name in TRIAL_FIELDS if name not in idle}


def with_dtype(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The same fields, ``use_fp16`` told as the ``dtype`` that it means; a list of it as a list of dtypes.

    Raises ConfigError where it is neither true nor false, and where the same place says another dtype.
    """
    if USE_FP16 not in values:
        return dict(values)
    asked = values[USE_FP16]
    meant = [_dtype(each, where) for each in asked] if isinstance(asked, list) else _dtype(asked, where)
    if "dtype" in values and values["dtype"] != meant:
        raise ConfigError(
            f"{inside(where, USE_FP16)}: {USE_FP16} {asked} means dtype {meant}, and dtype is {values['dtype']}; "
            "say one of them"
        )
    named = (("dtype" if name == USE_FP16 else name, meant if name == USE_FP16 else values[name]) for name in values)
    return dict(named)


def _dtype(asked: Any, where: str) -> str:
    if not isinstance(asked, bool):
        raise ConfigError(f"{inside(where, USE_FP16)}: {USE_FP16} is {asked!r}; it can be true (fp16) or false (fp32)")
    return "fp16" if asked else "fp32"
