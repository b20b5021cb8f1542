"""Public labelled sets: their cards, and getting them onto this machine checked and in one layout."""

from __future__ import annotations

from bench.fetch.card import Origin, SetCard, all_cards, card_folder, find_card
from bench.fetch.get import get, here, ir_card
from bench.fetch.hub import hub_files

__all__ = ["Origin", "SetCard", "all_cards", "card_folder", "find_card", "get", "here", "hub_files", "ir_card"]
