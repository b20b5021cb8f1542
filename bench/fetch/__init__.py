"""Public labelled sets: their cards, and getting them onto this machine checked and in one layout."""

from __future__ import annotations

from bench.fetch.card import Origin, SetCard, all_cards, card_folder, find_card
from bench.fetch.get import get, get_or_keep, here
from bench.fetch.hub import hub_files
from bench.fetch.names import CARD, card_of, is_fetched

__all__ = [
    "CARD", "Origin", "SetCard", "all_cards", "card_folder", "card_of", "find_card", "get", "get_or_keep", "here",
    "hub_files", "is_fetched",
]  # fmt: skip
