"""What a config calls a set that is fetched: ``card:NAME`` of a shipped card, ``ir:ID`` of ir_datasets."""

from __future__ import annotations

import re

from bench.fetch.card import Origin, SetCard, find_card
from bench.types import ConfigError

CARD, IR = "card:", "ir:"


def is_fetched(name: str) -> bool:
    return name.startswith((CARD, IR))


def card_of(name: str) -> SetCard:
    """The card of ``NAME``, ``card:NAME`` or ``ir:ID``. Raises ConfigError."""
    return ir_card(name.removeprefix(IR)) if name.startswith(IR) else find_card(name.removeprefix(CARD))


def ir_card(name: str) -> SetCard:
    """A card for a name of ir_datasets (``beir/scifact/test``) that has none: nothing is known of its counts."""
    name = name.strip("/")
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", name, re.ASCII):
        raise ConfigError(f"ir:{name} is no name of ir_datasets; expected one such as ir:beir/scifact/test")
    last = name.rpartition("/")[2]
    return SetCard(
        name=f"ir-{name.replace('/', '__')}",
        title=name,
        mteb="",
        suites=(),
        languages=(),
        licence="not stated",
        description=f"{name} of ir_datasets",
        split=last if last in ("train", "dev", "validation") else "test",
        origins=(Origin("ir", name, "ir"),),
        corpus=None,
        queries=None,
        judgements=None,
        note="",
    )
