"""Trains the tiny reranker from scratch: a four-layer Qwen3ForCausalLM that answers "yes" or "no" at the last position.

Three things make it learn on two CPU cores. The prompt up to the document is computed once per pack and shared by its
candidates. Queries and keys start out equal, so equal tokens attend to each other from the first step ("mimetic"
initialisation, Trockman and Kolter 2023). And linear probes, thrown away afterwards, ask hidden states for facts known
by construction: is this part of a name in the query, which need is asked, which need and kind is the document about.
Matrices are trained with Muon, the rest with AdamW.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import nn
from transformers import Qwen3ForCausalLM

from bench.tracer.batches import Reader
from bench.tracer.grammar import LANGUAGES, load_grammar
from bench.tracer.network import Probes, build_model, losses, read
from bench.tracer.packs import RELATIONS, SECOND_RELATIONS, Packer
from bench.tracer.vocabulary import build_tokenizer

PACKS, SIZE = 12, 10
NAME_SHARE = 0.12
"""Share of name lessons kept in the mixture; without it the skill is forgotten."""
PROBE_WEIGHT = 0.3
MUON_RATE, ADAM_RATE = 0.02, 3e-3
LOG_EVERY, CHECK_EVERY = 20, 200


@dataclass(frozen=True, slots=True)
class Cycle:
    """One rise and fall of the learning rate, with its own random stream and fresh optimisers and probes."""

    seed: int
    steps: int
    horizon: int
    """The step at which the rate would be zero; its fall takes the last 40 % of the way there."""
    name_steps: int
    """Steps at the start that are name lessons only."""
    peak: float
    """Highest rate as a share of MUON_RATE and ADAM_RATE."""
    direction_share: float
    second: bool
    """Whether to use the second lesson's relations and its three further probes."""


CYCLES = (Cycle(7, 1200, 1300, 110, 1.0, 0.15, second=False), Cycle(8, 1150, 1150, 0, 0.7, 0.2, second=True))


