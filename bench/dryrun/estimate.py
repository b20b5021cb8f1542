"""How long a run may take: a guess from counts, made before anything runs. Pure; ``survey`` looks things up.

A cell scores so many pairs: a few passes of one query to warm up, the timed queries one at a time, then all at once,
and as many as the server scenario offers; and all queries once for each quality key. A pair takes the operations of its
prompt (``bench.machine.flops``), of a guessed length, at a share of the rate that a matrix product reaches on the
device. Where the results folder holds finished cells of the same model and engine, their rate is taken instead, and
the time that they spent beside the clock.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.keys import arms_key, quality_key
from bench.machine.flops import ModelShape, PromptTokens, needed_flops, unshared_flops
from bench.prepare import can_be_judged
from bench.rerankers.template import default_instruction, find_template
from bench.speed import OFFLINE_ENOUGH_S, OFFLINE_ROUNDS
from bench.store import LASTING
from bench.synthetic import is_drawn
from bench.types import Trial, TrialResult

SHARE = {"packed": 0.6, "vllm": 0.6}
OTHER_SHARE = 0.3
"""Of the matrix product's rate: what engines reached where they were raced, rounded."""
START_S, PLAIN_START_S = 6.0, 3.0
"""A process that loads torch and a small model, and one that does not."""
BYTES_PER_S = 1e9
"""At which weights are read and laid out."""
DOCUMENTS_PER_S = 10_000.0
"""At which a first stage without a model indexes."""
SEARCH_S = 0.005
"""One query of a first stage."""
SEARCHED_RATES = 8
"""Rates that the search for the highest one within the bound goes through, about."""
CJK_TOKENS, OTHER_TOKENS = 0.7, 0.24
"""Tokens per character of Chinese, Japanese or Korean, and of anything else, of a large vocabulary such as Qwen's."""


@dataclass(frozen=True, slots=True)
class SetSize:
    """What a set asks for: counts, and tokens of a query and of a sample of its documents."""

    queries: int
    documents: int
    query_tokens: float
    document_tokens: tuple[int, ...]


SetKey = tuple[str, str, int | None, int]


def set_key(trial: Trial) -> SetKey:
    """What decides the queries and documents of a trial."""
    return trial.dataset, trial.split, trial.max_queries, trial.seed


@dataclass(frozen=True, slots=True)
class Known:
    """What was looked up: sets, shapes by a model's name, operations per second by device and dtype, old results.

    A shape or rate that is missing is not known. ``quality_done`` are the keys of quality passes in the results folder.
    """

    sets: Mapping[SetKey, SetSize]
    shapes: Mapping[str, ModelShape] = field(default_factory=dict)
    rates: Mapping[tuple[str, str], float] = field(default_factory=dict)
    results: Sequence[TrialResult] = ()
    quality_done: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Guess:
    """One cell: its guessed seconds without the quality pass, None where nobody can tell, 0 where it is finished."""

    trial: Trial
    seconds: float | None
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """``quality_s`` are the quality passes still to be made, ``quality_passes`` in number; ``pairs`` all to be scored.

    ``guided`` counts the cells to run whose guess rests on finished ones. ``unknown``: why some cells have no guess.
    """

    cells: tuple[Guess, ...]
    quality_passes: int
    quality_s: float
    pairs: int
    mean_tokens: float | None
    guided: int
    unknown: tuple[str, ...]

    @property
    def total_s(self) -> float:
        """Of everything that can be told."""
        return self.quality_s + sum(cell.seconds or 0.0 for cell in self.cells)

    @property
    def to_run(self) -> int:
        return sum(not cell.finished for cell in self.cells)


