"""A worker's process from the parent's end: answers, refusals, limits, deaths, and that none is left behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.engines import link as links
from bench.engines.link import Link, Lost
from bench.engines.worker import Job
from bench.types import Request, Trial

REQUESTS = (Request("q", ("one", "three"), ""), Request("r", ("seven",), ""))
TRIAL = Trial("workload", "x", reranker="m", engine="instant", device="cpu", dtype="fp32")

pytestmark = pytest.mark.usefixtures("stand_ins")


def start(tmp_path: Path, engine: str = "instant", limit_s: float = 30.0) -> Link:
    return Link(Job(replace(TRIAL, engine=engine), REQUESTS), tmp_path, tmp_path / f"{engine}.log", limit_s)


def test_an_engine_is_loaded_and_scores_all_or_a_part(tmp_path: Path) -> None:
    with start(tmp_path) as link:
        loaded = link.ask("load", setting={"batch_size": 2})
        assert loaded["used"] == {"batch_size": 2}
        assert loaded["unit"] == "logit"
        scored = link.ask("score", part=None)
        assert scored["scores"] == [[0.003, 0.005], [0.005]]
        assert scored["seconds"] >= 0.002
        assert scored["work"]["pairs"] == 3
        assert link.ask("score", part=1)["scores"] == [[0.003]]
        assert link.alive
    assert not link.alive


def test_a_refusal_leaves_the_process_there(tmp_path: Path) -> None:
    with start(tmp_path) as link:
        with pytest.raises(Lost, match="NoneType") as lost:
            link.ask("score", part=None)  # nothing is loaded
        assert lost.value.fate == "failed"
        link.ask("load", setting={})
        with pytest.raises(Lost) as lost:
            link.ask("load", setting={"engine": "no-such"})
        assert lost.value.fate == "unavailable"


def test_a_process_that_ends_says_where_to_look(tmp_path: Path) -> None:
    with start(tmp_path, "dies") as link:
        link.ask("load", setting={"batch_size": 2})
        with pytest.raises(Lost, match=r"exit code 9 .*dies\.log"):
            link.ask("score", part=None)
        with pytest.raises(Lost, match="exit code 9"):
            link.ask("score", part=None)


@pytest.mark.parametrize(("kills", "fate"), [([3, 4], "oom"), ([None, None], "oom"), ([3, 3], "failed")])
def test_a_killed_process_ran_out_of_memory_if_the_kernel_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: list[int | None], fate: str
) -> None:
    counts = iter(kills)
    monkeypatch.setattr("bench.engines.link.oom_kills", lambda: next(counts))
    with start(tmp_path) as link:
        link.ask("load", setting={})
        link._worker.process.kill()
        with pytest.raises(Lost, match="SIGKILL") as lost:
            link.ask("score", part=None)
        assert lost.value.fate == fate


def test_an_answer_over_the_limit_is_stopped(tmp_path: Path) -> None:
    with start(tmp_path, "sleepy") as link:
        link.ask("load", setting={})
        link.ask("score", part=None)
        link.time_limit_s = 0.3
        with pytest.raises(Lost, match=r"`score` took over 0\.3 s") as lost:
            link.ask("score", part=None)
        assert lost.value.fate == "timeout"
    assert not link.alive


def test_leaving_ends_even_a_busy_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "QUIT_S", 0.2)
    with pytest.raises(KeyboardInterrupt), start(tmp_path, "sleepy") as link:
        link.ask("load", setting={})
        link.ask("score", part=None)
        link._worker.say('{"do": "score", "part": null}')
        raise KeyboardInterrupt
    assert not link.alive
