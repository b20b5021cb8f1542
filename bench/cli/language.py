"""Which language a command speaks: the one that was asked for, or the one of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.types import ConfigError

if TYPE_CHECKING:
    from bench.publish import PageLanguage
    from bench.report.say import Language

_CHOICES = ("auto", "en", "zh")
_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")


def asked_language(asked: str, environment: Mapping[str, str] = os.environ) -> PageLanguage:
    """``auto`` is Chinese where the first of LC_ALL, LC_MESSAGES and LANG that is set begins with zh; where it does
    not, the page is left to its reader's browser and all else is English.

    Raises ConfigError for a language that nobody has written.
    """
    if asked not in _CHOICES:
        raise ConfigError(f"--lang is {asked!r}; it can be {', '.join(_CHOICES)}")
    locale = next((value for name in _LOCALE if (value := environment.get(name))), "")
    if asked == "zh" or (asked == "auto" and locale.lower().startswith("zh")):
        return "zh"
    return "en" if asked == "en" else "auto"


def text_language(language: PageLanguage) -> Language:
    """Of what has one language: tables and report.md."""
    return "zh" if language == "zh" else "en"
