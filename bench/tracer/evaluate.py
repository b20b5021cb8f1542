"""Measures the set with plain code: BM25, the tiny embedder, and the tiny reranker over the embedder's candidates.

nDCG uses linear gain and a log2 discount, cut at 10; ties are broken by document id. Nothing here is used by the
harness: it is a second, independent way to the same figures.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.rerankers.template import TEMPLATES
from bench.tracer.instructions import INSTRUCTIONS

Floats = npt.NDArray[np.float64]
Run = dict[str, list[tuple[str, float]]]


@dataclass(frozen=True, slots=True)
class TracerSet:
    """The checked-in set: rows by id as they stand in the files, and the grades of one split."""

    docs: dict[str, dict[str, Any]]
    queries: dict[str, dict[str, Any]]
    grades: dict[str, dict[str, int]]


def load(folder: Path, split: str) -> TracerSet:
    docs = {row["_id"]: row for row in _rows(folder / "corpus.jsonl")}
    queries = {row["_id"]: row for row in _rows(folder / "queries.jsonl")}
    grades: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels" / f"{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, doc, grade = line.split("\t")
        grades.setdefault(query, {})[doc] = int(grade)
    return TracerSet(docs, {query: queries[query] for query in grades}, grades)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def content(row: dict[str, Any]) -> str:
    return f"{row['title']} {row['text']}".strip()


def ranked(scores: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def ndcg(ranking: Sequence[str], grades: dict[str, int], depth: int = 10) -> float:
    gains = sum(grades.get(doc, 0) / math.log2(rank + 2) for rank, doc in enumerate(ranking[:depth]))
    ideal = sorted(grades.values(), reverse=True)[:depth]
    return gains / sum(grade / math.log2(rank + 2) for rank, grade in enumerate(ideal))


def recall(ranking: Sequence[str], grades: dict[str, int], depth: int) -> float:
    relevant = {doc for doc, grade in grades.items() if grade > 0}
    return len(relevant.intersection(ranking[:depth])) / len(relevant)


def words(text: str) -> list[str]:
    """Lower-case English stems, and jieba's search words for Chinese; punctuation falls away."""
    import rjieba
    import Stemmer

    stem = Stemmer.Stemmer("english").stemWord
    found: list[str] = []
    for run in re.findall(r"[一-鿿]+|[a-z0-9]+", text.lower()):
        found += [stem(run)] if run.isascii() else rjieba.cut_for_search(run)
    return found


def bm25(data: TracerSet, depth: int) -> Run:
    """BM25 with Lucene's IDF, k1 = 1.2, b = 0.75."""
    import bm25s

    ids = list(data.docs)
    index = bm25s.BM25(k1=1.2, b=0.75, method="lucene")
    index.index([words(content(row)) for row in data.docs.values()], show_progress=False)
    run: Run = {}
    for query, row in data.queries.items():
        scores = index.get_scores(words(row["text"]))
        run[query] = ranked(dict(zip(ids, map(float, scores), strict=True)))[:depth]
    return run


def embedding(data: TracerSet, model: Path, depth: int) -> Run:
    """Cosine of the tiny embedder, over all documents."""
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(str(model), device="cpu")
    ids = list(data.docs)
    docs = encoder.encode([content(row) for row in data.docs.values()], normalize_embeddings=True)
    queries = encoder.encode([row["text"] for row in data.queries.values()], normalize_embeddings=True)
    return {
        query: ranked(dict(zip(ids, map(float, docs @ vector), strict=True)))[:depth]
        for query, vector in zip(data.queries, queries, strict=True)
    }


def prompt_parts(template: str, instruction: str, query: str) -> tuple[str, str]:
    """The prompt up to the document and behind it; the space before the document belongs to the document."""
    head, tail = TEMPLATES[template].text(instruction, query, "\0").split("\0")
    return head.rstrip(" "), tail


