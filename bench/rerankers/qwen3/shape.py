"""Which models the packed engine can serve, told from ``config.json`` alone: no weights read, no torch imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ARCHITECTURES = ("Qwen3ForCausalLM", "Qwen3ForSequenceClassification")
ROTATIONS = ("default", "linear", "yarn", "llama3")
"""Kinds of rotary positions whose angles depend on the position alone, not on how long the prompt is."""


def unservable(config: Mapping[str, Any]) -> str | None:
    """What in a model's ``config.json`` the packed engine has no code for, in words; None when it can serve it."""
    named = config.get("architectures") or ["model that names no architecture"]
    scaling = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(named, list) or not isinstance(scaling, Mapping):
        return "its config.json has something else where architectures and rotary positions stand"
    architecture = str(named[0])
    rotation = scaling.get("rope_type", scaling.get("type", "default"))
    obstacles = {
        f"it is a {architecture}, not a {ARCHITECTURES[0]}": architecture not in ARCHITECTURES,
        f"its activation is {config.get('hidden_act')}, not silu": config.get("hidden_act", "silu") != "silu",
        "its attention has biases": bool(config.get("attention_bias")),
        "it attends within a sliding window": bool(config.get("use_sliding_window")),
        "its weights are stored quantised": bool(config.get("quantization_config")),
        f"its rotary positions ({rotation}) change with the prompt's length": rotation not in ROTATIONS,
    }
    return next((said for said, stands in obstacles.items() if stands), None)