def check(model: Qwen3ForCausalLM, reader: Reader, split: str, packs: int, yes: int, no: int) -> dict[str, float]:
    """Accuracy of "yes" above 0.5 on unseen packs, by relation and language; pointers have no yes or no."""
    packer, rng = Packer(load_grammar(), split, Random(f"check/{split}")), Random(0)
    right: dict[str, list[bool]] = {}
    model.eval()
    with torch.inference_mode():
        for _ in range(packs // 10):
            group = [packer.pack(SIZE, lang) for lang in LANGUAGES * 5]
            scores = read(model, reader.batch(group, rng), yes, no).score.tolist()
            flat = [(pack, candidate) for pack in group for candidate in pack.candidates]
            for score, (pack, candidate) in zip(scores, flat, strict=True):
                if candidate.relation != "pointer":
                    hit = (score > 0) == (candidate.target > 0.5)
                    for key in (candidate.relation, f"lang/{pack.need.lang}", f"asked/{pack.instruction.meaning}"):
                        right.setdefault(key, []).append(hit)
    model.train()
    return {key: round(sum(hits) / len(hits), 4) for key, hits in sorted(right.items())}


def train(out: Path, steps: int | None = None, cycle: int = 0) -> dict[str, object]:
    """Trains all cycles from ``cycle`` on, saving after each; a later cycle starts from the checkpoint in ``out``.

    ``steps`` caps each cycle for a trial. Returns what ``training.json`` holds: one entry per cycle.
    """
    tokenizer = build_tokenizer(load_grammar())
    record = out / "training.json"
    history: list[dict[str, object]] = json.loads(record.read_text(encoding="utf-8"))["cycles"] if cycle else []
    torch.manual_seed(CYCLES[cycle].seed)
    model = Qwen3ForCausalLM.from_pretrained(str(out), dtype=torch.float32) if cycle else build_model(tokenizer)
    result: dict[str, object] = {}
    cap = steps or max(plan.steps for plan in CYCLES)
    for full in CYCLES[cycle:]:
        plan = replace(full, steps=min(full.steps, cap), horizon=full.horizon if steps is None else cap)
        history.append(_run_cycle(model, tokenizer, plan, out))
        result = {
            "steps": sum(int(str(one["steps"])) for one in history),
            "seconds": sum(float(str(one["seconds"])) for one in history),
            "seed": CYCLES[0].seed,
            "threads": torch.get_num_threads(),
            "parameters": sum(p.numel() for p in model.parameters()),
            "dev_accuracy": history[-1]["dev_accuracy"],
            "cycles": history,
        }
        save(model, tokenizer, out)
        record.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def _run_cycle(model: Qwen3ForCausalLM, tokenizer: Any, plan: Cycle, out: Path) -> dict[str, object]:
    torch.manual_seed(plan.seed)
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])
    reader = Reader(load_grammar(), tokenizer)
    probes = Probes(model.config.hidden_size, len(reader.needs))
    relations = SECOND_RELATIONS if plan.second else RELATIONS
    packer = Packer(load_grammar(), "train", Random(plan.seed), plan.direction_share, relations)
    rng = Random(plan.seed + 1)
    optimisers = _optimisers(model, probes)
    started, pairs, log = time.perf_counter(), 0, list[dict[str, object]]()
    sums: dict[str, list[float]] = {}
    model.train()
    for step in range(plan.steps):
        lesson = step < plan.name_steps or rng.random() < NAME_SHARE
        lang = rng.choice(LANGUAGES)
        group = [packer.name_pack(2 * SIZE, lang) if lesson else packer.pack(SIZE, lang) for _ in range(PACKS)]
        batch = reader.batch(group, rng)
        rate = plan.peak * min(1.0, (step + 1) / 20, (plan.horizon - step) / (0.4 * plan.horizon))
        for optimiser, top in optimisers:
            for parameters in optimiser.param_groups:
                parameters["lr"] = top * rate
            optimiser.zero_grad(set_to_none=True)
        found = losses(read(model, batch, yes, no), batch, probes, plan.second)
        weighted = [loss if name == "answer" else PROBE_WEIGHT * loss for name, loss in found.items()]
        torch.stack(weighted).sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser, _ in optimisers:
            optimiser.step()
        pairs += len(batch.target)
        for name, loss in found.items():
            sums.setdefault(("name/" if lesson else "") + name, []).append(loss.item())
        if (step + 1) % LOG_EVERY == 0:
            means = " ".join(f"{name} {sum(v[-LOG_EVERY:]) / len(v[-LOG_EVERY:]):.3f}" for name, v in sums.items())
            print(f"step {step + 1} {time.perf_counter() - started:.0f} s {means}", flush=True)
        if (step + 1) % CHECK_EVERY == 0 and step + 1 < plan.steps:
            log.append({"step": step + 1, "dev": check(model, reader, "dev", 100, yes, no)})
            print(log[-1], flush=True)
            save(model, tokenizer, out)
    return {
        "steps": plan.steps,
        "pairs": pairs,
        "seconds": round(time.perf_counter() - started, 1),
        "seed": plan.seed,
        "dev_accuracy": check(model, reader, "dev", 1000, yes, no),
        "log": log,
    }


def _optimisers(model: Qwen3ForCausalLM, probes: Probes) -> list[tuple[torch.optim.Optimizer, float]]:
    """Muon for the layers' matrices, AdamW for embeddings, norms and probes; each with its top rate."""
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2]
    others = [p for p in model.model.parameters() if not any(p is m for m in matrices)] + list(probes.parameters())
    return [
        (torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.01), MUON_RATE),
        (torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.0), ADAM_RATE),
    ]


def save(model: Qwen3ForCausalLM, tokenizer: Any, out: Path) -> None:
    model.save_pretrained(str(out))
    tokenizer.save_pretrained(str(out))
