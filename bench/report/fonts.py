"""A font family that has the characters of a report, so that no figure shows empty boxes.

Matplotlib brings DejaVu Sans, which has no Chinese; this looks for an installed font that has, and says so when there
is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import PurePath

from bench.report.words import clean

LATIN = "DejaVu Sans"
CJK = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "Source Han Sans", "PingFang SC",
    "Hiragino Sans GB", "Microsoft YaHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Noto Sans CJK JP",
    "Noto Sans CJK TC", "Heiti SC", "STHeiti", "Heiti TC", "SimHei", "DengXian", "Droid Sans Fallback",
    "Arial Unicode MS", "Noto Serif CJK SC", "Source Han Serif SC", "SimSun", "Songti SC", "AR PL UMing CN",
)  # fmt: skip
_FILES = re.compile(
    r"cjk|notosanssc|sourcehan|pingfang|hiragino|msyh|wqy|heiti|simhei|simsun|deng|droidsansfallback|arial ?unicode"
    r"|songti|uming",
    re.IGNORECASE,
)


@cache
def families() -> tuple[str, ...]:
    """A Latin family, then a CJK one where one is installed."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    found = _first({entry.name for entry in manager.ttflist})
    if found is None:  # installed since matplotlib last listed the fonts
        for path in sorted(font_manager.findSystemFonts()):
            if _FILES.search(PurePath(path).stem):
                try:
                    manager.addfont(path)
                except (OSError, RuntimeError):
                    continue
        found = _first({entry.name for entry in manager.ttflist})
    return (LATIN, found) if found else (LATIN,)


def _first(installed: set[str]) -> str | None:
    return next((name for name in CJK if name in installed), None)


@cache
def _characters(names: tuple[str, ...]) -> frozenset[int]:
    from matplotlib import font_manager

    found: set[int] = set()
    for name in names:
        path = font_manager.fontManager.findfont(font_manager.FontProperties(family=[name]), fallback_to_default=False)
        found.update(font_manager.get_font(path).get_charmap())
    return frozenset(found)


def drawable(text: str) -> bool:
    """Whether every character of the text can be drawn."""
    known = _characters(families())
    return all(ord(char) in known for char in text)


def renditions(texts: Sequence[str], kind: str) -> dict[str, str]:
    """Each text as figures write it: itself, or ``kind`` and its number in ASCII where no font has its characters."""
    return {
        text: clean(text) if drawable(clean(text)) else f"{kind} {number}"
        for number, text in enumerate(dict.fromkeys(texts), 1)
    }
