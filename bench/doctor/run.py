"""Runs the checks on a set-up, and finds the set-ups of a config."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.config.plan import Plan
from bench.doctor.checks_effect import batch_size, instruction, max_length
from bench.doctor.checks_files import files, loads, offline
from bench.doctor.checks_prompt import answers, marks_in_data, template, truncation
from bench.doctor.checks_scores import batching, finite, padding, precision, prefix_sharing, published_scores, ties
from bench.doctor.findings import Finding, NotApplicableError
from bench.doctor.patient import Patient
from bench.hub import locate_model, located
from bench.machine.device import resolve_device, resolve_dtype, set_threads
from bench.rerankers import check_engine, choose_engine
from bench.rerankers.template import find_template
from bench.types import ConfigError, DeviceError, ModelError, Trial

Check = Callable[[Patient], Finding]

CHECKS: tuple[Check, ...] = (
    files,
    loads,
    offline,
    answers,
    template,
    marks_in_data,
    truncation,
    padding,
    batching,
    prefix_sharing,
    precision,
    ties,
    finite,
    batch_size,
    instruction,
    max_length,
    published_scores,
)
SETUP = (
    "reranker", "reranker_revision", "hub", "engine", "template", "max_length", "device", "dtype", "deterministic",
    "quantisation", "attention", "url",
)  # fmt: skip
"""What makes a set-up another one. Instruction and batch size do not: the checks vary both."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A set-up with what was found, in the order of ``CHECKS``."""

    trial: Trial
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return all(finding.status != "fail" for finding in self.findings)


def examine(
    patient: Patient, tell: Callable[[str], None] = lambda _: None, checks: Sequence[Check] = CHECKS
) -> Examined:
    """The checks on one set-up. A check that the engine breaks off is a failure that says how.

    Raises ConfigError or DeviceError when the engine refuses an option.
    """
    set_threads(patient.trial.threads)
    findings: list[Finding] = []
    for check in checks:
        name = title(check)
        tell(name)
        if any(finding.name == "loads" and finding.status == "fail" for finding in findings):
            findings.append(Finding(name, "skip", "the engine did not load"))
        else:
            findings.append(_run(check, patient))
    return Examined(patient.trial, tuple(findings))


def _run(check: Check, patient: Patient) -> Finding:
    name = title(check)
    try:
        return replace(check(patient), name=name)
    except NotApplicableError as reason:
        return Finding(name, "skip", str(reason))
    except Exception as error:  # whatever an engine throws is a finding about the engine
        if check is loads and isinstance(error, ConfigError | DeviceError):
            raise  # an option that the engine cannot take
        said = (str(error).strip() or "no message").splitlines()[0]
        broke_off = "the engine broke off; `rerankbench --debug score …` with the same options shows where"
        advice = "mend or replace the checkpoint" if isinstance(error, ModelError) else broke_off
        return Finding(name, "fail", f"{type(error).__name__}: {said}", advice=advice)


def title(check: Check) -> str:
    """A check's name for people; an option's keeps its spelling."""
    name = check.__name__
    return name if name in ("batch_size", "max_length") else name.replace("_", " ")


def resolve(trial: Trial, base: Path = Path()) -> Trial:
    """The set-up with its paths, engine, device and dtype made definite.

    Raises ConfigError, DeviceError, and ModelError for a model that is not to be had. A folder that is there and does
    not hold a whole model is left to the checks.
    """
    check_engine(trial)
    find_template(trial.template)
    trial = replace(trial, reranker=trial.reranker and located(trial.reranker, base))
    try:
        if trial.reranker is not None and trial.url is None:
            locate_model(trial.reranker, trial.reranker_revision, trial.hub)
        trial, _ = choose_engine(trial)
    except ModelError:
        if not Path(trial.reranker or "").expanduser().is_dir():
            raise
        trial = replace(trial, engine="transformers" if trial.engine == "auto" else trial.engine)
    device = resolve_device(trial.device)
    dtype: Any = resolve_dtype(trial.dtype, device)
    return replace(trial, device=device, dtype=dtype)


def distinct_setups(plan: Plan) -> list[Trial]:
    """One trial for each reranker set-up of a config, resolved. Raises ConfigError when it has none."""
    setups: dict[tuple[Any, ...], Trial] = {}
    for trial in plan.trials:
        if trial.reranker is not None:
            setups.setdefault(tuple(getattr(trial, name) for name in SETUP), trial)
    if not setups:
        raise ConfigError(f"no pipeline of {plan.name!r} has a reranker, so there is none to examine")
    return [resolve(trial, plan.base) for trial in setups.values()]


def as_json(examined: Sequence[Examined]) -> dict[str, Any]:
    """For scripts: what was examined, and every finding with its figure."""
    return {
        "ok": all(each.ok for each in examined),
        "setups": [
            {
                "ok": each.ok,
                **{name: getattr(each.trial, name) for name in SETUP},
                "findings": [{name: getattr(finding, name) for name in Finding.__slots__} for finding in each.findings],
            }
            for each in examined
        ],
    }
