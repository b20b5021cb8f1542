"""The page around the report: a frame, a line that says how far the run is, and the script that asks."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files

from bench.report.say import Language, speaking, t


@cache
def _part(name: str) -> str:
    return files("bench.serve").joinpath(name).read_text(encoding="utf-8")


def _allowed(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def policy() -> str:
    """What the shell may do: its own script and style, requests to where it came from, and a frame of the same."""
    script, style = _allowed(_part("shell.js")), _allowed(_part("shell.css"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; frame-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def shell(version: str, language: Language) -> bytes:
    """The page; ``version`` is what the folder holds as it is made."""
    with speaking(language):
        said = {
            "title": t("RerankBench report, live"),
            "one": t("1 trial is here, kept at {time}", time="{time}"),
            "many": t("{n} trials are here, the last of them kept at {time}", n="{n}", time="{time}"),
            "going": t("the run has not ended"),
            "lost": t("The server does not answer; it may have been stopped."),
            "waiting": t("Asking…"),
        }
    values = {name: escape(text, quote=True) for name, text in said.items()}
    page = _part("shell.html").format(
        **values, version=version, language=language, style=_part("shell.css"), script=_part("shell.js")
    )
    return page.encode()
