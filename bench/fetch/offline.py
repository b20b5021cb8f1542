"""The one switch for all hubs: ``HF_HUB_OFFLINE``."""

from __future__ import annotations

OFFLINE = "HF_HUB_OFFLINE is set, so nothing was asked"


def is_offline() -> bool:
    """Whether the user has forbidden every request; the client of the Hugging Face hub reads it, once."""
    import huggingface_hub

    return bool(huggingface_hub.is_offline_mode())