def estimate(trials: Sequence[Trial], known: Known) -> Estimate:
    """The guess for trials whose ``auto`` fields are resolved as far as this machine can."""
    finished = {result.trial.id for result in known.results if _lasting(result)}
    guides = _Guides.of(known)
    indexed: set[tuple[object, ...]] = set()
    cells, unknown, pairs, tokens, guided = [], dict[str, None](), 0, 0.0, 0
    for trial in trials:
        if trial.id in finished:
            cells.append(Guess(trial, 0.0, finished=True))
            continue
        counted = _counted(trial, known, guides)
        seconds = None
        if counted.query_s is None:
            unknown[_why_unknown(trial, known)] = None
        else:
            seconds = (counted.start_s if trial.scenarios else 0.0) + _speed_s(trial, counted)
            seconds += _index_s(trial, known, indexed)
        cells.append(Guess(trial, seconds))
        passes = _query_passes(trial, counted)
        pairs += round(passes * counted.depth)
        tokens += passes * counted.depth * counted.pair_tokens
        guided += counted.guided
    quality = _quality([cell.trial for cell in cells if not cell.finished], trials, known, guides)
    pairs, tokens = pairs + quality.pairs, tokens + quality.tokens
    return Estimate(
        cells=tuple(cells),
        quality_passes=quality.passes,
        quality_s=quality.seconds,
        pairs=pairs,
        mean_tokens=tokens / pairs if pairs else None,
        guided=guided,
        unknown=tuple(unknown),
    )


@dataclass(frozen=True, slots=True)
class PassGuess:
    """Scoring all queries of a trial once: ``seconds`` without starting a process, None where nobody can tell.

    ``kept``: its scores lie in the results folder, as far as can be told without looking at what they rest on.
    """

    pairs: int
    tokens: float
    seconds: float | None
    kept: bool


def pass_guess(trial: Trial, known: Known) -> PassGuess:
    """What the quality pass of one trial would take, whose ``auto`` fields are resolved."""
    size, counted = known.sets[set_key(trial)], _counted(trial, known, _Guides.of(known))
    pairs = size.queries * counted.depth
    seconds = None if counted.query_s is None else counted.query_s * size.queries
    return PassGuess(pairs, pairs * counted.pair_tokens, seconds, quality_key(trial) in known.quality_done)


def to_rate(trials: Sequence[Trial], known: Known) -> dict[tuple[str, str], ModelShape]:
    """Device and dtype -> the largest shape whose guess rests on the rate there, finished cells not saying more."""
    guides = _Guides.of(known)
    shapes: dict[tuple[str, str], ModelShape] = {}
    for trial in trials:
        models = (trial.embedder, trial.reranker if guides.seconds_per_flop(trial) is None else None)
        place = (trial.device, trial.dtype)
        for shape in (known.shapes[name] for name in models if name is not None and name in known.shapes):
            shapes[place] = max(shape, shapes.get(place, shape), key=lambda shape: shape.linear)
    return shapes


def guess_tokens(text: str) -> float:
    """About how many tokens a text has: a count of characters, no tokenizer."""
    cjk = sum("⺀" <= char <= "鿿" or "가" <= char <= "힣" or "豈" <= char <= "﫿" for char in text)
    return CJK_TOKENS * cjk + OTHER_TOKENS * (len(text) - cjk)


# ------------------------------------------------------------------------------------------------------- counts


@dataclass(frozen=True, slots=True)
class _Counted:
    """Of one trial: queries timed, candidates of each, tokens of a pair, seconds of a query and of getting there."""

    timed: int
    depth: int
    pair_tokens: float
    query_s: float | None
    start_s: float
    guided: bool = False


def _counted(trial: Trial, known: Known, guides: _Guides) -> _Counted:
    size = known.sets[set_key(trial)]
    timed = min(trial.timed_queries, size.queries)
    if trial.reranker is None:
        start_s = PLAIN_START_S if trial.retriever != "dense" else START_S + _load_s(trial, trial.embedder, known)
        return _Counted(timed, 0, 0.0, SEARCH_S, start_s)
    depth = _candidates(trial, size)
    prompts = prompts_of(trial, size)
    tokens = sum(prompts.lengths) / len(prompts.lengths)
    own_start = guides.beside_s(trial)
    start_s = START_S + _load_s(trial, trial.reranker, known) if own_start is None else own_start
    guide = guides.seconds_per_flop(trial)
    here = trial.engine != "http"  # a server's rate is its own
    pair_flops = flops_per_pair(trial, size, known.shapes.get(trial.reranker) if here else None)
    per_flop = guide
    if guide is None and (rate := known.rates.get((trial.device, trial.dtype))) is not None:
        per_flop = 1 / (rate * SHARE.get(trial.engine, OTHER_SHARE))
    query_s = None if pair_flops is None or per_flop is None else pair_flops * per_flop * depth + SEARCH_S
    return _Counted(timed, depth, tokens, query_s, start_s, guide is not None and query_s is not None)


