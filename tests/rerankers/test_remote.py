"""The engine ``http`` against a server on this machine that speaks the real forms, and everything one can do wrong."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import random
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bench.rerankers.padded import PaddedReranker
from bench.rerankers.remote import RemoteReranker, post
from bench.rerankers.remote.address import read_url
from bench.rerankers.remote.answer import read_answer
from bench.rerankers.remote.wire import Question
from bench.rerankers.scores import sigmoid
from bench.rerankers.template import TEMPLATES
from bench.types import ConfigError, ModelError, Request, ScoreError

KEY = "sk-very-secret-0123456789"
DOCUMENTS = ("the quick fox", "", "keeps the server safe", "字😀\n", "a", "fire")
REQUESTS = [Request("fire wall?", DOCUMENTS, "find"), Request("none", (), "find"), Request("dog", ("b", "a"), "find")]

Answer = Callable[[Any, Any], None]
Serve = Callable[[Answer], str]


@pytest.fixture(autouse=True)
def no_key_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RERANKBENCH_API_KEY", raising=False)
    monkeypatch.setattr(post, "FIRST_WAIT_S", 0.001)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def length(text: str) -> float:
    return len(text) / 100


def rows(texts: Sequence[str], name: str = "score") -> list[dict[str, Any]]:
    """Scores by length, in an order of their own: the highest first, as servers do."""
    scored = [{"index": index, name: length(text)} for index, text in enumerate(texts)]
    return sorted(scored, key=lambda row: -row[name])


def rerank(conversation: Any, body: Any) -> None:
    conversation.reply({"results": rows(body["documents"], "relevance_score"), "usage": {"total_tokens": 9}})


def ask(url: str, requests: Sequence[Request] = REQUESTS, **options: Any) -> Any:
    return RemoteReranker("m", url=url, **options).score_many(requests)


# --------------------------------------------------------------------------------------------------- the forms


def test_rerank_sends_plain_texts_and_puts_the_scores_in_order(serve: Serve) -> None:
    bodies: list[Any] = []

    def answer(conversation: Any, body: Any) -> None:
        bodies.append((conversation.path, body))
        rerank(conversation, body)

    scored = ask(serve(answer) + "/v1/rerank?version=2", concurrency=1)
    assert scored.scores == [[length(text) for text in DOCUMENTS], [], [0.01, 0.01]]
    assert bodies == [
        (
            "/v1/rerank?version=2",
            {
                "model": "m",
                "query": "fire wall?",
                "documents": list(DOCUMENTS),
                "top_n": 6,
                "return_documents": False,
                "instruction": "find",
            },
        ),
        (
            "/v1/rerank?version=2",
            {
                "model": "m",
                "query": "dog",
                "documents": ["b", "a"],
                "top_n": 2,
                "return_documents": False,
                "instruction": "find",
            },
        ),
    ]
    assert (scored.work.pairs, scored.work.forward_calls, scored.work.tokens) == (8, 2, None)


def test_the_default_instruction_is_left_to_the_server(serve: Serve) -> None:
    bodies: list[Any] = []

    def answer(conversation: Any, body: Any) -> None:
        bodies.append(body)
        rerank(conversation, body)

    ask(serve(answer) + "/rerank", [Request("q", ("d",), TEMPLATES["qwen3"].default_instruction)])
    assert "instruction" not in bodies[0]


@pytest.mark.parametrize("name", list(TEMPLATES))
@pytest.mark.parametrize("form", ["/score", "/v1/score", "/rerank#tei"])
def test_score_and_tei_are_sent_our_whole_prompt(name: str, form: str, serve: Serve) -> None:
    template, prompts = TEMPLATES[name], list[str]()
    instruction = "find" if template.takes_instruction else ""

    def answer(conversation: Any, body: Any) -> None:
        head, texts = (body["text_1"], body["text_2"]) if "text_1" in body else (body["query"], body["texts"])
        assert conversation.path == form.partition("#")[0]
        assert body.get("use_activation", False) is body.get("truncate", False) is False
        prompts.extend(head + text for text in texts)
        found = rows([head + text for text in texts])
        conversation.reply({"data": found, "usage": {"prompt_tokens": 7}} if "text_1" in body else found)

    requests = [Request("fire wall?", DOCUMENTS, instruction)]
    engine = RemoteReranker("m", url=serve(answer) + form, template=name)
    scored = engine.score_many(requests)
    expected = [template.text(instruction, "fire wall?", document) for document in DOCUMENTS]
    assert prompts == expected
    assert scored.scores == [[length(text) for text in expected]]
    assert engine.unit == ("logit" if "tei" in form else "score")
    assert scored.work.tokens == (None if "tei" in form else 7)


def test_a_model_behind_a_url_scores_as_it_does_here(serve: Serve, tiny: Path) -> None:
    """A server that tokenises the joined texts and reads two logits, as vLLM does."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    model = AutoModelForCausalLM.from_pretrained(tiny).eval()
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])

    def answer(conversation: Any, body: Any) -> None:
        found, tokens = [], 0
        for index, text in enumerate(body["text_2"]):
            ids = tokenizer(body["text_1"] + text)["input_ids"]
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([ids])).logits[0, -1]
            found.append({"index": index, "score": float(logits[yes] - logits[no])})
            tokens += len(ids)
        conversation.reply({"data": found, "usage": {"prompt_tokens": tokens}})

    theirs = ask(serve(answer) + "/score", concurrency=1, batch_size=4)
    ours = PaddedReranker(tiny, device="cpu").score_many(REQUESTS)
    for own, other in zip(ours.scores, theirs.scores, strict=True):
        assert other == pytest.approx(own, abs=1e-4)
    assert theirs.work.tokens == ours.work.tokens


