"""How ``run`` and ``report`` tell what came of a run: tables for people or one JSON document, and a tracker besides."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from bench.cli.language import asked_language, text_language
from bench.printable import json_text, printable
from bench.types import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from bench.claims.words import Ruling
    from bench.publish import PageLanguage
    from bench.study.study import Study
    from bench.trackers import Tracking
    from bench.types import TrialResult

Kind = Literal["trials", "claims", "study"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command has to tell: results, the report's page in the results folder, and what else there is of them."""

    results: Sequence[TrialResult]
    page: Path
    command: str
    rulings: Sequence[Ruling] = ()
    study: Study | None = None

    @property
    def kind(self) -> Kind:
        return "study" if self.study is not None else "claims" if self.rulings else "trials"


@dataclass(frozen=True, slots=True)
class Telling:
    """The options of one command on what it tells, to whom and in which language. JSON has stdout for itself."""

    quiet: bool
    as_json: bool
    language: PageLanguage
    tracking: Tracking
    console: Console
    with_texts: bool = True

    def speaking(self) -> AbstractContextManager[None]:
        from bench.report.say import speaking

        return speaking(text_language(self.language))

    def outcome(self, found: Outcome) -> None:
        """Print it: unless quiet the tables, or the document, which ``--quiet`` does not silence."""
        from bench.report.as_json import as_json

        with self.speaking():
            if self.as_json:
                print_json(as_json(found.results, found.page.parent, found.command, found.rulings, found.study))
            elif not self.quiet:
                self._tables(found)

    def track_end(self, found: Outcome, *, failed: bool) -> None:
        """Tell the tracker how the run ended, and the user where it is."""
        from bench.report.as_json import sentences
        from bench.report.markdown import escape
        from bench.report.say import t
        from bench.trackers.content import overall

        with self.speaking():
            said = [f"**{escape(label)}:** {escape(text)}" for label, text in sentences(found.results, found.study)]
            self.tracking.end(
                "failed" if failed else "finished", said, overall(found.results, found.rulings, found.study)
            )
            if self.tracking.where and not self.quiet:
                line = t("Tracked: {where}", where=self.tracking.where)
                print(printable(line), file=sys.stderr if self.as_json else sys.stdout)

    def _tables(self, found: Outcome) -> None:
        from bench.report.say import t
        from bench.report.study_terminal import print_study
        from bench.report.terminal import print_claims, print_table, print_warnings
        from bench.screen import tally

        if found.study is not None:
            print_study(found.study, self.console)
        elif found.rulings:
            print_claims(found.rulings, self.console)
        else:
            print_table(found.results, self.console)
        print_warnings(found.results, self.console)
        if found.results:
            self.console.print(tally(found.results), highlight=False)
        self.console.print(t("Report: {page}", page=found.page), soft_wrap=True, highlight=False, markup=False)


def open_telling(
    *,
    quiet: bool = False,
    as_json: bool = False,
    lang: str = "auto",
    track: str | None = None,
    with_texts: bool = True,
) -> Telling:
    """Raises ConfigError for a language or a tracker that does not exist or is not installed."""
    from bench.printable import terminal
    from bench.trackers import open_tracking

    def warn(text: str) -> None:
        print(f"warning: {printable(text)}", file=sys.stderr)

    console = terminal(stderr=as_json)
    return Telling(quiet, as_json, asked_language(lang), open_tracking(track, warn), console, with_texts)


def refuse(why: str, **options: object) -> None:
    """Raises ConfigError that names the first of these options that was given, and why it cannot be."""
    for name, value in options.items():
        if value:
            raise ConfigError(f"--{name}: {why}; leave it out")


def print_json(document: Any, *, allow_nan: bool = False) -> None:
    typer.echo(json_text(document, allow_nan=allow_nan))


def benchmark_document(outcome: Any, page: Path) -> dict[str, Any]:
    """An engine benchmark as JSON: its rows; the raw samples are in engines.json beside the report."""
    from bench.engines.results import FILE
    from bench.engines.summary import rows
    from bench.report.as_json import as_plain

    document: dict[str, Any] = {
        "kind": "engines",
        "folder": str(page.parent),
        "report": {"markdown": str(page), "csv": str(page.parent / "engines.csv"), "raw": str(page.parent / FILE)},
        "outcomes": dict(Counter(engine.fate for engine in outcome.engines)),
        "rows": rows(outcome),
    }
    plain: dict[str, Any] = as_plain(document)
    return plain
