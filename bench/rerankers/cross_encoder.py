"""Engine ``sentence-transformers``: that library's ``CrossEncoder``, as its users run it; a peer to measure against.

Three kinds of checkpoint, told apart by their files:

- a causal reranker such as Qwen3-Reranker: the library reads the logit of "yes" less that of "no" at the last position
- a one-label conversion of such a model, with a head called ``score``: the same prompt, one number at its end
- an encoder with one label such as bge-reranker: it reads the pair as its tokenizer joins it, and knows neither
  template nor instruction

The first two are prompted by a chat template with the roles query and document, and the instruction as the system
message. A checkpoint saved by the library brings its own, which stays. Any other is handed ours, and the prompt is then
ours token for token, also where it is cut: the library cuts the joined prompt at its end and writes the template's tail
over the last tokens that are left (its ``restore_suffix``, on by default).

What differs from the engine ``transformers``: control tokens in the data are control tokens; a query too long for
``max_length`` is cut and its document lost, where we refuse; in fp16 and bf16 both logits are rounded before one is
taken from the other, so scores tie; batches are sorted by characters, not by tokens. The head is computed for the whole
vocabulary, though at the last position only.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.hub import ModelFiles, code_was_run, fingerprint, locate_model, own_code
from bench.machine.device import resolve_device, resolve_dtype
from bench.machine.meter import Stopwatch
from bench.rerankers.base import Engine
from bench.rerankers.cross_encoder_files import Kind, kind_of, load_cross_encoder, longest_prompt
from bench.rerankers.forward_log import ForwardLog
from bench.rerankers.prompt import check_request
from bench.rerankers.scores import nest
from bench.rerankers.template import find_template
from bench.types import ConfigError, Dtype, Hub, ModelError, Request, Scored, Work


class CrossEncoderReranker(Engine):
    """A reranker loaded by sentence-transformers. Its scores are logits: the library's sigmoid is switched off.

    ``max_length`` is lowered to what the model takes, and a note says so. Raises ModelError, DeviceError, ConfigError.
    """

    name = "sentence-transformers"
    takes = ("trust_remote_code",)

    def __init__(
        self,
        model: str | Path,
        *,
        device: str | None = None,
        dtype: Dtype = "auto",
        batch_size: int | None = None,
        max_length: int = 8192,
        template: str = "qwen3",
        revision: str | None = None,
        hub: Hub = "huggingface",
        trust_remote_code: bool = False,
    ) -> None:
        batch_size = self.own_batch_size if batch_size is None else batch_size
        if batch_size is None or batch_size < 1 or max_length < 1:
            raise ConfigError(f"batch_size {batch_size} and max_length {max_length} must be at least 1")
        self.template = find_template(template)
        self.device = resolve_device(device)
        self.dtype = resolve_dtype(dtype, self.device)
        self.batch_size = batch_size
        self._name = str(model)
        self._trusted = trust_remote_code
        self._path, self._revision = locate_model(self._name, revision, hub, trusted=trust_remote_code)
        start = time.perf_counter()
        self._kind = kind_of(self._path)
        self._model = load_cross_encoder(
            self._name, self._path, self._kind, self.template, self.device, self.dtype, trusted=trust_remote_code
        )
        self.load_s = time.perf_counter() - start
        self.max_length = min(max_length, longest_prompt(self._model))
        self._model.max_seq_length = self.max_length
        self.notes = _notes(self._kind, template, max_length, self.max_length)
        if trust_remote_code and own_code(self._path):
            self.notes = (*self.notes, code_was_run(self._name, self._revision))
        self._log = ForwardLog(self._model)

    @property
    def files(self) -> ModelFiles:
        return ModelFiles(self._path, self._revision, fingerprint(self._path, code=self._trusted))

    def score_many(
        self,
        requests: Sequence[Request],
        stages: Stopwatch | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Scored:
        """Logits, per request one float per document, in the order given.

        One ``predict`` for each instruction, over the pairs of all its requests, which the library sorts and batches.
        ``tokenise`` is the time its tokenizer took between the batches, ``rerank`` the rest. Prompts that may have been
        cut are counted again afterwards, outside both. Raises DataError for text that is not Unicode, ConfigError for
        an instruction that the template has no place for, ScoreError for a score that is not finite, ModelError for
        what the library refuses.
        """
        stages = stages or Stopwatch()
        groups: dict[str, list[int]] = defaultdict(list)
        pairs: list[tuple[str, str]] = []
        for request in requests:
            instruction = "" if self._kind.encoder else request.instruction
            check_request(Request(request.query, request.documents, instruction), self.template)
            for document in request.documents:
                groups[instruction].append(len(pairs))
                pairs.append((request.query, document))
        scores = [0.0] * len(pairs)
        with self._log.recording(self.max_length, progress) as seen, stages.time("rerank"):
            for instruction, members in groups.items():
                values = self._predict([pairs[index] for index in members], instruction or None)
                for index, value in zip(members, values, strict=True):
                    scores[index] = value
        stages.seconds["tokenise"] += seen.tokenise_s
        stages.seconds["rerank"] -= seen.tokenise_s
        lost = self._log.cut_tokens(seen)
        work = Work(
            pairs=len(pairs),
            forward_calls=seen.forward_calls,
            tokens=seen.tokens,
            forward_tokens=seen.forward_tokens,
            padding_tokens=seen.forward_tokens - seen.tokens,
            truncated_pairs=len(lost),
            truncated_tokens=sum(lost),
        )
        return Scored(nest(scores, requests), work)

    def _predict(self, pairs: Sequence[tuple[str, str]], instruction: str | None) -> list[float]:
        import torch

        try:
            values = self._model.predict(
                list(pairs),
                prompt=instruction,
                batch_size=self.batch_size,
                show_progress_bar=False,
                convert_to_tensor=True,
            )
        except (torch.OutOfMemoryError, MemoryError):
            raise
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            first = (str(error).strip() or "no message").splitlines()[0]
            raise ModelError(
                f"sentence-transformers could not score with the model {self._name!r}: {type(error).__name__}: "
                f"{first[:400]}"
            ) from error
        scores: list[float] = values.float().tolist()
        return scores


def _notes(kind: Kind, template: str, asked: int, used: int) -> tuple[str, ...]:
    notes = []
    if kind.encoder:
        notes.append("an encoder of pairs: neither the template nor the instruction plays a part")
    elif kind.own_prompt:
        notes.append(f"the checkpoint brings its own chat template, which was used in place of {template!r}")
    if used < asked:
        notes.append(f"prompts are cut at {used} tokens, the most that the model takes; max_length asked for {asked}")
    return tuple(notes)