def test_notes_say_who_writes_the_prompt(serve: Serve) -> None:
    def notes(url: str, **options: Any) -> str:
        return " ".join(RemoteReranker("m", url=url, **options).notes)

    assert "plain texts, so its own template" in notes("http://localhost/rerank")
    assert "the template 'qwen3' around them" in notes("http://localhost/score")
    assert "plain texts, and scores them as they are" in notes("http://localhost/score", template="none")
    assert "cache of earlier prompts" in notes("http://localhost/score")


def test_scores_for_people_follow_the_unit(serve: Serve) -> None:
    def tei(conversation: Any, body: Any) -> None:
        conversation.reply([{"index": index, "score": -2.0} for index in range(len(body["texts"]))])

    assert RemoteReranker("m", url=serve(tei) + "/rerank#tei").score("q", ["d"]) == [sigmoid(-2.0)]
    assert RemoteReranker("m", url=serve(rerank) + "/rerank").score("q", ["ddd"]) == [0.03]


# ------------------------------------------------------------------------------------------- order and threads


def test_documents_per_request_and_requests_at_once(serve: Serve) -> None:
    lock, under_way, most, sizes = threading.Lock(), 0, 0, list[int]()

    def answer(conversation: Any, body: Any) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
            sizes.append(len(body["documents"]))
        time.sleep(random.uniform(0.005, 0.03))  # so that answers come in another order
        with lock:
            under_way -= 1
        rerank(conversation, body)

    told: list[int] = []
    many = [Request(f"q{number}", tuple("x" * (number + k) for k in range(5)), "find") for number in range(8)]
    engine = RemoteReranker("m", url=serve(answer) + "/rerank", concurrency=3, batch_size=2)
    scored = engine.score_many(many, None, told.append)
    assert scored.scores == [[(number + k) / 100 for k in range(5)] for number in range(8)]
    assert sorted(sizes) == [1] * 8 + [2] * 16
    assert most == 3
    assert told == sorted(told)
    assert told[-1] == scored.work.pairs == 40
    assert scored.work.forward_calls == 24


