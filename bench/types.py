"""The words of the project, as frozen values, and the one place where a ranking is made.

Errors: everything a user can mend is a subclass of ``RerankBenchError``::

    RerankBenchError          exit code 1
    ├── ConfigError           2  the config, an option or a name is wrong
    ├── DataError             3  a labelled set is malformed (carries file and line)
    ├── ModelError            4  a model cannot be found, read or used as asked
    ├── DeviceError           5  the device or dtype is not to be had here
    ├── ScoreError            6  a score is not a number, or counts do not match
    └── StoreError            7  the results folder cannot be read or written
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

# ---------------------------------------------------------------------------------------------------- errors

LONGEST_MESSAGE = 2_000
"""Characters of a message; of a longer one the middle is left out, for the end says what to do."""
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves a terminal's cursor, turns its text round or cannot be encoded."""


CUT = " […"
"""Stands in a message where it was cut, before the number of characters that are not shown."""


def one_line(text: str) -> str:
    """The text without line breaks, with what nobody could see or print escaped, and at most ``LONGEST_MESSAGE``."""
    if not text.isprintable():
        text = re.sub(r"[ \t]*[\r\n]\s*", " ", text.strip())
        text = _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    if len(text) > LONGEST_MESSAGE:
        half = LONGEST_MESSAGE // 2 - 20
        text = f"{text[:half]}{CUT}{len(text) - 2 * half:,} more…] {text[-half:]}"
    return text


class RerankBenchError(Exception):
    """Something the user can mend. The message says what was given, what was expected and what to do.

    As text it is one line that can be printed anywhere, however long or odd what it quotes: see ``one_line``.
    """

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        return one_line(super().__str__())


class ConfigError(RerankBenchError):
    exit_code = 2


class DataError(RerankBenchError):
    """A labelled set is malformed. ``path`` and ``line`` (1-based) say where, when one place is to blame."""

    exit_code = 3

    def __init__(self, message: str, path: Path | None = None, line: int | None = None) -> None:
        self.path, self.line = path, line
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(where + message)


class ModelError(RerankBenchError):
    exit_code = 4


class DeviceError(RerankBenchError):
    exit_code = 5


class ScoreError(RerankBenchError):
    exit_code = 6


class StoreError(RerankBenchError):
    exit_code = 7


# --------------------------------------------------------------------------------------------- labelled sets


@dataclass(frozen=True, slots=True)
class Document:
    id: str
    text: str
    title: str = ""

    @property
    def content(self) -> str:
        """What every stage reads: the title, a space, the text (the BEIR convention)."""
        return f"{self.title} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class Query:
    id: str
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


Qrels = Mapping[str, Mapping[str, int]]
"""Judgements: query id -> document id -> grade. A grade of 0 is a judgement too: judged, not relevant."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something odd in a labelled set that does not stop a run: what, how often, and the first place."""

    message: str
    count: int
    example: str

    def __str__(self) -> str:
        return f"{self.count} × {self.message} (first: {self.example})"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A labelled set, checked. ``queries`` are those of the split; ``checksum`` covers every file it was read from.

    ``drops_own_id``: no ranking holds a document whose id is the query's; see ``bench.data.card``.
    ``corpus`` may lie on disk: go through it rather than copy it, and look texts up with ``bench.data.contents_of``.
    """

    name: str
    split: str
    corpus: Sequence[Document]
    queries: tuple[Query, ...]
    qrels: Qrels
    checksum: str
    path: Path
    languages: tuple[str, ...] = ()
    licence: str = "not stated"
    revision: str = "not stated"
    description: str = ""
    drops_own_id: bool = False
    notices: tuple[Notice, ...] = ()


# ---------------------------------------------------------------------------------------------------- ranking


class ScoredDoc(NamedTuple):
    doc_id: str
    score: float


Ranking = tuple[ScoredDoc, ...]
Run = Mapping[str, Ranking]
"""Query id -> ranking, as built by ``rank``."""


def rank(scored: Iterable[tuple[str, float]], k: int | None = None) -> Ranking:
    """Order documents by score, highest first, equal scores by document id, highest first; keep the first ``k``.

    Both choices are trec_eval's, so that any tool of that family reads the same order from our run files: it keeps
    scores as 32-bit floats (two scores that differ by less are a tie) and breaks ties by descending id.

    Raises ScoreError for a score that is not finite, and for a document given twice.
    """
    ranked: dict[str, float] = {}
    for doc_id, score in scored:
        if not math.isfinite(score):
            raise ScoreError(f"document {doc_id!r} has the score {score}; a ranking needs finite scores")
        if doc_id in ranked:
            raise ScoreError(f"document {doc_id!r} was scored twice for one query")
        ranked[doc_id] = as_float32(score)
    ordered = sorted(ranked.items(), key=lambda item: (item[1], item[0].encode()), reverse=True)
    return tuple(ScoredDoc(doc_id, score) for doc_id, score in ordered[:k])


def as_float32(score: float) -> float:
    """The nearest 32-bit float, which is what trec_eval reads from a run file."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", score))[0])
    except OverflowError as error:
        raise ScoreError(f"the score {score} does not fit a 32-bit float") from error


