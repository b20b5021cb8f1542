"""Trains the tiny embedder: a bag of token vectors, pulled together for paraphrases of one need, in seconds.

It learns what a bag of tokens can learn: which paraphrases share an intent, and which name parts differ. It cannot
learn word order or an instruction, and it is kept small and short of training so that it leaves work for a reranker.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random

from bench.tracer.grammar import LANGUAGES, load_grammar
from bench.tracer.packs import Packer
from bench.tracer.vocabulary import build_tokenizer

DIMENSION = 24
STEPS = 150
PACKS = 48
TEMPERATURE = 0.06
SEED = 11
PULLED = ("answer", "restated", "literal", "background", "direction")
"""One document of these relations is a query's positive; the other queries' positives are its negatives."""


def train(out: Path, steps: int = STEPS, seed: int = SEED) -> dict[str, object]:
    """InfoNCE with in-batch negatives only, the plain recipe: no mined negatives, so no lesson about traps."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    torch.manual_seed(seed)
    grammar = load_grammar()
    tokenizer = build_tokenizer(grammar)
    packer = Packer(grammar, "train", Random(seed))
    table = torch.nn.EmbeddingBag(len(tokenizer), DIMENSION, mode="mean")
    torch.nn.init.normal_(table.weight, std=0.1)
    optimiser = torch.optim.Adam(table.parameters(), lr=0.01)

    def encode(texts: list[str]) -> torch.Tensor:
        rows = tokenizer(texts, add_special_tokens=False)["input_ids"]
        offsets = torch.tensor([0, *(len(row) for row in rows[:-1])]).cumsum(0)
        flat = torch.tensor([token for row in rows for token in row])
        return torch.nn.functional.normalize(table(flat, offsets), dim=-1)

    started, losses = time.perf_counter(), list[float]()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 0.01 * min(1.0, 2 * (1 - step / steps))
        packs = [packer.pack(8, lang) for lang in LANGUAGES * (PACKS // 2)]
        queries = encode([pack.query for pack in packs])
        chosen = [packer.rng.choice([c for c in pack.candidates if c.relation in PULLED]) for pack in packs]
        scores = queries @ encode([f"{c.doc.title} {c.doc.text}" for c in chosen]).T / TEMPERATURE
        loss = torch.nn.functional.cross_entropy(scores, torch.arange(len(packs)))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
        if step % 100 == 0:
            print(f"step {step} loss {sum(losses[-100:]) / len(losses[-100:]):.4f}", flush=True)
    weights = table.weight.detach()
    module = StaticEmbedding(tokenizer.backend_tokenizer, embedding_weights=weights.numpy())
    SentenceTransformer(modules=[module], device="cpu").save(str(out), create_model_card=False)
    figures: dict[str, object] = {
        "steps": steps,
        "seed": seed,
        "packs_per_step": PACKS,
        "seconds": round(time.perf_counter() - started, 1),
        "loss_last_100": round(sum(losses[-100:]) / len(losses[-100:]), 4),
        "parameters": weights.numel(),
    }
    (out / "training.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return figures