# ------------------------------------------------------------------------------------------------ tried again


def failing(*faults: Answer, then: Answer = rerank) -> tuple[Answer, list[int]]:
    """Answer with one fault after another, then rightly; and count the requests."""
    remaining, count = iter(faults), [0]

    def answer(conversation: Any, body: Any) -> None:
        count[0] += 1
        next(remaining, then)(conversation, body)

    return answer, count


def status(code: int, value: Any = None, **headers: str) -> Answer:
    return lambda conversation, body: conversation.reply(value or {"error": "busy"}, code, **headers)


def hang_up(conversation: Any, body: Any) -> None:
    conversation.connection.shutdown(socket.SHUT_RDWR)
    conversation.close_connection = True


def cut_short(conversation: Any, body: Any) -> None:
    """Promises more bytes than it sends."""
    conversation.send_response(200)
    conversation.send_header("Content-Length", "1000")
    conversation.end_headers()
    conversation.wfile.write(b'{"results": [')
    conversation.close_connection = True


ONE = [Request("q", ("d", "dd"), "find")]


@pytest.mark.parametrize("fault", [status(500), status(503), status(429), hang_up, cut_short])
def test_what_passes_is_tried_again(fault: Answer, serve: Serve) -> None:
    answer, count = failing(fault, fault)
    scored = ask(serve(answer) + "/rerank", ONE)
    assert scored.scores == [[0.01, 0.02]]
    assert scored.work.forward_calls == count[0] == 3


def test_what_does_not_pass_is_given_up_after_four_times(serve: Serve) -> None:
    answer, count = failing(*[status(500, {"error": "out of memory"})] * 9)
    with pytest.raises(ModelError, match=r"asked for 2 scores of the model 'm', failed 4 times.*500.*out of memory"):
        ask(serve(answer) + "/rerank", ONE)
    assert count[0] == 4