# --------------------------------------------------------------------------------------------------- reranking


@dataclass(frozen=True, slots=True)
class Request:
    """One query with the documents to be judged for it. No ids, no order: a reranker sees texts and nothing else."""

    query: str
    documents: tuple[str, ...]
    instruction: str


@dataclass(frozen=True, slots=True)
class Work:
    """What scoring did: counts that do not depend on the machine, so that a test or a sweep can hold them.

    ``tokens`` is the length of all prompts together. ``forward_tokens`` went through the layers: more than ``tokens``
    where batches are padded (by ``padding_tokens``), fewer where prompts share a prefix that is computed once.
    ``forward_calls`` are passes through the model, or requests to a server. What an engine cannot know is None.
    """

    pairs: int = 0
    forward_calls: int = 0
    tokens: int | None = 0
    forward_tokens: int | None = 0
    padding_tokens: int | None = 0
    truncated_pairs: int | None = 0
    truncated_tokens: int | None = 0

    def __add__(self, other: Work) -> Work:
        return Work(*(_sum(a, b) for a, b in zip(_values(self), _values(other), strict=True)))


def _values(work: Work) -> tuple[Any, ...]:
    return tuple(asdict(work).values())


def _sum(a: int | None, b: int | None) -> Any:
    return None if a is None or b is None else a + b


ScoreUnit = Literal["logit", "probability", "score"]
"""What an engine's numbers are: the logit of "yes" over "no", the probability of "yes", or only an order."""


class Scored(NamedTuple):
    """Per request, one score per document in the order given; higher is better, and the engine says the unit.

    ``cut_pairs``: per request, how many of its documents were cut to fit; None where the engine cannot know.
    """

    scores: list[list[float]]
    work: Work
    cut_pairs: list[int] | None = None


Progress = Callable[[str, int, int], None]
"""Told what is being done, how far it is, and out of how many; a total of 0 means that nobody knows."""

# ------------------------------------------------------------------------------------------------------ trials

