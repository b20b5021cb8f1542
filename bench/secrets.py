"""What is secret in a text: the environment's tokens and keys, and users, passwords and keys in addresses.

None of it is shown, stored or sent along. Pure: texts in, texts out; the environment is handed in.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from bench.types import CUT

Text = TypeVar("Text", str, bytes)

BLOTTED = "***"
SHORTEST = 8
"""Characters of a value that is blotted out. A shorter one is in many a text by chance, and no token is so short."""
_WORDS = "KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|CREDENTIALS?|AUTHORIZATION|AUTH|SIGNATURE|SIG"
_NAMES = re.compile(
    rf"(?:.*[^A-Z0-9])?(?:{_WORDS})S?|.*(?:PASSWORD|PASSWD|SECRET|TOKEN|(?:API|ACCESS)_?KEY)", re.IGNORECASE
)
"""Names of what is secret: HF_TOKEN, RERANKBENCH_API_KEY, AWS_SECRET_ACCESS_KEY, PGPASSWORD, ``api_key``, ``sig``."""
_WORKING_FOLDER = "PWD"
"""A shell's variable, which is no password: no path of a message could be read."""
_USER = re.compile(r"(?<![\w+.-])([A-Za-z][A-Za-z0-9+.-]*://)[^/\s\"'<>\\?#]*@")
_BEHIND = r"\?(?:[^\s\"'<>\\]|\\[_*{}\[\]<>|#~$&!])*"
"""A query: what may follow an address in JSON, HTML and Markdown, where a backslash stands before some characters."""


def redacted(text: Text, environment: Mapping[str, str]) -> Text:
    """The text with every secret of the environment blotted out, and every address in it without user and password.

    A variable is secret by its name; its value is found as it stands and as JSON, a URL and a shell write it. Bytes
    need not be UTF-8, and those that are no secret stay as they were.
    """
    if isinstance(text, bytes):
        return redacted(text.decode("utf-8", "surrogateescape"), environment).encode("utf-8", "surrogateescape")
    said: str = text
    for value in secret_values(environment):
        said = said.replace(value, BLOTTED)
        if CUT in said:
            said = _without_halves(said, value)
    return without_secrets(said)


def _without_halves(said: str, value: str) -> str:
    """The text without what is left of ``value`` where a long message was cut in the midst of it."""
    before, _, after = said.partition(CUT)
    for size in range(len(value) - 1, SHORTEST - 1, -1):
        if before.endswith(value[:size]):
            before = before[:-size] + BLOTTED
        place = after.find("] ") + 2
        if after.startswith(value[-size:], place):
            after = after[:place] + BLOTTED + after[place + size :]
    return before + CUT + after


def redacted_throughout(value: Any, environment: Mapping[str, str]) -> Any:
    """The same value with ``redacted`` texts: in frozen dataclasses, mappings, lists and tuples, however deep.

    Numbers stay what they are, also where their digits are those of a secret, and so do names of fields.
    """
    if isinstance(value, str):
        return redacted(value, environment)
    if isinstance(value, Mapping):
        return {key: redacted_throughout(each, environment) for key, each in value.items()}
    if isinstance(value, tuple | list):
        kept = [redacted_throughout(each, environment) for each in value]
        return type(value)(*kept) if hasattr(value, "_fields") else type(value)(kept)
    if is_dataclass(value) and not isinstance(value, type):
        own = [field.name for field in fields(value) if field.init]
        return replace(value, **{name: redacted_throughout(getattr(value, name), environment) for name in own})
    return value


def secret_values(environment: Mapping[str, str]) -> list[str]:
    """What to look for, the longest first: one secret may begin as another does."""
    found: set[str] = set()
    for name, held in environment.items():
        value = held.strip()
        if len(value) >= SHORTEST and is_secret_name(name) and name != _WORKING_FOLDER:
            found |= {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
            found |= {quote(value, safe=""), quote(value), quote_plus(value), repr(value)[1:-1]}
            found |= {line for line in map(str.strip, value.splitlines()) if len(line) >= SHORTEST}
    return sorted(found, key=lambda value: (-len(value), value))


def is_secret_name(name: str) -> bool:
    """Whether what a variable, or a parameter of an address, is called says that it is to be kept secret."""
    return _NAMES.fullmatch(name) is not None


def secret_in_address(address: str) -> str | None:
    """What in an address is secret, in words that do not quote it: its user or password, or a key in its query."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if "@" in parts.netloc:
        return "a user or password"
    held = next((name for name, _ in parse_qsl(parts.query, keep_blank_values=True) if is_secret_name(name)), None)
    return None if held is None else f"a secret, by the name {held!r},"


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
    before, there, rest = address.partition("://") if "://" in address else ("", "", address)
    return before + there + re.split(r"[?#]", rest.rpartition("@")[2])[0]


def said_command(arguments: Sequence[str]) -> str:
    """The command line as it is kept: what it tracked to stands there without its secrets."""
    said, tracks = list[str](), False
    for argument in arguments:
        tracked = tracks or argument.startswith("--track=")
        said.append(shown_address(argument) if tracked else without_secrets(argument))
        tracks = argument == "--track"
    return shlex.join(["rerankbench", *said])
