"""Values as people read them: three significant figures, units, one sign for what was not measured.

What has words in it is in the language being spoken (see ``say.py``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence

from bench.report.say import spoken, t
from bench.types import Interval

MISSING = "–"
_TITLES: Mapping[str, str] = {
    "ndcg": "nDCG",
    "ndcg_burges": "nDCG (Burges)",
    "mrr": "MRR",
    "map": "MAP",
    "f1": "F1",
    "recall": "Recall",
    "precision": "Precision",
    "hit_rate": "Hit rate",
    "r_precision": "R-precision",
}

TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Overrides, embeddings and isolates of the direction of writing. Right-to-left text needs none of them."""


def clean(text: object) -> str:
    """One line of printable text: runs of white space become a space; control characters, lone surrogates and signs
    that turn round what follows them, figures too, go."""
    return "".join(filter(_is_shown, " ".join(str(text).split())))


def clean_lines(text: str) -> str:
    """Printable text that keeps its lines."""
    return "".join(char for char in text if char in "\n\t" or _is_shown(char)).strip("\n")


def _is_shown(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cs") and char not in TURNING


def shorten(text: str, columns: int) -> str:
    """At most ``columns`` wide, a Chinese character counting two; what is cut from the middle becomes an ellipsis."""
    if width(text) <= columns:
        return text
    head = _start(text, columns * 2 // 3)
    tail = _start(text[::-1], columns - 1 - width(head))[::-1]
    return f"{head.rstrip()}…{tail.lstrip()}"


def _start(text: str, columns: int) -> str:
    kept = 0
    while kept < len(text) and width(text[: kept + 1]) <= columns:
        kept += 1
    return text[:kept]


def width(text: str) -> int:
    """Columns on a character grid."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def measure_title(name: str) -> str:
    """``ndcg@10`` as the field writes it: nDCG@10."""
    base, at, k = name.partition("@")
    return _TITLES.get(base, clean(base)) + at + k


def figure3(value: float | None) -> str:
    """Three significant figures, no exponent."""
    if value is None:
        return MISSING
    size = abs(value)
    if size == 0:
        return "0"
    decimals = 0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.9995 else 3
    return f"{value:,.{decimals}f}" if size >= 0.0995 else f"{value:.3g}" if size >= 1e-4 else t("under 0.0001")


def seconds(value: float | None) -> str:
    if value is None:
        return MISSING
    if abs(value) < 1e-3:
        return "0 s" if value == 0 else f"{figure3(value * 1e6)} µs"
    return f"{figure3(value * 1e3)} ms" if abs(value) < 0.9995 else f"{figure3(value)} s"


def size(value: float | None) -> str:
    """Bytes in binary units."""
    if value is None:
        return MISSING
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1000:
            return f"{figure3(value)} {unit}"
        value /= 1024
    return f"{figure3(value)} TiB"


def count(value: int | None) -> str:
    return MISSING if value is None else f"{value:,}"


def share(part: float | None) -> str:
    if part is None:
        return MISSING
    return "0%" if part == 0 else t("under 0.1%") if part < 0.001 else f"{part:.1%}"


def score(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"


def signed(value: float) -> str:
    """With its sign, a true minus."""
    return f"{value:+.3f}".replace("-", "−")


def span(interval: Interval) -> str:
    return f"{interval.low:.3f}–{interval.high:.3f}"


def p_value(p: float) -> str:
    if p < 0.0001:
        return "p < 0.0001"
    return f"p = {p:.{4 if p < 0.001 else 3 if p < 0.1 else 2}f}"


def between(low: str, high: str) -> str:
    """An interval of values with a sign, where a dash would be misread."""
    return t("{low} to {high}", low=low, high=high)


def times(ratio: float) -> str:
    """How much longer, in words."""
    if 0.9 <= ratio <= 1.1:
        return t("about as long")
    return t("{ratio} times as long", ratio=figure3(ratio))


def flops(value: float | None) -> str:
    """Operations per second in decimal units, as hardware is rated."""
    if value is None:
        return MISSING
    for unit in ("", "K", "M", "G", "T"):
        if abs(value) < 999.5:
            return f"{figure3(value)} {unit}FLOP/s"
        value /= 1000
    return f"{figure3(value)} PFLOP/s"


def series(texts: Iterable[str]) -> str:
    """``a, b, c``."""
    return t(", ").join(texts)


def clauses(texts: Iterable[str]) -> str:
    """``a; b; c``."""
    return t("; ").join(texts)


def sentences(texts: Iterable[str]) -> str:
    """One after the other; empty ones leave nothing."""
    return t(" ").join(filter(None, texts))


def listed(texts: Sequence[str]) -> str:
    """``a, b and c``."""
    most, last = series(texts[:-1]), "".join(texts[-1:])
    return t("{most} and {last}", most=most, last=last) if most and last else most or last


def plural(n: int, noun: str) -> str:
    """``1 query``, ``3 queries``; in Chinese with the noun's classifier."""
    if spoken() == "zh" and noun in _COUNTED:
        return _COUNTED[noun](f"{n:,}")
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun[:-1]}ies" if noun.endswith("ry") else f"{n:,} {noun}s"


_COUNTED: Mapping[str, Callable[[str], str]] = {
    "arm": lambda n: t("{n} arms", n=n),
    "cell": lambda n: t("{n} cells", n=n),
    "claim": lambda n: t("{n} claims", n=n),
    "comparison": lambda n: t("{n} comparisons", n=n),
    "dataset": lambda n: t("{n} datasets", n=n),
    "dev query": lambda n: t("{n} dev queries", n=n),
    "other trial": lambda n: t("{n} other trials", n=n),
    "pair": lambda n: t("{n} pairs", n=n),
    "query": lambda n: t("{n} queries", n=n),
    "test query": lambda n: t("{n} test queries", n=n),
    "tie": lambda n: t("{n} ties", n=n),
    "time": lambda n: t("{n} times", n=n),
    "trial": lambda n: t("{n} trials", n=n),
    "win": lambda n: t("{n} wins", n=n),
}
"""English keeps its own grammar; these are looked up where another language is spoken."""
