"""What mteb calls the things that we measured: measures, languages, models, and trials of one model that differ.

The names are those of mteb 2.26; its version 1 reads the same files.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.types import Trial, TrialResult

NO_REVISION = "no_revision_available"
_OWN = ("asset", "local", "shape")
"""Revisions of models that are from no hub; their files' fingerprint tells them apart."""
_CUT_OFF = frozenset({"ndcg", "map", "recall", "precision", "mrr", "hit_rate"})
_WHOLE = frozenset({"map", "mrr"})
_LANGUAGES = {
    "ar": "ara-Arab", "bn": "ben-Beng", "cs": "ces-Latn", "da": "dan-Latn", "de": "deu-Latn", "el": "ell-Grek",
    "en": "eng-Latn", "es": "spa-Latn", "et": "est-Latn", "fa": "fas-Arab", "fi": "fin-Latn", "fr": "fra-Latn",
    "he": "heb-Hebr", "hi": "hin-Deva", "hu": "hun-Latn", "id": "ind-Latn", "it": "ita-Latn", "ja": "jpn-Jpan",
    "ko": "kor-Hang", "nl": "nld-Latn", "no": "nob-Latn", "pl": "pol-Latn", "pt": "por-Latn", "ro": "ron-Latn",
    "ru": "rus-Cyrl", "sv": "swe-Latn", "sw": "swa-Latn", "te": "tel-Telu", "th": "tha-Thai", "tr": "tur-Latn",
    "uk": "ukr-Cyrl", "ur": "urd-Arab", "vi": "vie-Latn", "yo": "yor-Latn", "zh": "cmn-Hans",
}  # fmt: skip
_UNDETERMINED = "und"
_LONGEST = 200


def measure_name(name: str) -> str | None:
    """``ndcg@10`` as mteb writes it, ``ndcg_at_10``; None for a measure that it has no name for."""
    base, at, k = name.partition("@")
    if not at:
        return base if base in _WHOLE else None
    return f"{base}_at_{k}" if base in _CUT_OFF else None


def languages(codes: Sequence[str]) -> list[str]:
    """ISO 639-1 codes as ISO 639-3 with a script; one of three letters stays, and what is not known is ``und``.

    The list is never empty: mteb takes a mean over what it finds there.
    """
    return list(dict.fromkeys(map(_language, codes))) or [_UNDETERMINED]


def _language(code: str) -> str:
    language = code.partition("-")[0].lower()
    return _LANGUAGES.get(language, code if len(language) == 3 else _UNDETERMINED)


@dataclass(frozen=True, slots=True)
class Model:
    """A model as mteb knows it: ``organisation/name``, a revision, and its kind in mteb's word."""

    name: str
    revision: str
    kind: str

    @property
    def folder(self) -> str:
        return f"{self.name.replace('/', '__')}/{self.revision}"


def model_of(result: TrialResult) -> Model:
    """The model that made the final ranking: the reranker, or else the embedder, or else the retriever."""
    return _model(result, "reranker", "cross-encoder") if result.trial.reranker else first_stage_of(result)


def first_stage_of(result: TrialResult) -> Model:
    if result.trial.embedder:
        return _model(result, "embedder", "dense")
    return Model(f"rerankbench/{_safe(result.trial.retriever)}", NO_REVISION, "sparse")


def _model(result: TrialResult, role: str, kind: str) -> Model:
    name, revision = str(getattr(result.trial, role)), result.inputs.get(f"{role}_revision")
    own = revision in _OWN or name.partition(":")[0] in _OWN
    if own:
        scheme, colon, rest = name.partition(":")
        name = f"{'rerankbench' if colon else 'local'}/{(rest if colon else scheme).rstrip('/').rpartition('/')[2]}"
        if fingerprint := result.inputs.get(role):
            revision = f"{revision}-{fingerprint[:8]}"
    organisation, slash, rest = name.partition("/")
    if not slash:
        organisation, rest = "served" if result.trial.url else "local", name
    return Model(f"{_safe(organisation)}/{_safe(rest)}", _safe(revision or NO_REVISION), kind)


def task_file_name(task: str) -> str:
    """A task's name as mteb's file names can hold it."""
    return _safe(task)


def _safe(text: str) -> str:
    return re.sub(r"[^\w.+ -]+", "_", text).strip(". ") or "unnamed"


def differing_fields(trials: Sequence[Trial], fields: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in fields if len({getattr(trial, name) for trial in trials}) > 1)


def experiment_folder(settings: dict[str, Any]) -> str:
    """The folder in which mteb looks for a model that was run with these settings (its ``experiment_kwargs``)."""
    text = "__".join(f"{name}_{_plain(value)}" for name, value in sorted(settings.items()))
    return f"exp_{hashlib.sha256(text.encode()).hexdigest()[:16]}" if len(text) > _LONGEST else text


def _plain(value: Any) -> str:
    return re.sub(r'[<>:"|?*\\/\0]', "_", str(value))