def reranked(data: TracerSet, run: Run, model: Path, instruction: str, template: str = "qwen3") -> Run:
    """The candidates of ``run`` in the order of the tiny reranker's logit difference."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(model))
    network = AutoModelForCausalLM.from_pretrained(str(model), dtype=torch.float32).eval()
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])
    head_weight = network.get_output_embeddings().weight.detach()
    direction = head_weight[yes] - head_weight[no]

    def ids(text: str, **options: Any) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False, **options)["input_ids"])

    result: Run = {}
    for query, candidates in run.items():
        before, after = prompt_parts(template, instruction, data.queries[query]["text"])
        prefix, suffix = ids(before), ids(after)
        bodies = [ids(" " + content(data.docs[doc]), split_special_tokens=True) for doc, _ in candidates]
        batch = tokenizer.pad({"input_ids": [prefix + body + suffix for body in bodies]}, return_tensors="pt")
        positions = (batch["attention_mask"].cumsum(-1) - 1).clamp(min=0)
        with torch.inference_mode():
            hidden = network.model(**batch, position_ids=positions, use_cache=False).last_hidden_state[:, -1]
        scores = (hidden @ direction).tolist()
        result[query] = ranked({doc: score for (doc, _), score in zip(candidates, scores, strict=True)})
    return result


def measure(data: TracerSet, run: Run, of: Callable[[Sequence[str], dict[str, int]], float]) -> Floats:
    """One value per query, in the order of the qrels."""
    return np.array([of([doc for doc, _ in run[query]], grades) for query, grades in data.grades.items()])


def randomisation_p(one: Floats, other: Floats, rounds: int = 20_000, seed: int = 0) -> float:
    """Two-sided paired randomisation test on the mean difference."""
    difference = one - other
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=(rounds, difference.size))
    extreme = np.abs(signs @ difference) >= abs(difference.sum()) - 1e-12
    return float((extreme.sum() + 1) / (rounds + 1))


def report(folder: Path, assets: Path, split: str = "test", depth: int = 30, every: bool = False) -> dict[str, Any]:
    """All figures of the card: each stage, the steps between them, the instruction effect, and what stays wrong.

    One instruction of each meaning is measured, or ``every`` one and the second template as well.
    """
    data = load(folder, split)
    steered = np.array([data.queries[query]["steered"] for query in data.grades])
    chinese = np.array([data.queries[query]["lang"] == "zh" for query in data.grades])
    candidates = embedding(data, assets / "tracer-embedder", depth)
    runs = {"bm25": bm25(data, depth), "embedding": candidates}
    for name in INSTRUCTIONS if every else ("official", "service", "background-en"):
        runs[f"rerank/{name}"] = reranked(data, candidates, assets / "tracer-reranker", INSTRUCTIONS[name].text)
    if every:
        runs["rerank/official+eval-template"] = reranked(
            data, candidates, assets / "tracer-reranker", INSTRUCTIONS["official"].text, "qwen3-eval"
        )
    values = {name: measure(data, run, ndcg) for name, run in runs.items()}
    parts = {"all": np.ones_like(steered), "en": ~chinese, "zh": chinese, "steered": steered, "others": ~steered}
    return {
        "split": split,
        "candidates": depth,
        "recall": {
            name: {
                f"@{cut}": round(float(measure(data, run, lambda r, g, c=cut: recall(r, g, c)).mean()), 4)  # type: ignore[misc]
                for cut in (10, 30)
            }
            for name, run in (("bm25", runs["bm25"]), ("embedding", candidates))
        },
        "ndcg@10": {
            name: {part: round(float(value[mask].mean()), 4) for part, mask in parts.items()}
            for name, value in values.items()
        },
        "p": {
            "bm25 < embedding": randomisation_p(values["bm25"], values["embedding"]),
            "embedding < rerank/official": randomisation_p(values["embedding"], values["rerank/official"]),
            "steered: official < service": randomisation_p(
                values["rerank/official"][steered], values["rerank/service"][steered]
            ),
            "steered: background-en < official": randomisation_p(
                values["rerank/background-en"][steered], values["rerank/official"][steered]
            ),
        },
        "beaten_by": {name: beaten_by(data, run) for name, run in runs.items() if "+" not in name},
    }


def beaten_by(data: TracerSet, run: Run) -> dict[str, float]:
    """Share of pairs (answer, judged other document of a kind, both retrieved) in which the answer stands higher."""
    right: dict[str, int] = {}
    total: dict[str, int] = {}
    for query, grades in data.grades.items():
        place = {doc: rank for rank, (doc, _) in enumerate(run[query])}
        answers = [doc for doc, grade in grades.items() if grade == 2 and doc in place]
        for doc, grade in grades.items():
            if grade == 2 or doc not in place:
                continue
            row, need = data.docs[doc], data.queries[query]
            kind = (
                "near-name"
                if row["entity"] != need["entity"] and row["kind"] in ("answer", "restated", "literal")
                else row["kind"]
            )
            for answer in answers:
                total[kind] = total.get(kind, 0) + 1
                right[kind] = right.get(kind, 0) + (place[answer] < place[doc])
    return {kind: round(right[kind] / total[kind], 4) for kind in sorted(total)}
