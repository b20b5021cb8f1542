"""Engine ``packed``: the exact scores of a Qwen3 reranker with nothing computed twice and nothing padded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench.machine.device import torch_dtype
from bench.machine.meter import Stopwatch
from bench.rerankers.causal import CausalEngine
from bench.rerankers.checkpoint import Checkpoint
from bench.rerankers.prompt import PromptBuilder, check_positions, cut_pairs
from bench.rerankers.qwen3.attention import lay_out
from bench.rerankers.qwen3.kernels import choose_attention
from bench.rerankers.qwen3.layers import Prefix, forward
from bench.rerankers.qwen3.matmul import Matmul, Plain, Prepacked, can_prepack
from bench.rerankers.qwen3.packing import CARRIED, SYSTEM, Pack, Span, plan
from bench.rerankers.qwen3.quantise import quantiser
from bench.rerankers.qwen3.shape import unservable
from bench.rerankers.qwen3.weights import take_over
from bench.rerankers.scores import nest
from bench.types import ConfigError, ModelError, Request, Scored, Work

BUDGETS = {"cpu": 1024, "mps": 4096, "cuda": 32768}
"""Tokens of a forward pass by kind of device: enough to keep the products busy, little enough to stay in memory."""

ROW_STEP = 64
"""On a CPU the rows of a pass are filled up to a multiple of this: oneDNN makes and keeps a kernel for every number of
rows that it meets, and packs of any length would have it keep hundreds of megabytes of them."""


class Qwen3Reranker(CausalEngine):
    """A loaded Qwen3 reranker of any size.

    ``token_budget`` bounds the tokens of a forward pass, ``batch_size`` its documents; with neither, the device's own
    budget holds. ``deterministic`` scores each document in a pass of its own, so that its score is the same bit for
    bit whatever it is scored with. Raises ModelError for a model of another architecture.
    """

    name = "packed"
    takes = ("token_budget", "deterministic", "attention", "quantisation")
    own_batch_size = None

    def __init__(
        self,
        model: str,
        *,
        token_budget: int | None = None,
        deterministic: bool = False,
        attention: str = "auto",
        quantisation: str = "none",
        **options: Any,
    ) -> None:
        if token_budget is not None and token_budget < 1:
            raise ConfigError(f"token_budget is {token_budget}; it must be at least 1")
        self.deterministic, self.quantisation, self._asked = deterministic, quantisation, attention
        self._prefix: Prefix | None = None
        super().__init__(model, **options)
        if token_budget is None and self.batch_size is None:
            token_budget = BUDGETS[self.device.partition(":")[0]]
        self.token_budget = token_budget

    def _keep(self, loaded: Checkpoint) -> None:
        reason = unservable(loaded.model.config.to_dict())
        if reason is not None:
            raise ModelError(f"the packed engine cannot serve {loaded.name}: {reason}; set engine: transformers")
        self._builder = PromptBuilder(loaded.tokenizer, self.template, self.max_length)
        self._positions: int | None = loaded.model.config.max_position_embeddings
        self._weights = take_over(loaded.model, loaded.answer, self._matmul(), fold=self.dtype == "fp32")
        shape = self._weights.shape
        heads = (shape.heads, shape.kv_heads, shape.head_dim)
        self.attention, self._attention = choose_attention(self._asked, self.device, self.dtype, heads)

    @property
    def _step(self) -> int:
        return ROW_STEP if self.device == "cpu" else 1

    def _matmul(self) -> Callable[[Any], Matmul]:
        if self.quantisation != "none":
            quantise = quantiser(self.quantisation, self.device, self.dtype)
            return lambda weight: Plain(quantise(weight))
        return Prepacked if can_prepack(self.device, torch_dtype(self.dtype)) else Plain

    def score_many(
        self,
        requests: Sequence[Request],
        stages: Stopwatch | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Scored:
        """Logit differences, yes over no: per request one float per document, in the order given."""
        stages = stages or Stopwatch()
        with stages.time("tokenise"):
            prompts = [prompt for row in self._builder.build_many(requests) for prompt in row]
            packs = plan(
                prompts,
                self._builder.system,
                token_budget=self.token_budget,
                batch_size=self.batch_size,
                alone=self.deterministic,
            )
        check_positions(prompts, self._positions)
        with stages.time("rerank"):
            logits = self._logits(packs, len(prompts), progress)
        filling = sum(-pack.tokens % self._step for pack in packs)
        work = Work(
            pairs=len(prompts),
            forward_calls=len(packs),
            tokens=sum(map(len, prompts)),
            forward_tokens=sum(pack.tokens for pack in packs) + filling,
            padding_tokens=filling,
            truncated_pairs=sum(prompt.cut_tokens > 0 for prompt in prompts),
            truncated_tokens=sum(prompt.cut_tokens for prompt in prompts),
        )
        return Scored(nest(logits, requests), work, cut_pairs(prompts, requests))

    def _logits(self, packs: Sequence[Pack], count: int, progress: Callable[[int], None] | None) -> list[float]:
        """One logit per prompt, in order. Nothing is read back from the device before the last pack is under way."""
        import torch

        results, carried, done = [], None, 0
        with torch.inference_mode():
            system = self._system() if packs else None
            for pack in packs:
                logits, carried = self._forward(pack, [system, carried])
                results.append(logits)
                done += len(pack.documents)
                if progress is not None:
                    progress(done)
            values = torch.cat(results).tolist() if results else []
        ordered = [0.0] * count
        for place, value in zip((place for pack in packs for place in pack.documents), values, strict=True):
            ordered[place] = value
        return ordered

    def _forward(self, pack: Pack, prefixes: Sequence[Prefix | None]) -> tuple[Any, Prefix | None]:
        layout = lay_out(pack, [_length(prefix) for prefix in prefixes], self._step)
        return forward(self._weights, layout, self._attention(layout), prefixes, torch_dtype(self.dtype))

    def _system(self) -> Prefix:
        """Keys and values of the system turn, computed once in this engine's life."""
        if self._prefix is not None:
            return self._prefix
        import torch

        shape, system = self._weights.shape, self._builder.system
        nothing = (len(self._weights.layers), 2, 0, shape.kv_heads, shape.head_dim)
        prefix: Prefix = torch.empty(nothing, dtype=torch_dtype(self.dtype), device=self.device)
        if system:
            _, prefix = self._forward(Pack((Span(system, SYSTEM),), keep=CARRIED + 1), [prefix, None])
        self._prefix = prefix
        return prefix


def _length(prefix: Prefix | None) -> int:
    return 0 if prefix is None else int(prefix.shape[2])
