"""What is said of a server or hub that does not give what it was asked for: when to ask again, and no secret."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bench.hub.reach import retry_after, short

TOKEN = "hf_abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.mark.parametrize(
    "value",
    [
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2024 00:00:00 +99999999999999999999",
        "Mon, 99999999999999 Jan 2024 00:00:00 GMT",
        "Mon, 01 Jan " + "9" * 5000 + " 00:00:00 GMT",
        "9" * 400,
        "9" * 5000,
        "1e999",
        "nan",
        "in a while",
        "",
        "\u0663",
        None,
    ],
)
def test_a_wait_that_cannot_be_meant_is_none(value: str | None) -> None:
    assert retry_after(value) is None


def test_a_wait_is_a_number_or_a_date() -> None:
    assert [retry_after(value) for value in ("7", " 120 ", "0", "-5")] == [7.0, 120.0, 0.0, 0.0]
    soon = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True))
    assert soon is not None
    assert 20 < soon <= 30
    assert retry_after("Mon, 01 Jan 2001 00:00:00 GMT") == 0
    assert retry_after("Mon, 01 Jan 0001 00:00:00 +2300") == 0
    assert (retry_after("Mon, 01 Jan 9999 23:00:00 -2300") or 0) > 10**10


def test_no_date_is_too_odd() -> None:
    """3,000 of them, the same in every run."""
    drawn = random.Random(7)
    pieces = ["Mon,", "01", "Jan", "2024", "00:00:00", "GMT", "+2300", "-9999", "9" * 30, ":", "-", "", "٣", "1.5", "("]
    for _ in range(3000):
        wait = retry_after(" ".join(drawn.choices(pieces, k=drawn.randint(1, 8))))
        assert wait is None or wait >= 0


def test_a_token_is_blotted_out_before_a_line_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    for before in range(120, 230):
        said = short(ValueError("x" * before + f" {TOKEN} refused\nmore"))
        assert TOKEN[:6] not in said
        assert len(said) <= 200
    said = short(ValueError("x" * 150 + " http://somebody:a-password-of-some-length@host.example/path"))
    assert "a-pass" not in said
    assert short(ValueError("")) == "ValueError: no message"
