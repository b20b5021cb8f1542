"""Engine ``transformers``: one padded batch at a time through the library's own model; slower than ``packed``, general.

The score is the difference of the "yes" and "no" logits at the prompt's last position. Only these two rows of the head
are ever used: last hidden state times ``w_yes - w_no``, in fp32. Full logits of 32 pairs of 1,024 tokens are 9.3 GiB in
bf16, and a half-precision logit near 18 has steps of 0.07, so that scores tie and the order among them is chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench.machine.meter import Stopwatch
from bench.rerankers.causal import CausalEngine
from bench.rerankers.checkpoint import Checkpoint
from bench.rerankers.prompt import Prompt, PromptBuilder, check_positions, cut_pairs
from bench.rerankers.scores import nest
from bench.types import Request, Scored, Work


class PaddedReranker(CausalEngine):
    """A loaded reranker: any causal language model that has "yes" and "no", or its one-label conversion."""

    name = "transformers"
    takes = ("trust_remote_code",)

    def _keep(self, loaded: Checkpoint) -> None:
        self._builder = PromptBuilder(loaded.tokenizer, self.template, self.max_length)
        self._pad = loaded.pad
        self._positions: int | None = getattr(loaded.model.config, "max_position_embeddings", None)
        self._backbone = loaded.model.base_model  # what is left of the head, when it is not tied, is freed
        self._direction, self._offset = loaded.answer

    def score_many(
        self,
        requests: Sequence[Request],
        stages: Stopwatch | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Scored:
        """Logit differences, yes over no: per request one float per document, in the order given.

        Pairs of all requests share batches, sorted by length, the longest first, so that memory runs out at once or
        not at all. ``progress`` is told the number of pairs done so far. Raises DataError or ConfigError for a text
        that cannot be a prompt, ScoreError for a score that is not a number.
        """
        stages = stages or Stopwatch()
        with stages.time("tokenise"):
            prompts = [prompt for row in self._builder.build_many(requests) for prompt in row]
        check_positions(prompts, self._positions)
        with stages.time("rerank"):
            differences, padding_tokens, forward_calls = self._differences(prompts, progress)
        work = Work(
            pairs=len(prompts),
            forward_calls=forward_calls,
            tokens=sum(map(len, prompts)),
            forward_tokens=sum(map(len, prompts)) + padding_tokens,
            padding_tokens=padding_tokens,
            truncated_pairs=sum(prompt.cut_tokens > 0 for prompt in prompts),
            truncated_tokens=sum(prompt.cut_tokens for prompt in prompts),
        )
        return Scored(nest(differences, requests), work, cut_pairs(prompts, requests))

    def _differences(
        self, prompts: Sequence[Prompt], progress: Callable[[int], None] | None
    ) -> tuple[list[float], int, int]:
        """Per prompt the logit difference, in order; then padding tokens and forward calls.

        Nothing is read back from the device before the last batch is under way.
        """
        import torch

        order = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
        size = self.batch_size or 1
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        results, padding_tokens, done = [], 0, 0
        with torch.inference_mode():
            for batch in batches:
                chosen = [prompts[index].tokens for index in batch]
                padding_tokens += len(chosen) * len(chosen[0]) - sum(map(len, chosen))
                results.append(self._forward(chosen))
                done += len(batch)
                if progress is not None:
                    progress(done)
            values = torch.cat(results).tolist() if results else []
        differences = [0.0] * len(prompts)
        for index, value in zip(order, values, strict=True):
            differences[index] = value
        return differences, padding_tokens, len(batches)

    def _forward(self, rows: Sequence[Sequence[int]]) -> Any:
        """Token ids of a batch -> logit differences, float32 [B], on the device."""
        ids, mask, positions = left_padded(rows, self._pad)
        hidden = self._backbone(
            input_ids=ids.to(self.device),
            attention_mask=mask.to(self.device),
            position_ids=positions.to(self.device),
            use_cache=False,
        ).last_hidden_state  # [B, L, H]
        return hidden[:, -1].float() @ self._direction + self._offset


def left_padded(rows: Sequence[Sequence[int]], pad: int) -> tuple[Any, Any, Any]:
    """Token ids, mask and positions, int64 [B, L] each: rows end together and count from 0 at their first token."""
    import torch

    width = max(map(len, rows))
    ids = torch.full((len(rows), width), pad)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for row, tokens in enumerate(rows):
        ids[row, width - len(tokens) :] = torch.tensor(tokens)
        mask[row, width - len(tokens) :] = 1
    return ids, mask, (mask.cumsum(dim=1) - 1).clamp(min=0)
