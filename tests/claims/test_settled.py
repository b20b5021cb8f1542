"""The claims that need neither the real weights nor a GPU: each is measured here on models small enough for a test.

They are about how Qwen3-Reranker is loaded and called, not about what it has learnt, so the trained tiny reranker
settles them as well as the real one: it has the same architecture, prompt and answer tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.data import load_dataset
from bench.hub import resolve_model
from bench.hub.shapes import find_shape
from bench.measures import evaluate
from bench.rerankers import Engine
from bench.rerankers.padded import PaddedReranker
from bench.rerankers.qwen3 import Qwen3Reranker
from bench.rerankers.reference import ReferenceReranker
from bench.rerankers.scores import sigmoid
from bench.rerankers.template import TEMPLATES
from bench.retrievers.bm25 import OkapiRetriever
from bench.types import Qrels, Request, rank

MODEL = "asset:tracer-reranker"
QUERIES, CANDIDATES = 10, 8
VOCABULARY, HALF_BYTES = 151_936, 2
"""The padded vocabulary of Qwen3-Reranker-0.6B, and the bytes of a bf16 or fp16 number."""

Rows = Sequence[Sequence[float]]


@pytest.fixture(scope="module", autouse=True)
def one_quiet_thread() -> Iterator[None]:
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    before, level = torch.get_num_threads(), logging.get_verbosity()
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    yield
    torch.set_num_threads(before)
    logging.set_verbosity(level)


@dataclass(frozen=True)
class Pairs:
    """Queries with their BM25 candidates; ``ids`` and ``qrels`` belong to the same places."""

    requests: tuple[Request, ...]
    query_ids: tuple[str, ...]
    doc_ids: tuple[tuple[str, ...], ...]
    qrels: Qrels

    def order(self, scores: Rows) -> list[tuple[str, ...]]:
        """Document ids by score, per query."""
        ranked = (rank(zip(ids, row, strict=True)) for ids, row in zip(self.doc_ids, scores, strict=True))
        return [tuple(doc.doc_id for doc in ranking) for ranking in ranked]

    def ndcg(self, scores: Rows) -> float:
        rows = zip(self.query_ids, self.doc_ids, scores, strict=True)
        run = {query_id: rank(zip(ids, row, strict=True)) for query_id, ids, row in rows}
        values = evaluate(run, self.qrels, ["ndcg@10"])["ndcg@10"]
        return sum(values.values()) / len(values)


@pytest.fixture(scope="module")
def embedded(root: Path) -> Pairs:
    """Queries from all over the embedded set, each with its judged documents and, after them, what BM25 finds."""
    return pairs_of(root / "datasets" / "tracer", QUERIES, CANDIDATES)


def pairs_of(folder: Path, queries: int, candidates: int) -> Pairs:
    dataset = load_dataset(folder)
    chosen = dataset.queries[:: len(dataset.queries) // queries][:queries]
    retriever = OkapiRetriever()
    retriever.index(dataset.corpus)
    found = retriever.search(chosen, candidates)
    texts = {document.id: document.content for document in dataset.corpus}
    ids = tuple(
        tuple(dict.fromkeys([*dataset.qrels[query.id], *(doc.doc_id for doc in found[query.id])]))[:candidates]
        for query in chosen
    )
    instruction = TEMPLATES["qwen3"].default_instruction
    requests = tuple(
        Request(query.text, tuple(texts[doc_id] for doc_id in row), instruction)
        for query, row in zip(chosen, ids, strict=True)
    )
    judged = {query.id: dataset.qrels[query.id] for query in chosen}
    return Pairs(requests, tuple(judged), ids, judged)


def probabilities(engine: Engine, requests: Sequence[Request]) -> list[list[float]]:
    scores = engine.score_many(requests).scores
    return [[sigmoid(value) for value in row] for row in scores] if engine.unit == "logit" else scores


def moved(some: Rows, others: Rows) -> float:
    """The largest difference between two tables of scores."""
    return max(abs(a - b) for row, other in zip(some, others, strict=True) for a, b in zip(row, other, strict=True))


# ------------------------------------------------------------- loading it as a sequence classifier invents a head


def classifier(seed: int) -> tuple[Any, Mapping[str, Any]]:
    """The causal checkpoint as ``AutoModelForSequenceClassification`` loads it, and what that says it did."""
    import torch
    from transformers import AutoModelForSequenceClassification

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model, said = AutoModelForSequenceClassification.from_pretrained(
            resolve_model(MODEL).path, num_labels=1, output_loading_info=True
        )
    return model.eval(), said


def classified(model: Any, requests: Sequence[Request]) -> list[list[float]]:
    """The classifier's one label, from the very prompts that the reranker reads."""
    import torch

    engine = PaddedReranker(MODEL, device="cpu")
    rows = []
    with torch.inference_mode():
        for prompts in engine._builder.build_many(requests):
            rows.append([float(model(torch.tensor([prompt.tokens])).logits) for prompt in prompts])
    return rows


def test_a_sequence_classifier_gets_a_head_that_is_not_in_the_checkpoint(embedded: Pairs) -> None:
    (first, said), (second, _) = classifier(0), classifier(1)
    assert said["missing_keys"] == {"score.weight"}
    same = first.model.layers[0].self_attn.q_proj.weight.equal(second.model.layers[0].self_attn.q_proj.weight)
    assert same  # the body is the checkpoint's, only the head is made up
    few = Pairs(embedded.requests[:6], embedded.query_ids[:6], embedded.doc_ids[:6], embedded.qrels)
    one, other = classified(first, few.requests), classified(second, few.requests)
    assert moved(one, other) > 0.1
    assert few.order(one) != few.order(other)  # each load ranks in its own way
    true = few.order(Qwen3Reranker(MODEL, device="cpu").score_many(few.requests).scores)
    firsts = [sum(a[0] == b[0] for a, b in zip(few.order(scores), true, strict=True)) for scores in (one, other)]
    assert max(firsts) < len(true)


