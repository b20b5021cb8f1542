"""The tiny reranker's network, the probes that teach it, and what they ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Qwen3Config, Qwen3ForCausalLM

from bench.tracer.batches import Batch
from bench.tracer.writing import KINDS


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
