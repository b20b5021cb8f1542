"""What really enters a ``CrossEncoder``'s model: counted where it enters, not computed from what was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

WHOLE = {"text": {"truncation": False, "verbose": False}}


@dataclass(slots=True)
class Seen:
    """One recording. ``tokens`` are without padding, ``forward_tokens`` with it, special tokens included in both.

    ``full`` holds the pairs whose prompt has reached the longest length, with the system message each was sent with:
    only these can have been cut.
    """

    forward_calls: int = 0
    forward_tokens: int = 0
    tokens: int = 0
    tokenise_s: float = 0.0
    waiting: int = 0
    done: int = 0
    full: list[tuple[Any, str | None]] = field(default_factory=list)


class ForwardLog:
    """Listens to a loaded ``CrossEncoder``: its ``preprocess`` and its backbone's forward pass.

    Reads shapes and what is still on the CPU, so that a device is never waited for.
    """

    def __init__(self, model: Any) -> None:
        self._preprocess, self._seen, self._longest = model.preprocess, Seen(), 0
        self._progress: Callable[[int], None] | None = None
        model.preprocess = self._watched_preprocess
        backbone = model.model.base_model  # the library calls the outer model's forward directly, past its hooks
        backbone.register_forward_pre_hook(self._before, with_kwargs=True)
        backbone.register_forward_hook(self._after)

    @contextmanager
    def recording(self, longest: int, progress: Callable[[int], None] | None) -> Iterator[Seen]:
        """Counts from nothing; ``longest`` is the length at which prompts are cut."""
        self._seen, self._longest, self._progress = Seen(), longest, progress
        try:
            yield self._seen
        finally:
            self._progress = None

    def cut_tokens(self, seen: Seen) -> list[int]:
        """How many tokens each cut prompt lost: those that may have been are tokenised again, whole."""
        lost = []
        for pair, prompt in seen.full:
            whole = self._preprocess([pair], prompt=prompt, processing_kwargs=WHOLE)
            lost.append(sum(_lengths(whole)) - self._longest)
        return [count for count in lost if count > 0]

    def _watched_preprocess(self, inputs: Any, prompt: str | None = None, **options: Any) -> Any:
        start = time.perf_counter()
        features = self._preprocess(inputs, prompt=prompt, **options)
        self._seen.tokenise_s += time.perf_counter() - start
        lengths = _lengths(features)
        self._seen.tokens += sum(lengths)
        self._seen.waiting = len(inputs)
        self._seen.full += [
            (pair, prompt) for pair, length in zip(inputs, lengths, strict=True) if length >= self._longest
        ]
        return features

    def _before(self, module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        self._seen.forward_calls += 1
        ids = kwargs["input_ids"] if "input_ids" in kwargs else args[0]
        self._seen.forward_tokens += ids.numel()

    def _after(self, module: Any, args: Any, output: Any) -> None:
        self._seen.done += self._seen.waiting
        if self._progress is not None:
            self._progress(self._seen.done)


def _lengths(features: Any) -> list[int]:
    """Tokens of each prompt, padding left out; features are on the CPU still."""
    if "attention_mask" in features:
        return [int(length) for length in features["attention_mask"].sum(dim=1).tolist()]
    ends = features["cu_seq_lens_q"].tolist()  # rows laid end to end for flash attention, which needs no mask
    return [after - before for before, after in pairwise(ends)]
