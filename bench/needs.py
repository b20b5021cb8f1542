"""What a config or a claims file needs from outside: its labelled sets and models, and which of them are here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.claims import is_claims
from bench.claims.file import load_claims
from bench.config.plan import load_plan
from bench.engines import is_benchmark
from bench.fetch import CARD, SetCard, card_of, here, is_fetched
from bench.hub import folder_fault, located
from bench.sources.spec import is_name, label
from bench.synthetic import is_drawn
from bench.types import ConfigError, Hub, Trial


@dataclass(frozen=True, slots=True)
class SetNeed:
    """``card`` is of a set that can be fetched. ``place`` is its folder, None where it is not here."""

    name: str
    card: SetCard | None
    place: Path | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelNeed:
    """``size_bytes`` is that of its files here; ``missing`` says what is not here, empty where it is whole."""

    name: str
    revision: str | None
    hub: Hub
    place: Path | None
    size_bytes: int | None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Needs:
    sets: tuple[SetNeed, ...]
    models: tuple[ModelNeed, ...]


def needs_of(config: Path) -> Needs:
    """Everything that the trials of a config or claims file read; nothing is asked of a network. Raises ConfigError."""
    if is_benchmark(config):
        raise ConfigError(f"{config} is an engine benchmark; --for takes a config with pipelines or a claims file")
    if is_claims(config):
        file = load_claims(config)
        base, trials = file.base, [trial for each in file.trials.values() for trial in each]
        trials += [Trial(dataset="", pipeline="", **claim.example.trial) for claim in file.claims if claim.example]
    else:
        plan = load_plan(config)
        base, trials = plan.base, list(plan.trials)
    names = dict.fromkeys(trial.dataset for trial in trials if trial.dataset and not is_drawn(trial.dataset))
    return Needs(tuple(set_need(name, base) for name in names), tuple(_models(trials, base)))


def set_need(name: str, base: Path) -> SetNeed:
    """A trial's dataset: a card's or ir_datasets' set, a folder, or one that the config makes on first use."""
    if is_fetched(name):
        card = card_of(name)
        return SetNeed(name.removeprefix(CARD), card, here(card))
    if is_name(name):
        return SetNeed(label(name), None, None, "made from the config's files on first use")
    folder = (base / Path(name).expanduser()).resolve()
    return SetNeed(name, None, folder if folder.is_dir() else None, "a folder of your own")


def _models(trials: Iterable[Trial], base: Path) -> list[ModelNeed]:
    asked: dict[tuple[str, str | None, Hub], None] = {}
    for trial in trials:
        if trial.embedder is not None and trial.retriever != "bm25":
            asked[trial.embedder, trial.embedder_revision, trial.hub] = None
        if trial.reranker is not None and not trial.url:
            asked[trial.reranker, trial.reranker_revision, trial.hub] = None
    return [_model_need(name, revision, hub, base) for name, revision, hub in asked]


def _model_need(name: str, revision: str | None, hub: Hub, base: Path) -> ModelNeed:
    if name.startswith(("asset:", "shape:")):
        return ModelNeed(name, revision, hub, Path(), None)
    folder = Path(located(name, base)).expanduser()
    if not folder.is_dir():
        folder_or_none = _cached(name, revision, hub)
        if folder_or_none is None:
            return ModelNeed(name, revision, hub, None, None, "not here")
        folder = folder_or_none
    fault = folder_fault(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return ModelNeed(name, revision, hub, folder, size, fault or "")


def _cached(name: str, revision: str | None, hub: Hub) -> Path | None:
    """The snapshot in the hub's cache, whole or not; no network is asked."""
    if hub == "modelscope":
        try:
            from modelscope import snapshot_download

            return Path(snapshot_download(name, revision=revision or "master", local_files_only=True))
        except Exception:  # whatever keeps the client from finding it, it is not to be had here
            return None
    import huggingface_hub

    for file in ("config.json", "modules.json"):
        try:
            found = huggingface_hub.try_to_load_from_cache(name, file, revision=revision)
        except ValueError:  # a path that is not there is no id
            return None
        if isinstance(found, str):
            return Path(found).parent
    return None


def missing_cards(sets: Sequence[SetNeed]) -> list[SetCard]:
    return [each.card for each in sets if each.card is not None and each.place is None]