def _why_unknown(trial: Trial, known: Known) -> str:
    if trial.engine == "http":
        return f"{trial.url} scores at a rate of its own"
    if trial.reranker not in known.shapes:
        return f"{trial.reranker}, as no config.json that tells its size is on this machine"
    return f"{trial.device} in {trial.dtype}, as this machine has no such device or it does not multiply in that format"


def _candidates(trial: Trial, size: SetSize) -> int:
    per_query = size.documents // size.queries if is_drawn(trial.dataset) else size.documents
    return min(trial.depth, per_query)


def prompts_of(trial: Trial, size: SetSize) -> PromptTokens:
    """The prompts of one query with each document of the sample, cut as they will be."""
    template = find_template(trial.template)
    said = default_instruction(trial.template) if trial.instruction is None else trial.instruction
    system = math.ceil(guess_tokens(template.system))
    tail = math.ceil(guess_tokens(template.tail))
    around = guess_tokens(template.instruction_piece(said) + template.query_piece(""))
    head = math.ceil(around + size.query_tokens)
    room = max(1, trial.max_length - system - head - tail)
    return PromptTokens(system, head, tuple((min(room, tokens), tail) for tokens in size.document_tokens))


def flops_per_pair(trial: Trial, size: SetSize, shape: ModelShape | None) -> float | None:
    """Operations of a pair as the engine computes it: ``packed`` shares what prompts have in common. None: no shape."""
    if shape is None:
        return None
    prompts = (prompts_of(trial, size),)
    count = needed_flops if trial.engine == "packed" else unshared_flops
    return count(shape, prompts) / len(size.document_tokens)


def _rounds(round_s: float) -> int:
    return max(1, min(OFFLINE_ROUNDS, math.ceil(OFFLINE_ENOUGH_S / round_s) if round_s else OFFLINE_ROUNDS))


def _query_passes(trial: Trial, counted: _Counted) -> float:
    """How often a query is answered in the speed pass, the given rates of the server scenario left as they are."""
    passes = float(trial.warmup_queries) if trial.scenarios else 0.0
    if "single_stream" in trial.scenarios:
        passes += counted.timed
    if "offline" in trial.scenarios:
        passes += counted.timed * _rounds(counted.timed * (counted.query_s or math.inf))
    if "server" in trial.scenarios:
        passes += trial.server_queries * (len(trial.server_qps) or SEARCHED_RATES)
    return passes


def _speed_s(trial: Trial, counted: _Counted) -> float:
    query_s = counted.query_s or 0.0
    at_own_pace = _query_passes(trial, counted) * query_s
    waits = [trial.server_queries * max(0.0, 1 / qps - query_s) for qps in trial.server_qps]
    return at_own_pace + (sum(waits) if "server" in trial.scenarios else 0.0)


def _load_s(trial: Trial, model: str | None, known: Known) -> float:
    shape = known.shapes.get(model or "")
    weights = 0.0 if shape is None else shape.layers * shape.linear / 2
    return weights * (4 if trial.dtype in ("fp32", "auto") else 2) / BYTES_PER_S


def _index_s(trial: Trial, known: Known, indexed: set[tuple[object, ...]]) -> float:
    """The first stage's index. Embeddings are kept, so the first cell that needs them pays for all."""
    size = known.sets[set_key(trial)]
    if trial.retriever != "dense":
        return 0.0 if is_drawn(trial.dataset) else size.documents / DOCUMENTS_PER_S
    key = (
        *set_key(trial)[:1],
        trial.embedder,
        trial.embedder_max_length,
        trial.document_prompt,
        trial.device,
        trial.dtype,
    )
    shape, rate = known.shapes.get(trial.embedder or ""), known.rates.get((trial.device, trial.dtype))
    if key in indexed or shape is None or rate is None:
        return size.documents / DOCUMENTS_PER_S
    indexed.add(key)
    cut = trial.embedder_max_length or math.inf
    tokens = sum(min(cut, length) for length in size.document_tokens) / len(size.document_tokens) * size.documents
    return shape.layers * shape.linear * tokens / (rate * OTHER_SHARE)


