"""What is seen while trials run: rate and remaining time on a terminal, one line per trial anywhere else."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from bench import screen
from bench.report.say import speaking
from bench.screen import Screen, counted, is_watched, tally
from bench.types import Trial, TrialResult


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that have passed, as a list of one that a test sets."""
    now = [0.0]
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_INTERACTIVE", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    return now


def console_at(clock: list[float], file: io.StringIO, **settings: object) -> Console:
    return Console(file=file, width=120, get_time=lambda: clock[0], **settings)  # type: ignore[arg-type]


def line(clock: list[float], tells: list[tuple[str, int, int]], width: int = 120) -> str:
    """What the line says after a stage was told of, ten seconds apart."""
    console = console_at(clock, Terminal(), color_system=None)
    console.width = width
    shown = Screen(console)
    for stage, done, total in tells:
        shown.tell(stage, done, total)
        clock[0] += 10
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(shown._progress.get_renderable())
    return " ".join(out.getvalue().split())


@pytest.mark.parametrize(
    ("stage", "rate"),
    [
        ("BM25: index", "10.0 documents/s"),
        ("Embedding: quality: index", "10.0 documents/s"),
        ("Embedding + reranker: quality: rerank pairs", "10.0 pairs/s"),
        ("official: general-zh (3 of 7): rerank pairs", "10.0 pairs/s"),
        ("BM25: quality: answer queries", "10.0 queries/s"),
        ("arms: search", "10.0 queries/s"),
        ("BM25: time single queries", "10.0 queries/s"),
        ("BM25: serve 4.5 queries/s", "10.0 queries/s"),
        ("download owner/name", "10.0 B/s"),
    ],
)
def test_every_long_step_shows_its_rate_and_what_is_left(clock: list[float], stage: str, rate: str) -> None:
    said = line(clock, [(stage, done, 1000) for done in (0, 100, 200, 300)])
    assert rate in said
    assert re.search(r"0:01:\d\d left", said), said
    assert ("300 B of 0.977 KiB" if "download" in stage else "300 of 1,000") in said


def test_a_step_of_unknown_length_shows_how_long_it_has_taken(clock: list[float]) -> None:
    said = line(clock, [("BM25: time all at once", 0, 0)])
    assert "0:00:10 so far" in said and "/s" not in said and " of " not in said


@pytest.mark.parametrize("width", [72, 80, 100, 120])
def test_a_narrow_terminal_cuts_the_name_and_keeps_the_figures(clock: list[float], width: int) -> None:
    name = "a pipeline with a name that is longer than any terminal is wide: " * 2
    said = line(clock, [(f"{name}rerank pairs", done, 1000) for done in (0, 100, 200)], width=width)
    assert "10.0 pairs/s 0:01:" in said and "left" in said and "…" in said and "rerank pairs" in said


def test_a_name_is_no_markup_and_decides_no_unit(clock: list[float]) -> None:
    assert counted("index: load models") == ""
    assert counted("downloads: judge") == ""
    assert counted("indexes") == ""
    said = line(clock, [("[red]x[/] [/nothing]: rerank pairs", 0, 10)])
    assert "[red]x[/] [/nothing]" in said


def finished(**more: object) -> TrialResult:
    return TrialResult(Trial("set", "BM25"), "ok", dataset={"name": "set", "documents": 9}, wall_s=2.0, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("watched", [True, False])
def test_without_a_terminal_there_is_one_line_per_trial(clock: list[float], watched: bool) -> None:
    out = Terminal() if watched else io.StringIO()
    with Screen(console_at(clock, out)) as shown:
        for done in range(10):
            shown.tell("BM25: index", done, 10)
        shown.done(finished(), False)
        shown.done(TrialResult(Trial("set", "x"), "failed", "so long a reason\n" * 30, dataset={"name": "set"}), False)
    text = out.getvalue()
    assert ("\x1b[" in text) == watched
    if not watched:
        assert text.splitlines()[0] == "✓ set · BM25: done in 2.0 s"
        assert len(text.splitlines()) == 2


@pytest.mark.parametrize(
    ("environment", "moves", "coloured"),
    [
        ({}, True, True),
        ({"NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"TTY_INTERACTIVE": "0"}, False, True),
    ],
)
def test_the_environment_is_heard(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], moves: bool, coloured: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out = Terminal()
    console = console_at(clock, out)
    assert is_watched(console) == moves
    with Screen(console) as shown:
        shown.tell("BM25: index", 1, 10)
        shown.done(finished(), False)
    assert ("\x1b[?25l" in out.getvalue()) == moves  # the cursor is hidden under a line that moves
    assert bool(re.search(r"\x1b\[(\d+;)?3[0-9]", out.getvalue())) == coloured


def test_colours_forced_upon_a_log_bring_no_moving_line(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = io.StringIO()
    with Screen(console_at(clock, out)) as shown:
        shown.tell("BM25: index", 1, 10)
        shown.done(finished(), False)
    assert "index" not in out.getvalue() and len(out.getvalue().splitlines()) == 1


def test_quiet_says_nothing_at_all(clock: list[float]) -> None:
    out = Terminal()
    with Screen(console_at(clock, out), quiet=True) as shown:
        shown.tell("BM25: index", 1, 10)
        shown.done(finished(), False)
    assert out.getvalue() == ""


def test_the_tally_counts_every_outcome_in_either_language() -> None:
    results = [finished(), TrialResult(Trial("set", "x"), "oom"), TrialResult(Trial("set", "y"), "oom", implied_by="x")]
    assert tally(results) == "3 trials: 1 finished, 1 out of memory, 1 out of memory (implied, not tried)"
    assert tally(results[:1]) == "1 trial: 1 finished"
    assert tally([]) == "0 trials: "
    with speaking("zh"):
        assert tally(results[:1]) == "1 个试验：1 个已完成"
    assert screen.BYTES == "bytes"
