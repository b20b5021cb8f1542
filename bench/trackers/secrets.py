"""Addresses may carry a user and a password, or a key in their query: neither is shown, stored or sent along."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

_USER = re.compile(r"(?<![\w+.-])([A-Za-z][A-Za-z0-9+.-]*://)[^/\s\"'<>\\?#]*@")
_BEHIND = r"\?(?:[^\s\"'<>\\]|\\[_*{}\[\]<>|#~$&!])*"
"""A query: what may follow an address in JSON, HTML and Markdown, where a backslash stands before some characters."""


def without_secrets(text: str, addresses: Iterable[str] = ()) -> str:
    """The text, every address in it without user and password, and each of ``addresses`` without its query too."""
    for address in addresses:
        if "?" in address:
            start = without_secrets(address).partition("?")[0]
            as_written = "".join(rf"\\?{re.escape(character)}" for character in start)
            text = re.sub(as_written + _BEHIND, lambda _, start=start: start, _USER.sub(r"\1", text))  # type: ignore[misc]
    return _USER.sub(r"\1", text)


def shown_address(address: str) -> str:
    """An address as it may be shown: without user, password, query and fragment."""
    before, there, rest = address.partition("://")
    return before + there + re.split(r"[?#]", rest.rpartition("@")[2])[0]


def said_command(arguments: Sequence[str]) -> str:
    """The command line as it is kept: what it tracked to stands there without its secrets."""
    said, tracks = list[str](), False
    for argument in arguments:
        tracked = tracks or argument.startswith("--track=")
        said.append(shown_address(argument) if tracked else argument)
        tracks = argument == "--track"
    return shlex.join(["rerankbench", *said])
