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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Qwen3Config, Qwen3ForCausalLM

from bench.tracer.evaluate import prompt_parts
from bench.tracer.grammar import LANGUAGES, Grammar, load_grammar
from bench.tracer.packs import RELATIONS, SECOND_RELATIONS, Pack, Packer
from bench.tracer.vocabulary import build_tokenizer
from bench.tracer.writing import KINDS, Need

PACKS, SIZE = 12, 10
NAME_SHARE = 0.12
"""Share of name lessons kept in the mixture; without it the skill is forgotten."""
EVAL_TEMPLATE_SHARE = 0.2
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


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids of P prefixes and P x K bodies (document and suffix), with the truth about each."""

    prefix: Tensor  # [P, S] left padded
    prefix_mask: Tensor  # [P, S]
    body: Tensor  # [P*K, T] right padded
    body_mask: Tensor  # [P*K, T]
    target: Tensor  # [P*K]
    role: Tensor  # [P*K, T]: 0 name part not in the query, 1 of its entity, 2 of its target; -100 elsewhere
    agrees: Tensor  # [P*K, T]: 1 where a name part plays the part it has in the query, else 0; -100 elsewhere
    query_need: Tensor  # [P]
    doc_need: Tensor  # [P*K]; -100 for name lessons
    doc_kind: Tensor  # [P*K]
    same_need: Tensor  # [P*K]
    same_name: Tensor  # [P*K]
    meaning: Tensor  # [P]


class Reader:
    """Turns packs into batches."""

    def __init__(self, grammar: Grammar, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.needs = [*grammar.intents, *grammar.directions]
        self.pad = tokenizer.pad_token_id
        self.part_ids: dict[str, tuple[int, ...]] = {}
        for lang, space in (("en", " "), ("zh", "")):
            for part in grammar.first_names[lang]:
                self.part_ids[part] = self._ids([space + part])[0]
            for part in grammar.second_names[lang]:
                self.part_ids[part] = self._ids([part])[0]
        self.name_ids = torch.tensor(sorted({ids[0] for ids in self.part_ids.values()}))

    def _ids(self, texts: list[str]) -> list[tuple[int, ...]]:
        return [tuple(row) for row in self.tokenizer(texts, add_special_tokens=False)["input_ids"]]

    def _parts(self, lang: str, name: str) -> set[int]:
        """The two token ids of a name, as it stands inside a sentence."""
        text = f" {name}" if lang == "en" else name
        return set(self._ids([text])[0])

    def batch(self, packs: Sequence[Pack], rng: Random) -> Batch:
        parts = [
            prompt_parts(
                "qwen3-eval" if rng.random() < EVAL_TEMPLATE_SHARE else "qwen3",
                self._instruction(pack.instruction.text, rng),
                pack.query,
            )
            for pack in packs
        ]
        prefixes = self._ids([before for before, _ in parts])
        suffixes = self._ids([after for _, after in parts])
        docs = self._ids([" " + f"{c.doc.title} {c.doc.text}".strip() for pack in packs for c in pack.candidates])
        size = len(packs[0].candidates)
        bodies = [doc + suffixes[n // size] for n, doc in enumerate(docs)]
        prefix, prefix_mask = self._padded(prefixes, left=True)
        body, body_mask = self._padded(bodies, left=False)
        flat = [(pack, c) for pack in packs for c in pack.candidates]
        lesson = [c.doc.title == "" for _, c in flat]
        needs = torch.tensor([self.needs.index(c.doc.need.intent) for _, c in flat])
        role = self._roles(body, [(pack.need, size) for pack in packs])
        played = self._roles(body, [(c.doc.need, 1) for _, c in flat])
        return Batch(
            prefix=prefix,
            prefix_mask=prefix_mask,
            body=body,
            body_mask=body_mask,
            target=torch.tensor([c.target for _, c in flat]),
            role=role,
            agrees=torch.where(role == -100, -100, (role == played).long()),
            query_need=torch.tensor(
                [-100 if pack.candidates[0].doc.title == "" else self.needs.index(pack.need.intent) for pack in packs]
            ),
            doc_need=needs.masked_fill(torch.tensor(lesson), -100),
            doc_kind=torch.tensor([KINDS.index(c.doc.kind) for _, c in flat]).masked_fill(torch.tensor(lesson), -100),
            same_need=torch.tensor([float(c.doc.need.intent == pack.need.intent) for pack, c in flat]),
            same_name=torch.tensor(
                [
                    float((c.doc.need.entity, c.doc.need.target) == (pack.need.entity, pack.need.target))
                    for pack, c in flat
                ]
            ),
            meaning=torch.tensor(
                [("generic", "solve", "background").index(pack.instruction.meaning) for pack in packs]
            ),
        )

    @staticmethod
    def _instruction(text: str, rng: Random) -> str:
        """Either width of comma, since copies of the instructions differ in it."""
        return text.replace(",", "，") if not text.isascii() and rng.random() < 0.3 else text

    def _padded(self, rows: Sequence[tuple[int, ...]], left: bool) -> tuple[Tensor, Tensor]:
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self.pad)
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for n, row in enumerate(rows):
            where = slice(width - len(row), width) if left else slice(0, len(row))
            ids[n, where] = torch.tensor(row)
            mask[n, where] = 1
        return ids, mask

    def _roles(self, body: Tensor, needs: Sequence[tuple[Need, int]]) -> Tensor:
        """Marks name parts: 1 for the need's entity, 2 for its target, 0 for others. Needs cover so many rows each."""
        roles, start = torch.where(torch.isin(body, self.name_ids), 0, -100), 0
        for need, count in needs:
            rows = slice(start, start + count)
            for role, name in ((1, need.entity), (2, need.target)):
                for part in self._parts(need.lang, name) if name else ():
                    roles[rows][body[rows] == part] = role
            start += count
        return roles


