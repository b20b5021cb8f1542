"""Which tensors a library made up while it loaded a model: those that the files lack, as random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.types import ModelError


@contextmanager
def watched_loading() -> Iterator[list[str]]:
    """The names of tensors that were missing from the files of whatever transformers loads meanwhile.

    Another library that loads a model through transformers keeps that to itself, or says it in a log. The library's
    own ``output_loading_info`` is asked for on its behalf.
    """
    from transformers import PreTrainedModel

    missing: list[str] = []
    loads: Any = PreTrainedModel.__dict__["from_pretrained"]

    def from_pretrained(cls: Any, *arguments: Any, **options: Any) -> Any:
        asked = options.pop("output_loading_info", False)
        model, info = loads.__func__(cls, *arguments, output_loading_info=True, **options)
        missing.extend(map(str, info.get("missing_keys") or ()))
        return (model, info) if asked else model

    PreTrainedModel.from_pretrained = classmethod(from_pretrained)
    try:
        yield missing
    finally:
        PreTrainedModel.from_pretrained = loads


def check_whole(name: str, missing: list[str], unused: str | None = None) -> None:
    """Raises ModelError for tensors that are missing, but those whose name has ``unused`` as one of its parts."""
    if absent := sorted({key for key in missing if unused is None or unused not in key.split(".")}):
        raise ModelError(
            f"the model {name!r} lacks {len(absent)} tensors that its config.json asks for, first {absent[0]!r}; they "
            "would be random numbers. Get the checkpoint again"
        )
