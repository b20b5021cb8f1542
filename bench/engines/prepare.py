"""Finds everything a benchmark needs before anything runs, so that what is missing is said in seconds."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from bench.engines.config import Benchmark, BenchmarkPlan, Entrant, reference_entrant
from bench.engines.race import Course
from bench.engines.results import Outcome
from bench.engines.workload import Workload, make_workload
from bench.hub import located, resolve_model
from bench.hub.modules import read_json
from bench.machine.device import resolve_device, resolve_dtype
from bench.machine.flops import ModelShape, model_shape, needed_flops, unshared_flops
from bench.rerankers import engine_class
from bench.rerankers.checkpoint import load_tokenizer
from bench.rerankers.template import find_template
from bench.types import ModelError, Trial

MAY_FILL = 0.6
"""Share of the free memory that the weights of all engines together may take; the rest is for the one at work."""
WIDTHS = {"fp32": 4, "fp16": 2, "bf16": 2}


@dataclass(frozen=True, slots=True)
class Model:
    """The model on this machine. ``parameters`` is None where its files do not say."""

    name: str
    revision: str
    fingerprint: str
    path: Path
    shape: ModelShape | None
    parameters: int | None


def prepare(plan: BenchmarkPlan, logs: Path, command: str) -> tuple[Course, Outcome]:
    """The race to be run, and its outcome while nothing has happened. Raises a RerankBenchError for what is missing."""
    benchmark = plan.benchmark
    device = resolve_device(benchmark.device)
    model = _find(benchmark, plan.base)
    tokenizer = load_tokenizer(str(model.path))
    workload = make_workload(
        plan.workload,
        tokenizer,
        find_template(benchmark.template),
        benchmark.said_instruction,
        benchmark.max_length,
        plan.base,
    )
    entrants = tuple(_resolved(entrant, device, model) for entrant in plan.entrants)
    keep_loaded, note = _keeping(benchmark, entrants, model, device)
    course = Course(
        benchmark=benchmark,
        requests=workload.requests,
        entrants=entrants,
        reference=_resolved(reference_entrant(benchmark), device, model),
        shape=model.shape,
        keep_loaded=keep_loaded,
        logs=logs,
    )
    outcome = Outcome(
        name=benchmark.name,
        description=benchmark.description,
        config=identity(plan),
        config_text=plan.text,
        command=command,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        finished=False,
        device=device,
        model=_model_facts(model),
        workload=_workload_facts(workload, model.shape),
        keep_loaded=keep_loaded,
        notes=(note,) if note else (),
    )
    return course, outcome


def parameters(folder: Path) -> int | None:
    """How many numbers a checkpoint's safetensors files hold, read from their headers alone."""
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > path.stat().st_size:
                raise ValueError(f"{path.name} says that its header has {length:,} bytes, more than the file")
            header = json.loads(file.read(length))
        for name, tensor in header.items():
            if name != "__metadata__":
                size = 1
                for extent in tensor["shape"]:
                    size *= extent
                total += size
    return total or None


def _find(benchmark: Benchmark, base: Path) -> Model:
    files = resolve_model(located(benchmark.model, base), benchmark.revision, benchmark.hub)
    try:
        config = read_json(files.path / "config.json")
        count = parameters(files.path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error) as error:
        raise ModelError(
            f"the files of the model {benchmark.model!r} in {files.path} cannot be read: {error}"
        ) from error
    return Model(benchmark.model, files.revision, files.fingerprint, files.path, model_shape(config), count)


def _resolved(entrant: Entrant, device: str, model: Model) -> Entrant:
    """``auto`` replaced by what it means here, and the model by the folder that was found for it."""
    dtype: Any = resolve_dtype(entrant.trial.dtype, device)
    trial: Trial = replace(entrant.trial, device=device, dtype=dtype)
    if trial.engine == "auto" or engine_class(trial.engine).local:  # a server knows the model by its name
        trial = replace(trial, reranker=str(model.path), reranker_revision=None)
    return replace(entrant, trial=trial)


def _keeping(benchmark: Benchmark, entrants: tuple[Entrant, ...], model: Model, device: str) -> tuple[bool, str]:
    """Whether all engines stay loaded, and what to say about it."""
    if benchmark.keep_loaded is not None or model.parameters is None:
        return benchmark.keep_loaded is not False, ""
    wanted = sum(model.parameters * WIDTHS[entrant.trial.dtype] for entrant in entrants)
    free = _free_bytes(device)
    if wanted <= MAY_FILL * free:
        return True, ""
    return False, (
        f"the weights of {len(entrants)} engines take {wanted / 1e9:.1f} GB and {free / 1e9:.1f} GB are free, so each "
        "engine was loaded anew for each of its turns; keep_loaded: true keeps them all"
    )


def _free_bytes(device: str) -> int:
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def identity(plan: BenchmarkPlan) -> dict[str, Any]:
    """What makes a benchmark the same one: all that was asked, defaults included."""
    asked = plan.benchmark.model_dump(mode="json", exclude={"description"})
    return {**asked, "workload": plan.workload.model_dump(mode="json")}


def _model_facts(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "revision": model.revision,
        "fingerprint": model.fingerprint,
        "parameters": model.parameters,
        "shape": asdict(model.shape) if model.shape else None,
    }


def _workload_facts(workload: Workload, shape: ModelShape | None) -> dict[str, Any]:
    documents = [document for prompts in workload.prompts for document, _ in prompts.documents]
    return {
        "queries": len(workload.requests),
        "pairs": workload.pairs,
        "tokens": workload.tokens,
        "document_tokens_median": median(documents) if documents else None,
        "document_tokens_least": min(documents, default=None),
        "document_tokens_most": max(documents, default=None),
        "prompts": [asdict(prompts) for prompts in workload.prompts],
        "digest": workload.digest,
        "needed_flops": needed_flops(shape, workload.prompts) if shape else None,
        "unshared_flops": unshared_flops(shape, workload.prompts) if shape else None,
    }