Dtype = Literal["auto", "fp32", "fp16", "bf16"]
Hub = Literal["huggingface", "modelscope"]
Quantisation = Literal["none", "int8", "int4", "int8-dynamic"]
Scenario = Literal["single_stream", "offline", "server"]
Status = Literal["ok", "oom", "timeout", "unsupported", "failed"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One fully specified cell: everything that decides its figures. Its id is the hash of its canonical JSON.

    ``split`` may name a part of a split, as in ``test/dev`` (see ``bench.data.parts``).
    ``candidates`` is a TREC run that the retriever ``given`` reads; None has it take those that the queries bring.
    ``depth`` is how many candidates the first stage hands over (and how long the runs are). Without a reranker the
    fields from ``engine`` to ``timeout_s`` play no part. ``embedder_batch_size`` counts texts per forward pass; None
    fills a pass by tokens, as many as suit the device. ``engine`` auto is ``packed`` for a model that it can serve,
    ``transformers`` for another. ``batch_size`` counts documents per forward pass (or per request to a server); None
    leaves it to the engine, and ``packed`` then fills a pass by ``token_budget``, of which None is the device's own.
    ``deterministic``, ``quantisation`` and ``attention`` belong to ``packed``; ``url``, ``concurrency`` and
    ``timeout_s`` to ``http``. ``None`` for an instruction is the template's own default,
    and for a prompt the embedder's own (an empty one is none). ``instruction_field`` names a field of the queries that
    holds an instruction of their own; queries without it get ``instruction``.

    ``batch_size`` max is the largest that fits, which the runner searches for. ``scenarios`` are the measurements of
    speed to be taken, none of them where quality alone is asked for; the fields that begin with ``server`` describe the
    third of them (see ``bench.serving.load``).
    ``trust_remote_code`` has code run that comes with a model, for the embedder and for the engines that take it.
    ``memory_limit_mb`` bounds the trial's process, ``node`` names the kind of machine that a cluster runs it on.
    Paths are as written in the config, relative to its folder, so that a trial has one id on every machine.
    ``max_queries`` judges a seeded sample of the queries; None judges them all.
    """

    dataset: str
    pipeline: str
    split: str = "test"
    # first stage
    retriever: str = "bm25"
    candidates: str | None = None
    embedder: str | None = None
    embedder_revision: str | None = None
    embedder_max_length: int | None = None
    embedder_batch_size: int | None = None
    query_prompt: str | None = None
    document_prompt: str | None = None
    depth: int = 100
    # second stage
    reranker: str | None = None
    reranker_revision: str | None = None
    engine: str = "auto"
    template: str = "qwen3"
    instruction: str | None = None
    instruction_field: str | None = None
    batch_size: int | Literal["max"] | None = None
    token_budget: int | None = None
    max_length: int = 8192
    deterministic: bool = False
    quantisation: Quantisation = "none"
    attention: str = "auto"
    url: str | None = None
    concurrency: int = 4
    timeout_s: float = 60.0
    # both
    hub: Hub = "huggingface"
    trust_remote_code: bool = False
    device: str = "auto"
    dtype: Dtype = "auto"
    threads: int | None = None
    node: str | None = None
    memory_limit_mb: int | None = None
    # judging
    measures: tuple[str, ...] = ("ndcg@10", "recall@10", "recall@100", "mrr@10", "map", "precision@10", "hit_rate@10")
    max_queries: int | None = None
    seed: int = 0
    # timing
    scenarios: tuple[Scenario, ...] = ("single_stream", "offline")
    timed_queries: int = 50
    warmup_queries: int = 5
    server_p99_s: float = 0.5
    server_qps: tuple[float, ...] = ()
    server_queries: int = 200
    server_batch: int = 8

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits that name this trial and no other, and that stay when a field is added later."""
        return hashlib.sha256(canonical_json(self.said).encode()).hexdigest()[:16]

    @property
    def said(self) -> dict[str, Any]:
        """Field -> value, without those that were added to trials later and play no part in this one."""
        return {name: value for name, value in asdict(self).items() if name not in _ADDED or value != _ADDED[name]}


_ADDED = {"candidates": None, "instruction_field": None, "trust_remote_code": False}
"""Fields of a trial that results of earlier versions lack, with their defaults, which leave the id as it was."""


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spare spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over queries with its 95% bootstrap interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """What a ``server`` measurement saw at one rate of arrivals.

    ``latency_s`` is one raw sample per query, in order of arrival, from its *scheduled* arrival to its answer, so that
    waiting counts. ``batches`` are (queries answered together, seconds it took), in order. ``seconds`` is the time from
    the first scheduled arrival to the last answer. ``offered_qps`` is the rate of the Poisson process.
    """

    offered_qps: float
    latency_s: tuple[float, ...]
    batches: tuple[tuple[int, float], ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a trial cost. Times in seconds, memory in bytes; what a device cannot measure is None, never 0.

    ``latency_s`` holds one raw sample per timed query, offered one at a time, and ``stages_s`` its parts (same
    length): ``embed``, ``search``, ``tokenise``, ``rerank``, ``rank``. ``offline_s`` is one raw sample per round in
    which all timed queries were offered at once. ``load_points`` is the server scenario, by rising rate. None is
    derived from another; a scenario that was not asked for leaves no samples. ``offline_pairs`` is None where nothing
    was reranked. ``warmup_s`` are the uncounted passes before, ``warmed_up`` whether they had settled.

    ``load_s`` is with the model's files in the system's page cache, ``cold_load_s`` with them on disk. ``index_s`` is
    None when the document vectors, or the index over a corpus on disk, came from the cache: nothing was measured then.

    Memory: the process's resident peak since it began and what was resident before anything was loaded; on a device
    the peaks that the allocator gave out and kept, and what the driver says is in use on the whole device.

    ``energy_j`` was used by the whole processor or device during the offline rounds. ``work`` counts one offline round,
    ``model_flops`` are the operations which that round's prompts need when each is computed alone and whole, and
    ``peak_flops_per_s`` is the matrix product's rate, measured on this device in this number format.
    ``unmeasured`` says of a field that is None why. ``throttled`` is by how much the system's own counters of
    throttling rose meanwhile (``bench.machine.throttling.throttled``); one that it lacks is left out.
    """

    load_s: float
    index_s: float | None
    latency_s: tuple[float, ...]
    stages_s: Mapping[str, tuple[float, ...]]
    offline_s: tuple[float, ...]
    offline_queries: int
    offline_pairs: int | None
    baseline_rss_bytes: int | None
    peak_rss_bytes: int | None
    peak_device_bytes: int | None
    reserved_device_bytes: int | None
    work: Work
    driver_device_bytes: int | None = None
    cold_load_s: float | None = None
    warmup_s: tuple[float, ...] = ()
    warmed_up: bool = True
    load_points: tuple[LoadPoint, ...] = ()
    energy_j: float | None = None
    model_flops: float | None = None
    peak_flops_per_s: float | None = None
    unmeasured: Mapping[str, str] = field(default_factory=dict)
    throttled: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TieRange:
    """A measure's smallest value over all orders of tied scores, its mean over them, and its largest."""

    low: float
    expected: float
    high: float


@dataclass(frozen=True, slots=True)
class Quality:
    """What a run is worth. ``per_query`` is measure -> query id -> value, ``means`` measure -> mean over the queries.

    ``ceiling`` is the first stage's recall at the rerank depth; ``tied_share`` of neighbours in the top 10 tie.
    ``work`` counts what scoring all queries to the quality pass's depth did, for all trials that share it.
    ``ties`` is measure -> what that mean could be in another order of tied scores; ``unjudged`` is, by the name
    ``unjudged@k``, the mean share of the first k documents that nobody has judged. Older results have neither.
    """

    means: Mapping[str, Interval]
    per_query: Mapping[str, Mapping[str, float]]
    ceiling: Interval
    tied_share: float
    work: Work = field(default_factory=Work)
    ties: Mapping[str, TieRange] = field(default_factory=dict)
    unjudged: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QualityPass:
    """Scores that trials share which differ in speed alone, to the largest ``depth`` asked for.

    Where nothing can be judged, ``complete`` is False: ``run`` then holds the timed queries alone, as the first of
    these trials scored them, for the others to be compared with.

    ``cut_pairs`` counts, for the queries that have any, the candidates that were cut to fit; None where the engine
    cannot know. ``seconds`` is how long scoring took, the first stage aside; ``environment`` and ``notes`` are the
    process's; ``checksums`` are the sha256 of both rankings as the store has them. Older passes have none of these.
    """

    key: str
    inputs: Mapping[str, str]
    depth: int
    unit: ScoreUnit
    work: Work
    complete: bool = True
    cold_load_s: float | None = None
    cold_reason: str = ""
    run: Run = field(default_factory=dict)
    first_stage: Run = field(default_factory=dict)
    cut_pairs: Mapping[str, int] | None = None
    seconds: float | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Agreement:
    """This trial's own scores of its timed queries against those of the quality pass, which batched otherwise.

    ``largest_difference`` is in probability (or in the engine's own unit where it gives none); ``top10_changed`` counts
    queries whose first ten are not the same documents in the same order.
    """

    queries: int
    largest_difference: float
    top10_changed: int


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What came of a trial. ``inputs`` are fingerprints of the files it read and the versions of the libraries.

    Another file or another library means another result. ``quality`` is None where there is none to be had: the
    weights are random, or the pairs are drawn. ``implied_by`` is the id of the smaller trial that ran out of memory, so
    that this one was not tried. ``run_file`` is where its ranking lies in the results folder; ``checksums`` are the
    sha256 of it, of the first stage's and of the judgements, by path there (older results have none).
    """

    trial: Trial
    status: Status
    message: str = ""
    dataset: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    quality: Quality | None = None
    cost: Cost | None = None
    agreement: Agreement | None = None
    implied_by: str | None = None
    run_file: str | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    started_at: str = ""
    wall_s: float | None = None