def test_a_sequence_classifier_fails_on_a_batch_where_no_padding_token_is_named() -> None:
    """Qwen3-Reranker's config.json names none."""
    import torch

    model, _ = classifier(0)
    model.config.pad_token_id = None
    with torch.inference_mode(), pytest.raises(ValueError, match="padding token"):
        model(torch.tensor([[5, 6, 7], [5, 6, 7]]))


# --------------------------------------------------------------- the tutorial's truncation takes the answer away


def test_nothing_is_corrupted_where_nothing_is_cut(embedded: Pairs) -> None:
    ours = Qwen3Reranker(MODEL, device="cpu")
    theirs = ReferenceReranker(MODEL, device="cpu")
    assert theirs.score_many(embedded.requests).work.truncated_pairs == 0
    assert moved(probabilities(ours, embedded.requests), probabilities(theirs, embedded.requests)) < 1e-5


def test_truncating_the_joined_prompt_corrupts_scores_and_ranks(embedded: Pairs) -> None:
    """Same ``max_length``, same tokens cut: the tutorial's way loses the answer turn, cutting the document does not."""
    whole = Qwen3Reranker(MODEL, device="cpu").score_many(embedded.requests)
    bound = 120
    ours = Qwen3Reranker(MODEL, device="cpu", max_length=bound).score_many(embedded.requests)
    theirs = ReferenceReranker(MODEL, device="cpu", max_length=bound, batch_size=16).score_many(embedded.requests)
    assert (ours.work.truncated_pairs, ours.work.truncated_tokens) == (35, 325)  # of 80 pairs, 9 tokens each
    assert (theirs.work.truncated_pairs, theirs.work.truncated_tokens) == (35, 325)
    uncut, kept = ([[sigmoid(value) for value in row] for row in scored.scores] for scored in (whole, ours))
    lost = theirs.scores
    assert moved(uncut, kept) < 0.05
    assert moved(uncut, lost) > 0.95  # a certain "yes" becomes a certain "no", or the other way round
    assert answers_turned(uncut, kept) == 0
    assert answers_turned(uncut, lost) >= 5
    assert abs(embedded.ndcg(kept) - embedded.ndcg(uncut)) < 0.02
    assert embedded.ndcg(lost) < embedded.ndcg(uncut) - 0.05


def answers_turned(some: Rows, others: Rows) -> int:
    """Pairs on which two tables of probabilities give different answers."""
    return sum(
        (a > 0.5) != (b > 0.5) for row, other in zip(some, others, strict=True) for a, b in zip(row, other, strict=True)
    )


# ------------------------------------------------------------------- logits of the whole vocabulary fill the memory


def peak_bytes(work: Callable[[], object]) -> int:
    """The most that torch's CPU allocator had given out at once while ``work`` ran, beyond what it had before."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        work()
    live = most = 0
    for event in sorted(watched.events(), key=lambda event: event.time_range.start):
        live += event.self_cpu_memory_usage
        most = max(most, live)
    return most


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two random layers of 32 numbers under the real model's vocabulary."""
    import torch
    from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

    folder = tmp_path_factory.mktemp("wide")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Qwen3ForCausalLM(
            Qwen3Config(
                vocab_size=VOCABULARY,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                head_dim=8,
                initializer_range=0.2,
                tie_word_embeddings=True,
            )
        )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(resolve_model(MODEL).path).save_pretrained(folder)
    return folder


def test_full_vocabulary_logits_are_nearly_all_of_the_memory_beside_the_weights(wide: Path) -> None:
    request = Request("protect a server", ("Close every port that is not in use.",) * 2, "i")
    theirs = ReferenceReranker(wide, device="cpu", batch_size=2)
    positions = theirs.score_many([request]).work.forward_tokens or 0
    logits = positions * VOCABULARY * 4
    peak = peak_bytes(lambda: theirs.score_many([request]))
    assert logits <= peak < 1.02 * logits
    for ours in (Qwen3Reranker(wide, device="cpu"), PaddedReranker(wide, device="cpu", batch_size=2)):
        assert peak_bytes(lambda ours=ours: ours.score_many([request])) < logits / 100
        assert moved(probabilities(ours, [request]), theirs.score_many([request]).scores) < 1e-5


def test_the_real_model_would_hold_9_gib_of_logits_for_one_batch() -> None:
    """Counted from the published shape, not measured: batch 32, length 1,024, half precision."""
    shape = find_shape("qwen3-0.6b")
    logits, states = (32 * 1024 * width * HALF_BYTES for width in (shape.vocabulary, shape.hidden))
    assert round(logits / 2**30, 1) == 9.3
    assert logits / states == pytest.approx(148.4, abs=0.1)
    assert logits > 7 * shape.weights * HALF_BYTES  # several times the weights themselves


# ------------------------------------------------------------------------- the batch size does not change a ranking


@pytest.mark.parametrize("engine", [Qwen3Reranker, PaddedReranker], ids=lambda engine: engine.name)
def test_batch_size_does_not_change_the_ranking(
    embedded: Pairs, engine: type[Qwen3Reranker] | type[PaddedReranker]
) -> None:
    by_size = {
        size: engine(MODEL, device="cpu", batch_size=size).score_many(embedded.requests) for size in (1, 3, 8, 32)
    }
    calls = [scored.work.forward_calls for scored in by_size.values()]
    assert len(set(calls)) == len(calls)  # the size took effect
    alone = by_size[1].scores
    for scored in by_size.values():
        assert embedded.order(scored.scores) == embedded.order(alone)
        assert moved(scored.scores, alone) < 1e-4  # in logits