@pytest.mark.parametrize("never", ["in a while", "Mon, 01 Jan 99999999999 00:00:00 GMT", "9" * 5000])
def test_retry_after_is_honoured(never: str, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(post.time, "sleep", waits.append)
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    odd = [status(429, Retry_After="7"), status(503, Retry_After=soon), status(429, Retry_After=never)]
    answer, count = failing(*odd)
    ask(serve(answer) + "/rerank", ONE)
    assert count[0] == 4
    assert waits[0] == 7
    assert 20 < waits[1] <= 30
    assert waits[2] < 1


def test_a_server_that_wants_an_hour_is_not_waited_for(serve: Serve) -> None:
    answer, count = failing(*[status(429, Retry_After="3600")] * 9)
    with pytest.raises(ModelError, match="wants to be left alone for 3600 s; try later"):
        ask(serve(answer) + "/rerank", ONE)
    assert count[0] == 1


def test_waits_double_and_vary(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(post.time, "sleep", waits.append)
    monkeypatch.setattr(post, "FIRST_WAIT_S", 1.0)
    answer, _ = failing(*[status(500)] * 9)
    with pytest.raises(ModelError):
        ask(serve(answer) + "/rerank", ONE)
    assert len(waits) == 3
    assert all(0.5 * 2**number <= wait <= 1.5 * 2**number for number, wait in enumerate(waits))


def test_a_slow_server_times_out(serve: Serve) -> None:
    over = threading.Event()

    def slow(conversation: Any, body: Any) -> None:
        over.wait(5)
        conversation.close_connection = True

    try:
        with pytest.raises(ModelError, match=r"failed 4 times.*did not answer within 0\.1 s.*timeout_s"):
            ask(serve(slow) + "/rerank", ONE, timeout_s=0.1)
    finally:
        over.set()


def test_a_trickling_server_times_out(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "TRIES", 1)

    def trickle(conversation: Any, body: Any) -> None:
        conversation.send_response(200)
        conversation.send_header("Content-Length", "1000")
        conversation.end_headers()
        for _ in range(100):
            try:
                conversation.wfile.write(b" ")
                conversation.wfile.flush()
            except OSError:
                break
            time.sleep(0.02)
        conversation.close_connection = True

    start = time.monotonic()
    with pytest.raises(ModelError, match=r"did not (finish its )?answer within 0\.2 s"):
        ask(serve(trickle) + "/rerank", ONE, timeout_s=0.2)
    assert time.monotonic() - start < 1.5


def drip(conversation: Any, text: bytes) -> None:
    """Say something every 20 ms, for 5 s at most; each wait by itself is short."""
    for _ in range(250):
        try:
            conversation.wfile.write(text)
            conversation.wfile.flush()
        except OSError:
            break
        time.sleep(0.02)
    conversation.close_connection = True


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
@pytest.mark.parametrize("before", [0, 1], ids=["a new connection", "one that answered before"])
def test_headers_without_end_time_out(first: bytes, before: int, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "TRIES", 1)
    answered = itertools.count()

    def answer(conversation: Any, body: Any) -> None:
        if next(answered) < before:
            rerank(conversation, body)
            return
        conversation.wfile.write(first)
        drip(conversation, b"H" if first.startswith(b"HTTP/1.1 200") else b"HTTP/1.1 100 Continue\r\n\r\n")

    engine = RemoteReranker("m", url=serve(answer) + "/rerank", timeout_s=0.3)
    for _ in range(before):
        engine.score_many(ONE)
    start = time.monotonic()
    with pytest.raises(ModelError, match=r"did not answer within 0\.3 s"):
        engine.score_many(ONE)
    assert time.monotonic() - start < 2


def test_a_server_that_does_not_listen_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts the connection and reads nothing, so that a large request cannot be sent."""
    monkeypatch.setattr(post, "TRIES", 1)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        start = time.monotonic()
        with pytest.raises(ModelError, match=r"did not answer within 0\.3 s"):
            ask(
                f"http://127.0.0.1:{deaf.getsockname()[1]}/rerank",
                [Request("q", ("x" * 20_000_000,), "")],
                timeout_s=0.3,
            )
        assert time.monotonic() - start < 2


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ModelError, match=rf"http://127\.0\.0\.1:{port}/rerank.*failed 4 times.*could not be reached"):
        ask(f"http://127.0.0.1:{port}/rerank", ONE)


# ----------------------------------------------------------------------------------------------- wrong answers


def says(value: Any, code: int = 200, **headers: str) -> Answer:
    return lambda conversation, body: conversation.reply(value, code, **headers)


def results(*held: dict[str, Any]) -> Answer:
    return says({"results": list(held)})


FIRST, SECOND = {"index": 0, "relevance_score": 0.5}, {"index": 1, "relevance_score": 0.25}
HTML = b"<html><body><h1>Welcome to nginx</h1></body></html>"


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (results(FIRST), ScoreError, "answered with 1; the first one missing is index 1.*batch_size"),
        (results(), ScoreError, "answered with 0"),
        (results(FIRST, FIRST), ScoreError, "index 0 twice"),
        (results(FIRST, SECOND, {"index": 2, "relevance_score": 1}), ScoreError, "no index from 0 to 1"),
        (results(FIRST, {"index": -1, "relevance_score": 1}), ScoreError, "no index from 0 to 1"),
        (results(FIRST, {"relevance_score": 1}), ScoreError, "no index"),
        (results(FIRST, {"index": True, "relevance_score": 1}), ScoreError, "no index"),
        (results(FIRST, {"index": "1", "relevance_score": 1}), ScoreError, "no index"),
        (results(FIRST, {"index": 1, "score": 1}), ScoreError, "no number named 'relevance_score'"),
        (results(FIRST, {"index": 1, "relevance_score": "0.3"}), ScoreError, "no number"),
        (results(FIRST, {"index": 1, "relevance_score": None}), ScoreError, "no number"),
        (results(FIRST, {"index": 1, "relevance_score": False}), ScoreError, "no number"),
        (results(FIRST, {"index": 1, "relevance_score": math.nan}), ScoreError, "index 1 is nan"),
        (results(FIRST, {"index": 1, "relevance_score": math.inf}), ScoreError, "index 1 is inf"),
        (results(FIRST, {"index": 1, "relevance_score": 10**400}), ScoreError, "index 1 is 1000"),
        (says([FIRST, SECOND]), ModelError, "an object with a list named 'results'.*#tei"),
        (says({"data": [FIRST]}), ModelError, r"form 'rerank' \(because the url ends in /rerank\)"),
        (says("no"), ModelError, "was expected"),
        (says(b'{"results": [{"index": 0,'), ModelError, "no JSON"),
        (says(b"[" * 100_000), ModelError, "no JSON"),
        (says(b"\xff\xfe"), ModelError, "no JSON"),
        (says(HTML, Content_Type="text/html"), ModelError, r"no JSON \(text/html\).*Welcome to nginx.*check the url"),
        (says(HTML, 404), ModelError, "no such path or model.*Welcome"),
        (says({"detail": "bad"}, 422), ModelError, "422.*bad.*form 'rerank', because the url ends in /rerank"),
        (says({"detail": "too big"}, 413), ModelError, "too large.*batch_size"),
        (says({}, 401), ModelError, r"wants a key; put it in \$RERANKBENCH_API_KEY"),
        (says({}, 204), ModelError, "204"),
    ],
)
def test_a_wrong_answer_is_an_error_that_says_what_came(
    answer: Answer, error: type[Exception], message: str, serve: Serve
) -> None:
    counted, count = failing(answer, answer, answer, answer)
    with pytest.raises(error, match=message) as raised:
        ask(serve(counted) + "/rerank", ONE)
    assert "2 scores" in str(raised.value)
    assert count[0] == 1  # asking again would not help


def test_an_answer_without_end_is_cut_off(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "LARGEST_ANSWER_BYTES", 10_000)
    with pytest.raises(ModelError, match="more than 10000 bytes"):
        ask(serve(says(b"x" * 1_000_000)) + "/rerank", ONE)


GOOD = json.dumps({"results": rows(ONE[0].documents, "relevance_score")}).encode()


@pytest.mark.parametrize(("name", "packed"), [("gzip", gzip.compress(GOOD, mtime=0)), ("deflate", zlib.compress(GOOD))])
def test_an_answer_that_is_packed_unasked_is_read(name: str, packed: bytes, serve: Serve) -> None:
    def answer(conversation: Any, body: Any) -> None:
        assert conversation.headers["Accept-Encoding"] == "identity"
        conversation.reply(packed, Content_Encoding=name)

    assert ask(serve(answer) + "/rerank", ONE).scores == [[0.01, 0.02]]


def test_another_packing_is_refused(serve: Serve) -> None:
    with pytest.raises(ModelError, match="in the encoding 'br, gzip', which was not asked for"):
        ask(serve(says(GOOD, Content_Encoding="br, gzip")) + "/rerank", ONE)


@pytest.mark.parametrize("packed", [gzip.compress(GOOD, mtime=0)[:-9], b"\x1f\x8b\x08 no gzip at all", b""])
def test_a_packed_answer_that_is_damaged_is_tried_again(packed: bytes, serve: Serve) -> None:
    answer, count = failing(says(packed, Content_Encoding="gzip"))
    assert ask(serve(answer) + "/rerank", ONE).scores == [[0.01, 0.02]]
    assert count[0] == 2


def test_a_packed_answer_without_end_costs_no_memory(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "LARGEST_ANSWER_BYTES", 200_000)
    bomb = gzip.compress(bytes(100_000_000), 9)
    assert len(bomb) < 200_000
    pieces: list[int] = []
    read = post.Poster._pieces

    def counted(self: Any, response: Any, asked: str) -> Iterator[bytes]:
        for piece in read(self, response, asked):
            pieces.append(len(piece))
            yield piece

    monkeypatch.setattr(post.Poster, "_pieces", counted)
    with pytest.raises(ModelError, match="more than 200000 bytes"):
        ask(serve(says(bomb, Content_Encoding="gzip")) + "/rerank", ONE)
    assert max(pieces) <= 2**16
    assert sum(pieces) < 300_000


def test_one_failure_ends_the_others(serve: Serve) -> None:
    count = itertools.count()

    def answer(conversation: Any, body: Any) -> None:
        next(count)
        conversation.reply({"detail": "no"}, 400)

    with pytest.raises(ModelError):
        ask(serve(answer) + "/rerank", [Request("q", ("d",) * 200, "find")], batch_size=1, concurrency=2)
    assert next(count) < 100


# -------------------------------------------------------------------------------------------- the key, the url


@pytest.fixture
def with_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RERANKBENCH_API_KEY", f" {KEY}\n")
    yield


@pytest.mark.usefixtures("with_key")
def test_the_key_is_a_bearer_token(serve: Serve) -> None:
    held: list[str] = []

    def answer(conversation: Any, body: Any) -> None:
        held.append(conversation.headers["Authorization"])
        rerank(conversation, body)

    engine = RemoteReranker("m", url=serve(answer) + "/rerank")
    scored = engine.score_many(ONE)
    assert held == [f"Bearer {KEY}"]
    assert KEY not in repr(scored) + repr(engine.notes)


def echo_key(code: int) -> Answer:
    def answer(conversation: Any, body: Any) -> None:
        told = conversation.headers["Authorization"]
        place = {"Location": f"http://b/{told}"} if code == 302 else {}
        conversation.reply({"error": f"Incorrect API key provided: {told}"}, code, **place)

    return answer


@pytest.mark.usefixtures("with_key")
@pytest.mark.parametrize("code", [200, 302, 400, 401, 403, 404, 429, 500])
def test_the_key_stands_in_no_error(code: int, serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(ModelError) as raised:
        ask(serve(echo_key(code)) + "/rerank", ONE)
    chain: BaseException | None = raised.value
    while chain is not None:
        assert KEY not in str(chain)
        chain = chain.__cause__
    if code != 302:  # a log of every header that comes in, which one has to ask for, has what the server put there
        assert KEY not in caplog.text
    if code in {401, 403}:
        assert "refused the key in $RERANKBENCH_API_KEY" in str(raised.value)


@pytest.mark.usefixtures("with_key")
def test_the_key_stands_in_no_score_error(serve: Serve) -> None:
    def answer(conversation: Any, body: Any) -> None:
        conversation.reply({"results": [{"told": conversation.headers["Authorization"]}]})

    with pytest.raises(ScoreError, match=r"Bearer \*\*\*"):
        ask(serve(answer) + "/rerank")


@pytest.mark.usefixtures("with_key")
@pytest.mark.parametrize("code", [200, 400, 401, 404, 413, 429, 503])
def test_a_key_that_stands_where_an_answer_is_cut_is_in_no_error(code: int, serve: Serve) -> None:
    """Half of it would be in the report, where nothing knows it any more."""
    before = [b""]

    def answer(conversation: Any, body: Any) -> None:
        told = conversation.headers["Authorization"]
        conversation.reply(before[0] + told.encode() + b" and more", code, Retry_After="0")

    url = serve(answer) + "/rerank"
    for before[0] in [b"x" * letters for letters in (260, 275, 285, 290)] + [b"x" + b" " * 1980, b"x" + b" " * 1970]:
        with pytest.raises(ModelError) as raised:
            ask(url, ONE)
        assert KEY[:8] not in str(raised.value), len(before[0])


@pytest.mark.usefixtures("with_key")
@pytest.mark.parametrize("size", [2**16, 4 * 2**16 + 4])
@pytest.mark.parametrize("filling", ["x", " ", "😀", f"{KEY} "], ids=["letters", "blanks", "four bytes each", "keys"])
def test_a_key_at_the_end_of_what_is_looked_at_is_in_no_error(filling: str, size: int, serve: Serve) -> None:
    filled = (filling.encode() * (size // len(filling.encode()) + 1))[: size - 10].decode(errors="ignore")
    with pytest.raises(ModelError) as raised:
        ask(serve(says(f"{filled} {KEY} and more".encode(), 400)) + "/rerank", ONE)
    assert KEY[:8] not in str(raised.value)


@pytest.mark.usefixtures("with_key")
@pytest.mark.parametrize("name", ["index", "detail"])
def test_a_key_that_stands_where_a_row_is_cut_is_in_no_error(name: str, serve: Serve) -> None:
    before = [0]

    def answer(conversation: Any, body: Any) -> None:
        row = {"index": 0, name: "y" * before[0] + conversation.headers["Authorization"]}
        conversation.reply({"results": [row]} if before[0] % 2 else {"result": row})

    url = serve(answer) + "/rerank"
    for before[0] in range(90, 160, 5):
        with pytest.raises((ScoreError, ModelError)) as raised:
            ask(url, ONE)
        assert KEY[:8] not in str(raised.value), before


def test_a_key_is_known_as_json_and_an_address_write_it(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    key = 'sk-"quoted"\\and/more+0123456789'
    monkeypatch.setenv("RERANKBENCH_API_KEY", key)
    for value in ({"results": [{"told": key}]}, {"told": key}):
        with pytest.raises((ScoreError, ModelError)) as raised:
            ask(serve(says(value)) + "/rerank", ONE)
        assert "0123456789" not in str(raised.value)
    for code, headers in ((400, {}), (302, {"Location": "http://b/?k=" + quote(key, safe="")})):
        with pytest.raises(ModelError) as raised:
            ask(serve(says({"told": key}, code, **headers)) + "/rerank", ONE)
        assert "0123456789" not in str(raised.value)


@pytest.mark.usefixtures("with_key")
def test_a_key_in_a_header_is_in_no_error(serve: Serve) -> None:
    for before in ("", "x" * 30):
        with pytest.raises(ModelError, match="was not asked for") as raised:
            ask(serve(says({}, Content_Encoding=f"{before}{KEY}")) + "/rerank", ONE)
        assert KEY[:8] not in str(raised.value)


def test_a_count_of_tokens_that_cannot_be_meant_is_none(serve: Serve) -> None:
    def answer(conversation: Any, body: Any) -> None:
        conversation.reply({"data": rows(body["text_2"]), "usage": {"prompt_tokens": 10**400}})

    assert ask(serve(answer) + "/score", ONE).work.tokens is None


@pytest.mark.usefixtures("with_key")
def test_a_redirect_is_not_followed(serve: Serve) -> None:
    elsewhere: list[Any] = []
    other = serve(lambda conversation, body: elsewhere.append(body))
    with pytest.raises(ModelError, match=r"redirects \(307\) to .*not followed; give the final address"):
        ask(serve(says({}, 307, Location=f"{other}/rerank")) + "/rerank", ONE)
    assert elsewhere == []


@pytest.mark.usefixtures("with_key")
def test_a_key_in_the_clear_is_noted() -> None:
    def warned(url: str) -> bool:
        return "without encryption" in " ".join(RemoteReranker("m", url=url).notes)

    assert warned("http://example.org/rerank")
    assert not warned("https://example.org/rerank")
    assert not warned("http://localhost:8000/rerank")
    assert not warned("http://[::1]:8000/rerank")


@pytest.mark.usefixtures("with_key")
def test_a_server_on_this_machine_is_never_asked_through_a_proxy(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the proxy would read the key."""
    overheard: list[Any] = []

    def listen(conversation: Any, body: Any) -> None:
        overheard.append(conversation.headers["Authorization"])
        conversation.reply({}, 403)

    proxy = serve(listen)
    monkeypatch.delenv("NO_PROXY")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy)
    assert ask(serve(rerank) + "/rerank", ONE).scores == [[0.01, 0.02]]
    assert overheard == []


def test_another_server_is_asked_through_the_proxy_of_the_environment(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def forward(conversation: Any, body: Any) -> None:
        asked.append(conversation.path)
        rerank(conversation, body)

    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", serve(forward))
    assert ask("http://reranker.example/rerank", ONE).scores == [[0.01, 0.02]]
    assert asked == ["http://reranker.example/rerank"]


def test_certificates_are_checked() -> None:
    import ssl

    engine: Any = RemoteReranker("m", url="https://example.org/rerank")
    context = engine._poster._client._transport._pool._ssl_context
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("key", ["two words", "line\nend", "schlüssel"])
def test_what_is_no_key_is_refused_unseen(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RERANKBENCH_API_KEY", key)
    with pytest.raises(ConfigError) as raised:
        RemoteReranker("m", url="http://localhost/rerank")
    assert key not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (None, "needs a url"),
        ("", "needs a url"),
        ("localhost:8000/rerank", "no http address"),
        ("ftp://host/rerank", "no http address"),
        ("http:///rerank", "no http address"),
        ("http://host:port/rerank", "cannot be read"),
        ("http://[::1/rerank", "cannot be read"),
        ("http://user:hunter2@host/rerank", "user or password in it"),
        ("http://hunter2@host/rerank", "user or password in it"),
        ("https://host/rerank?api_key=hunter2", r"a secret, by the name 'api_key', in it.*\$RERANKBENCH_API_KEY"),
        ("https://host/rerank?a=1&X-Amz-Signature=hunter2", "a secret, by the name 'X-Amz-Signature'"),
        ("http://u:hunter2@[::1/rerank", "cannot be read"),
        ("u:hunter2@host/rerank", "no http address"),
        ("http://host/", "the last part of its path, ''"),
        ("http://host/v1/embeddings", "the last part of its path, 'embeddings'"),
        ("http://host/rerank#cohere", "#cohere is none of"),
    ],
)
def test_a_url_that_says_too_little_is_refused(url: str | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        RemoteReranker("m", url=url)
    assert "hunter2" not in str(raised.value)


def test_the_form_is_in_the_path_or_behind_the_hash() -> None:
    for url, name in [
        ("http://h/rerank", "rerank"),
        ("https://h/v2/rerank/", "rerank"),
        ("http://h/v1/score", "score"),
        ("http://h/rerank#tei", "tei"),
        ("http://h/any/thing#score", "score"),
    ]:
        address = read_url(url)
        assert (address.wire.name, address.url) == (name, url.partition("#")[0])


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": 0},
        {"concurrency": 10_000},
        {"timeout_s": 0},
        {"timeout_s": math.nan},
        {"timeout_s": math.inf},
        {"revision": "main"},
        {"batch_size": 0},
    ],
)
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        RemoteReranker("m", url="http://localhost/rerank", **options)


def test_a_query_in_the_url_stays_out_of_messages(serve: Serve) -> None:
    with pytest.raises(ModelError) as raised:
        ask(serve(status(400)) + "/rerank?tenant=secret", ONE)
    assert "secret" not in str(raised.value)


def test_reading_an_answer_is_pure() -> None:
    address = read_url("http://h/score")
    question = Question("m", "q", ("a", "b"))
    found = read_answer(address, question, {"data": [{"index": 1, "score": 2}, {"index": 0, "score": -1.5}]})
    assert found == ((-1.5, 2.0), None)
