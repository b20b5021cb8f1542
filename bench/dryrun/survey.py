"""Looks up what a guess of time rests on: sets, model shapes, old results, the rate of this machine's matrix product.

No model is fetched and no result is written. Labelled sets are read as a run would, so that what is wrong there is
said; one in a form of its own is converted into the cache, as a run would do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.config.plan import Plan
from bench.dryrun.estimate import Known, SetKey, SetSize, guess_tokens, set_key, to_rate
from bench.hub import ASSETS, located
from bench.hub.modules import read_json
from bench.hub.shapes import SHAPES, find_shape
from bench.machine.device import resolve_device, resolve_dtype
from bench.machine.flops import FAMILIES, ModelShape, model_shape
from bench.rerankers import check_engine, engine_class
from bench.rerankers.qwen3.shape import unservable
from bench.store import read_result
from bench.synthetic import drawn_lengths, is_drawn, parse_drawn
from bench.trial import load_trial_dataset, uses_model
from bench.types import DeviceError, ModelError, StoreError, Trial, TrialResult

SAMPLE = 200
"""Documents whose lengths stand for all."""
_OF_AN_ENCODER = ("hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size")
_SIZES = re.compile(r"qwen3.*-(0\.6b|4b|8b)$", re.IGNORECASE)


def survey(plan: Plan, folder: Path) -> tuple[tuple[Trial, ...], Known]:
    """The plan's trials as they will run here, and what is known about them; ``folder`` is where results would lie.

    Raises ConfigError for an engine that does not take what it is given, DataError, ModelError for an unknown shape.
    """
    configs: dict[str, Mapping[str, Any] | None] = {}
    sets: dict[SetKey, SetSize] = {}
    trials = []
    for asked in plan.trials:
        check_engine(asked)
        for name, revision in ((asked.embedder, asked.embedder_revision), (asked.reranker, asked.reranker_revision)):
            if name is not None and name not in configs:
                configs[name] = model_config(name, revision, plan.base)
        trial = as_here(asked, configs.get(asked.reranker or ""))
        if set_key(trial) not in sets:
            sets[set_key(trial)] = _size(trial, plan.base)
        trials.append(trial)
    shapes = {name: shape for name, config in configs.items() if config and (shape := _shape(config)) is not None}
    done = frozenset(path.stem for path in (folder / "quality").glob("*.json"))
    known = Known(sets, shapes, {}, old_results(folder), done)
    return tuple(trials), replace(known, rates=_rates(trials, known))


def as_here(trial: Trial, config: Mapping[str, Any] | None) -> Trial:
    """The trial with ``auto`` replaced by what it means on this machine, as far as that can be told without loading."""
    if not uses_model(trial):
        return replace(trial, device="cpu")
    if trial.reranker is not None:
        if trial.engine == "auto":
            servable = config is None or unservable(config) is None
            trial = replace(trial, engine="http" if trial.url else "packed" if servable else "transformers")
        if trial.batch_size is None:
            trial = replace(trial, batch_size=engine_class(trial.engine).own_batch_size)
    try:
        device = resolve_device(trial.device)
    except DeviceError:  # a cell of another machine: shown, and not guessed
        return trial
    dtype: Any = resolve_dtype(trial.dtype, device)
    return replace(trial, device=device, dtype=dtype)


def old_results(folder: Path) -> tuple[TrialResult, ...]:
    """What lies in a results folder, if there is one; what cannot be read is passed over."""
    found = []
    for path in sorted((folder / "trials").glob("*.json")):
        try:
            found.append(read_result(path))
        except StoreError:
            continue
    return tuple(found)


def model_config(name: str, revision: str | None, base: Path) -> Mapping[str, Any] | None:
    """A model's ``config.json`` without a network: shipped, in a folder or the hub's cache, or told by its name."""
    if name.startswith("shape:"):
        return find_shape(name.removeprefix("shape:")).config()
    if name.startswith("asset:"):
        folder = ASSETS / name.removeprefix("asset:")
    else:
        folder = Path(located(name, base)).expanduser()
    if folder.is_dir():
        return _read(folder / "config.json")
    from huggingface_hub import try_to_load_from_cache

    try:
        cached = try_to_load_from_cache(name, "config.json", revision=revision)
    except ValueError:  # not a hub's id
        cached = None
    if isinstance(cached, str):
        return _read(Path(cached))
    size = _SIZES.search(name)
    return SHAPES[f"qwen3-{size[1].lower()}"].config() if size else None


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        config = read_json(path)
    except ModelError:
        return None
    return config if isinstance(config, dict) else None


def _shape(config: Mapping[str, Any]) -> ModelShape | None:
    """The shape of a decoder, or of an encoder as a decoder of as many weights; None where the numbers are missing."""
    if config.get("model_type") in FAMILIES:
        return model_shape(config)
    # an encoder's feed-forward network has two matrices where this layer has three
    shape = model_shape({**{key: config.get(key) for key in _OF_AN_ENCODER}, "model_type": FAMILIES[0]})
    return replace(shape, intermediate=max(1, shape.intermediate * 2 // 3)) if shape else None


def _size(trial: Trial, base: Path) -> SetSize:
    if is_drawn(trial.dataset):
        asked = parse_drawn(trial.dataset)
        lengths = [length for row in drawn_lengths(asked) for length in row]
        return SetSize(asked.queries, len(lengths), asked.query_tokens, _spread(lengths))
    dataset = load_trial_dataset(trial, base)
    query_tokens = sum(guess_tokens(query.text) for query in dataset.queries) / len(dataset.queries)
    sample = _spread(dataset.corpus)
    lengths = [max(1, round(guess_tokens(document.content))) for document in sample]
    return SetSize(len(dataset.queries), len(dataset.corpus), query_tokens, tuple(lengths))


def _spread(items: Sequence[Any]) -> tuple[Any, ...]:
    """At most ``SAMPLE`` of them, from all over."""
    step = max(1, len(items) // SAMPLE)
    return tuple(items[::step][:SAMPLE])


def _rates(trials: Sequence[Trial], known: Known) -> dict[tuple[str, str], float]:
    """Operations per second by device and dtype of products like the largest model's; what fails is left out."""
    from bench.roofline import peak_rate

    rates = {}
    for (device, dtype), shape in to_rate(trials, known).items():
        if _is_here(device, dtype):
            with suppress(RuntimeError):  # a format that this device does not multiply in
                rates[device, dtype] = peak_rate(_probe(shape), dtype, device)
    return rates


def _is_here(device: str, dtype: str) -> bool:
    if dtype == "auto":
        return False
    try:
        return resolve_device(device) == device
    except DeviceError:
        return False


def _probe(shape: ModelShape) -> ModelShape:
    """A small relative of a model's layer, so that its products take a second or two and no more."""
    return ModelShape(
        hidden=min(shape.hidden, 512),
        layers=1,
        heads=min(shape.heads, 4),
        kv_heads=min(shape.kv_heads, 4),
        head_dim=min(shape.head_dim, 128),
        intermediate=min(shape.intermediate, 1024),
    )