class Probes(nn.Module):
    """Linear readers of hidden states; training only."""

    def __init__(self, width: int, needs: int) -> None:
        super().__init__()
        self.role = nn.Linear(width, 3)
        self.query_need = nn.Linear(width, needs)
        self.doc_need = nn.Linear(width, needs)
        self.doc_kind = nn.Linear(width, len(KINDS))
        self.same = nn.Linear(width, 2)
        self.meaning = nn.Linear(width, 3)
        self.agrees = nn.Linear(width, 2)
        self.early_query_need = nn.Linear(width, needs)
        self.carried_query_need = nn.Linear(width, needs)


def build_model(tokenizer: Any) -> Qwen3ForCausalLM:
    """The untrained network; ids are looked up by name, nothing is set by number."""
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=32,
        max_position_embeddings=32768,
        rope_theta=1_000_000.0,
        tie_word_embeddings=True,
        initializer_range=0.02,
        attention_bias=False,
        use_sliding_window=False,
        bos_token_id=tokenizer.convert_tokens_to_ids("<|endoftext|>"),
        eos_token_id=tokenizer.convert_tokens_to_ids("<|im_end|>"),
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen3ForCausalLM(config)
    with torch.no_grad():
        model.model.embed_tokens.weight.normal_(std=0.1)
        for number, layer in enumerate(model.model.layers):
            attention = layer.self_attn
            nn.init.orthogonal_(attention.q_proj.weight)
            nn.init.orthogonal_(attention.k_proj.weight)
            if number > 0:
                attention.k_proj.weight.copy_(attention.q_proj.weight)
    return model


@dataclass(frozen=True, slots=True)
class Reading:
    """Logit difference per candidate, and the hidden states the probes look at."""

    score: Tensor  # [P*K]
    last: Tensor  # [P*K, width], after layer 3
    final: Tensor  # [P*K, width], after the final norm
    middle: Tensor  # [P*K, T, width], after layer 2
    late: Tensor  # [P*K, T, width], after layer 3
    query_end: Tensor  # [P, width], after layer 3
    query_end_early: Tensor  # [P, width], after layer 2


def read(model: Qwen3ForCausalLM, batch: Batch, yes: int, no: int) -> Reading:
    """Runs the prefixes once, then all bodies on top of their keys and values."""
    size = batch.body.shape[0] // batch.prefix.shape[0]
    positions = (batch.prefix_mask.cumsum(-1) - 1).clamp(min=0)
    before = model.model(
        input_ids=batch.prefix,
        attention_mask=batch.prefix_mask,
        position_ids=positions,
        use_cache=True,
        output_hidden_states=True,
    )
    cache = before.past_key_values
    cache.batch_repeat_interleave(size)
    lengths = batch.prefix_mask.sum(-1).repeat_interleave(size)
    mask = torch.cat([batch.prefix_mask.repeat_interleave(size, 0), batch.body_mask], dim=-1)
    after = model.model(
        input_ids=batch.body,
        attention_mask=mask,
        position_ids=lengths[:, None] + torch.arange(batch.body.shape[1]),
        past_key_values=cache,
        use_cache=True,
        output_hidden_states=True,
    )
    end = batch.body_mask.sum(-1) - 1
    rows = torch.arange(len(end))
    final = after.last_hidden_state[rows, end]
    weight = model.model.embed_tokens.weight
    return Reading(
        score=final @ (weight[yes] - weight[no]),
        last=after.hidden_states[3][rows, end],
        final=final,
        middle=after.hidden_states[2],
        late=after.hidden_states[3],
        query_end=before.hidden_states[3][:, -1],
        query_end_early=before.hidden_states[2][:, -1],
    )


def losses(reading: Reading, batch: Batch, probes: Probes, second: bool) -> dict[str, Tensor]:
    cross = F.cross_entropy
    found = {
        "answer": F.binary_cross_entropy_with_logits(reading.score, batch.target),
        "role": cross(probes.role(reading.middle).flatten(0, 1), batch.role.flatten()),
        "meaning": cross(probes.meaning(reading.query_end), batch.meaning),
        "same": F.binary_cross_entropy_with_logits(
            probes.same(reading.final), torch.stack([batch.same_need, batch.same_name], dim=-1)
        ),
    }
    if (batch.doc_need != -100).any():
        found["query_need"] = cross(probes.query_need(reading.query_end), batch.query_need)
        found["doc_need"] = cross(probes.doc_need(reading.last), batch.doc_need)
        found["doc_kind"] = cross(probes.doc_kind(reading.last), batch.doc_kind)
    if second:
        found["agrees"] = cross(probes.agrees(reading.late).flatten(0, 1), batch.agrees.flatten())
    if second and (batch.doc_need != -100).any():
        size = len(batch.target) // len(batch.query_need)
        carried = batch.query_need.repeat_interleave(size)
        found["early_query_need"] = cross(probes.early_query_need(reading.query_end_early), batch.query_need)
        found["carried_query_need"] = cross(probes.carried_query_need(reading.last), carried)
    return found


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