# ------------------------------------------------------------------------------------------------------ quality


@dataclass(frozen=True, slots=True)
class _QualityWork:
    passes: int
    seconds: float
    pairs: int
    tokens: float


def _quality(to_run: Sequence[Trial], trials: Sequence[Trial], known: Known, guides: _Guides) -> _QualityWork:
    """One pass for each key that a cell to be run needs, to the depth of the deepest; in a process of its own where
    cells share it. Cells without measurements of speed start one process for all instructions."""
    sharing = Counter(quality_key(trial) for trial in trials)
    depths: dict[str, int] = {}
    asking: dict[str, Trial] = {}
    for trial in to_run:
        key = quality_key(trial)
        if can_be_judged(trial) and key not in known.quality_done:
            depths[key] = max(depths.get(key, 0), trial.depth)
            asking.setdefault(key, trial)
    seconds, pairs, tokens = 0.0, 0, 0.0
    started: set[str] = set()
    for key, trial in asking.items():
        size, counted = known.sets[set_key(trial)], _counted(trial, known, guides)
        deeper = depths[key] / trial.depth
        process = key if trial.scenarios else arms_key(trial)
        if process not in started and (sharing[key] > 1 or not trial.scenarios):
            started.add(process)
            seconds += counted.start_s
        seconds += size.queries * (counted.query_s or 0.0) * deeper
        of_this = size.queries * min(depths[key], size.documents) if trial.reranker else 0
        pairs += of_this
        tokens += of_this * counted.pair_tokens
    return _QualityWork(len(asking), seconds, pairs, tokens)


# ------------------------------------------------------------------------------------------------------- guides


@dataclass(frozen=True, slots=True)
class _Guides:
    """Finished cells: seconds per operation of their offline rounds, and seconds that they spent beside the clock."""

    per_flop: Mapping[tuple[str | None, ...], float]
    beside: Mapping[tuple[str | None, ...], float]

    @staticmethod
    def of(known: Known) -> _Guides:
        per_flop: dict[tuple[str | None, ...], list[float]] = {}
        beside: dict[tuple[str | None, ...], list[float]] = {}
        for result in known.results:
            trial, size = result.trial, known.sets.get(set_key(result.trial))
            shape = known.shapes.get(trial.reranker or "")
            if result.status != "ok" or result.cost is None or size is None or shape is None:
                continue
            pair_flops = flops_per_pair(trial, size, shape)
            if result.cost.offline_s and result.cost.offline_pairs and pair_flops:
                seconds = median(result.cost.offline_s) / (result.cost.offline_pairs * pair_flops)
                for key in _guide_keys(trial):
                    per_flop.setdefault(key, []).append(seconds)
            if result.wall_s is not None:
                for key in _guide_keys(trial):
                    beside.setdefault(key, []).append(max(0.0, result.wall_s - _clocked_s(result)))
        return _Guides(
            {key: median(values) for key, values in per_flop.items()},
            # the least of them: the others hold a quality pass that they made for all
            {key: min(values) for key, values in beside.items()},
        )

    def seconds_per_flop(self, trial: Trial) -> float | None:
        return next((self.per_flop[key] for key in _guide_keys(trial) if key in self.per_flop), None)

    def beside_s(self, trial: Trial) -> float | None:
        return next((self.beside[key] for key in _guide_keys(trial) if key in self.beside), None)


def _guide_keys(trial: Trial) -> tuple[tuple[str | None, ...], ...]:
    """The nearest kind of finished cell first: one of another number format will do where there is no better."""
    model = (trial.reranker, trial.engine, trial.quantisation, trial.device)
    return (*model, trial.dtype), model


def _clocked_s(result: TrialResult) -> float:
    cost = result.cost
    if cost is None:
        return 0.0
    return sum(cost.warmup_s) + sum(cost.latency_s) + sum(cost.offline_s) + sum(p.seconds for p in cost.load_points)


def _lasting(result: TrialResult) -> bool:
    return result.status == "ok" or (result.status in LASTING and result.implied_by is None)
