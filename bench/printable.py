"""What strangers wrote, shown in a terminal as text, and never obeyed by it.

Names, ids, documents and messages may hold escape sequences, which clear a screen or set a window's title, and signs
that turn a line round. ``rich`` hands them through. So every console of this program comes from ``terminal``, and what
is printed past it goes through ``printable``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from bench.types import DataError, one_line

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment
    from rich.text import Text

_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but for tab and line feed, signs that turn a line round or break it, halves of characters."""
SIGN = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """One line, with what is not to be obeyed written as an escape, such as ``\\x1b``."""
    return one_line(text)


def terminal(**options: Any) -> Console:
    """A ``rich`` console that shows ``SIGN`` in the place of each character that a terminal would obey.

    ``options`` are those of ``rich.console.Console``. Colours and cursor movements of rich's own pass. A text whose
    square brackets make no sense as rich's markup is printed as it is.
    """
    return _guarded()(**options)


def json_text(document: Any, *, allow_nan: bool = False) -> str:
    """A value as indented JSON, with what a terminal would obey written as an escape. Raises ValueError for NaN."""
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=allow_nan)
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def refuse_surrogates(what: str, text: str) -> None:
    """Raises DataError for half of a surrogate pair, which is no character: it can be neither encoded nor tokenised."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"the {what} is not valid Unicode: a lone surrogate U+{ord(text[error.start]):04X} at character "
            f"{error.start}; read the file as UTF-8 and replace what cannot be decoded"
        ) from error


@cache
def _guarded() -> type[Console]:
    """Made when it is asked for: rich is imported by those alone who print with it."""
    from rich.console import Console
    from rich.errors import MarkupError

    class Guarded(Console):
        def render_str(self, text: str, **options: Any) -> Text:
            try:
                return super().render_str(text, **options)
            except MarkupError:  # a name with [/] in it, say
                return super().render_str(text, **{**options, "markup": False})

        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            return map(_shown, super().render(renderable, options))

    return Guarded


def _shown(segment: Segment) -> Segment:
    if segment.control or segment.text.isprintable() or not _OBEYED.search(segment.text):
        return segment
    return type(segment)(_OBEYED.sub(SIGN, segment.text), segment.style)
