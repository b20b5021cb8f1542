"""Engine ``reference``: the tutorial's own computation, kept with its faults so that they can be measured.

It tokenises each prompt as one string with ``truncation=True``, pads on the left, asks for the logits of the whole
vocabulary at every position and takes exp(log_softmax([no, yes]))[yes] in the model's own number format. Its faults:

- A prompt over ``max_length`` loses its end, so the answer turn is gone and the score is read inside the document.
  (The model's README is not the same here: it cuts the pair to ``max_length`` less prefix and suffix, then adds both,
  and so keeps the suffix.)
- ``<|im_end|>`` in a document closes the user's turn.
- In fp16 and bf16 the probability takes few values, and high ones all become 1.0: documents tie.
- No position ids are given, so a padded row starts to count at its padding.
- Logits of batch x length x vocabulary are held, of which two per row are read.
- Pairs are batched in the order given, each query for itself, so short documents wait for long ones.

The scores are the tutorial's probabilities, 0 to 1, and not logit differences: turned back into those they would be
infinite where they are 1, and the ties, which are a fault to be seen, would be hidden. Ranks are comparable with other
engines'; scores are after a sigmoid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.machine.meter import Stopwatch
from bench.rerankers.causal import CausalEngine
from bench.rerankers.checkpoint import Checkpoint
from bench.rerankers.padded import left_padded
from bench.rerankers.prompt import check_request
from bench.rerankers.scores import nest
from bench.types import Request, Scored, Work


class ReferenceReranker(CausalEngine):
    """A causal reranker scored as the tutorial does it."""

    name = "reference"
    unit = "probability"
    loads_classifiers = False

    def _keep(self, loaded: Checkpoint) -> None:
        self._model, self._yes, self._no, self._pad = loaded.model, loaded.yes, loaded.no, loaded.pad

    def score_many(
        self,
        requests: Sequence[Request],
        stages: Stopwatch | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Scored:
        """Probabilities of "yes", 0 to 1, per request and document in the order given; higher is better."""
        stages = stages or Stopwatch()
        size = self.batch_size or 1
        values: list[float] = []
        cut_pairs: list[int] = []
        work = Work()
        for request in requests:
            check_request(request, self.template)
            before = work.truncated_pairs or 0
            for start in range(0, len(request.documents), size):
                with stages.time("tokenise"):
                    rows, cut = self._tokenise(request, request.documents[start : start + size])
                with stages.time("rerank"):
                    values += self._probabilities(rows)
                width = max(map(len, rows))
                work += Work(
                    pairs=len(rows),
                    forward_calls=1,
                    tokens=sum(map(len, rows)),
                    forward_tokens=width * len(rows),
                    padding_tokens=sum(width - len(row) for row in rows),
                    truncated_pairs=sum(count > 0 for count in cut),
                    truncated_tokens=sum(cut),
                )
                if progress is not None:
                    progress(work.pairs)
            cut_pairs.append((work.truncated_pairs or 0) - before)
        return Scored(nest(values, requests), work, cut_pairs)

    def _tokenise(self, request: Request, documents: Sequence[str]) -> tuple[list[list[int]], list[int]]:
        """Token ids of each joined prompt, cut at the end, and how many were cut."""
        texts = [self.template.text(request.instruction, request.query, document) for document in documents]
        whole = self.tokenizer(texts, return_attention_mask=False, verbose=False)["input_ids"]
        kept = self.tokenizer(
            texts, truncation=True, max_length=self.max_length, return_attention_mask=False, verbose=False
        )["input_ids"]
        return kept, [len(all_ids) - len(ids) for all_ids, ids in zip(whole, kept, strict=True)]

    def _probabilities(self, rows: Sequence[Sequence[int]]) -> list[float]:
        import torch

        ids, mask, _ = left_padded(rows, self._pad)
        with torch.inference_mode():
            logits = self._model(
                input_ids=ids.to(self.device), attention_mask=mask.to(self.device), use_cache=False
            ).logits
            answers = torch.stack([logits[:, -1, self._no], logits[:, -1, self._yes]], dim=1)  # [B, 2], model dtype
            probabilities: list[float] = torch.nn.functional.log_softmax(answers, dim=1)[:, 1].exp().tolist()
        return probabilities
