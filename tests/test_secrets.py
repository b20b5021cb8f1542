"""Tokens, keys and passwords: of the environment, of addresses; none of them is left anywhere by a run."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.config.plan import load_plan
from bench.job import Report
from bench.secrets import (
    BLOTTED,
    is_secret_name,
    redacted,
    redacted_throughout,
    said_command,
    secret_in_address,
    secret_values,
)
from bench.types import ConfigError, Interval, ScoredDoc, Work, one_line

NAMES = (
    "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "MODELSCOPE_API_TOKEN", "RERANKBENCH_API_KEY", "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "OPENAI_API_KEY", "SOME_SECRET",
    "PGPASSWORD", "my_token", "WANDB_API_KEY", "DB_PASSWD",
)  # fmt: skip
ENVIRONMENT = {name: f"s3cr3t/{number:02d}+{name.lower()}=" for number, name in enumerate(NAMES)}


# ------------------------------------------------------------------------------------------------------ the function


@pytest.mark.parametrize("name", NAMES)
def test_a_value_is_blotted_out_however_it_is_written(name: str) -> None:
    value = ENVIRONMENT[name]
    text = f"a {value} b {json.dumps({'x': value})} c https://h/?k={quote(value, safe='')} d {value!r}"
    said = redacted(text, ENVIRONMENT)
    assert value not in said
    assert quote(value, safe="") not in said
    assert said == f'a *** b {{"x": "***"}} c https://h/?k=*** d {"***"!r}'
    assert redacted(text.encode(), ENVIRONMENT) == said.encode()


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "TOKENIZERS_PARALLELISM", "KEYBOARD", "MONKEY", "SSH_AUTH_SOCK", "LANG"]
)
def test_what_is_called_otherwise_is_no_secret(name: str) -> None:
    assert not is_secret_name(name)
    assert redacted("a long value", {name: "a long value"}) == "a long value"


def test_the_working_folder_is_none() -> None:
    """Every shell exports it, and no message could name a file."""
    assert redacted("/home/me/project/a.yaml", {"PWD": "/home/me/project"}) == "/home/me/project/a.yaml"
    assert redacted("/home/me/project", {"DB_PWD": "/home/me/project"}) == "***"


@pytest.mark.parametrize("before", range(930, 1000, 3))
def test_no_half_is_left_where_a_long_message_was_cut(before: int) -> None:
    key = "sk-live-ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    for text in ("a" * before + key + "b" * 3000, "a" * 3000 + key + "b" * before):
        said = redacted(one_line(text), {"API_KEY": key})
        assert not [place for place in range(len(key) - 7) if key[place : place + 8] in said]
        assert 1900 < len(said) <= 2000


def test_a_short_value_stands_in_texts_by_chance() -> None:
    assert redacted("1234567 12345678", {"A_TOKEN": "1234567", "B_TOKEN": ""}) == "1234567 12345678"
    assert redacted("1234567 12345678", {"A_TOKEN": "12345678"}) == "1234567 ***"


def test_the_longer_of_two_goes_first() -> None:
    held = {"A_KEY": "password", "B_KEY": "password-and-more", "C_KEY": " padded-secret\n"}
    assert redacted("password-and-more, password, padded-secret", held) == "***, ***, ***"


def test_a_key_of_many_lines_goes_line_by_line() -> None:
    key = '-----BEGIN KEY-----\n"quoted\\line"-0123456789\n-----END KEY-----'
    said = redacted(f"{key}\n{json.dumps(key)}\n  quoted: {key.splitlines()[1]}", {"TLS_KEY": key})
    assert "0123456789" not in said


def test_users_and_passwords_of_addresses_go_too() -> None:
    text = "proxy http://me:word@proxy:8080/ and s3://key@bucket/x, mail a@b.c"
    assert redacted(text, {}) == "proxy http://proxy:8080/ and s3://bucket/x, mail a@b.c"


def test_bytes_that_are_no_text_stay() -> None:
    assert redacted(b"\xff\xfe long-secret-value \x80", {"X_TOKEN": "long-secret-value"}) == b"\xff\xfe *** \x80"


def test_a_report_is_gone_through_and_its_numbers_stay() -> None:
    """A password of digits may stand in a measurement by chance."""
    said = Report(
        "failed", "no 12345678 here", notes=("12345678",), environment={"a": ["12345678", 12345678, None]},
        quality_s=0.12345678, work=Work(pairs=12345678),
    )  # fmt: skip
    assert redacted_throughout(said, {"A_PASSWORD": "12345678"}) == Report(
        "failed", "no *** here", notes=("***",), environment={"a": ["***", 12345678, None]},
        quality_s=0.12345678, work=Work(pairs=12345678),
    )  # fmt: skip
    assert redacted_throughout(Interval(1.0, 0.5, 2.0), ENVIRONMENT) == Interval(1.0, 0.5, 2.0)
    assert redacted_throughout(ScoredDoc("s3cr3t-secret", 1.0), {"A_KEY": "s3cr3t-secret"}) == ScoredDoc("***", 1.0)


@given(st.text(max_size=40), st.text(min_size=8, max_size=20), st.text(max_size=40))
def test_no_value_is_left_and_nothing_else_is_lost(before: str, value: str, after: str) -> None:
    held = {"A_TOKEN": value}
    said = redacted(f"{before}{value}{after}", held)
    for each in secret_values(held):
        assert each not in said.replace(BLOTTED, "\0") or each in BLOTTED * 20
    assert redacted("nothing here", {"A_TOKEN": f"{value}-0123456789"}) == "nothing here"


@given(st.binary(max_size=80))
def test_bytes_without_a_secret_stay_as_they_were(held: bytes) -> None:
    assert redacted(held, {}) == held or b"@" in held


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://u:p@h/score", "a user or password"),
        ("http://p@h/score", "a user or password"),
        ("https://h/rerank?api_key=x", "a secret, by the name 'api_key',"),
        ("https://h/rerank?a=1&access-token=x", "a secret, by the name 'access-token',"),
        ("https://h/rerank?key=", "a secret, by the name 'key',"),
        ("https://h/rerank?X-Amz-Signature=x", "a secret, by the name 'X-Amz-Signature',"),
        ("https://h/rerank?api-version=2&model=monkey", None),
        ("https://h/rerank", None),
        ("http://[::1/rerank", None),
    ],
)
def test_secrets_in_an_address_are_named_and_not_quoted(address: str, said: str | None) -> None:
    assert secret_in_address(address) == said


def test_a_config_with_a_key_in_its_url_is_refused_before_anything_is_kept(small_set: Path, tmp_path: Path) -> None:
    """A trial's url stands in its result, in tables and in reports."""
    config = tmp_path / "c.yaml"
    pipelines = "{P: {reranker: m, engine: http, url: 'https://h/rerank?api_key=hunter2hunter2'}}"
    config.write_text(f"name: n\ndatasets: [{small_set}]\npipelines: {pipelines}\n")
    with pytest.raises(ConfigError, match=r"url has a secret, by the name 'api_key'.*\$RERANKBENCH_API_KEY") as raised:
        load_plan(config)
    assert "hunter2" not in str(raised.value)


def test_a_command_line_is_kept_without_passwords_of_addresses() -> None:
    said = said_command(
        ["run", "c.yaml", "trial.url=http://u:hunter2@h/score", "--track", "mlflow:http://u:p@h?token=x"]
    )
    assert said == "rerankbench run c.yaml trial.url=http://h/score --track mlflow:http://h"


# ------------------------------------------------------------------------------------------------------ a whole run

CONFIG = """
name: secrets
datasets: [{set}]
trial: {{device: cpu, depth: 3, timed_queries: 1, warmup_queries: 0, scenarios: [single_stream]}}
pipelines:
  Searched: {{retriever: bm25s}}
  Broken: {{retriever: bm25}}
  Refused: {{retriever: bm25s, reranker: m, engine: http, url: '{url}'}}
"""
CARELESS = """
import os, sys
if "bench.child" in sys.orig_argv:
    import bench.retrievers.bm25 as careless

    def index(self, corpus):
        told = {name: os.environ[name] for name in NAMES}
        print("careless library:", told, file=sys.stderr, flush=True)
        os.write(2, repr(told).encode() + b"\\xff\\n")
        raise RuntimeError(f"not let in with {told}")

    careless.OkapiRetriever.index = index
"""
"""A library that says in its log, and in an error, whatever it was given."""


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that quotes the key it was sent in its error."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            content = json.dumps({"error": f"wrong key: {self.headers['Authorization']}"}).encode()
            self.send_response(401)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/rerank"
    server.shutdown()
    server.server_close()


def test_a_run_leaves_no_secret_anywhere(small_set: Path, tmp_path: Path, echo: str, root: Path) -> None:
    """Every byte of the results folder, unpacked, and all that was printed."""
    (tmp_path / "careless").mkdir()
    (tmp_path / "careless" / "sitecustomize.py").write_text(f"NAMES = {NAMES!r}\n{CARELESS}")
    (tmp_path / "c.yaml").write_text(CONFIG.format(set=small_set, url=echo))
    out = tmp_path / "out"
    places = {"PYTHONPATH": f"{tmp_path / 'careless'}{os.pathsep}{root}", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bench", "run", str(tmp_path / "c.yaml"), "--out", str(out)],
        env=os.environ | ENVIRONMENT | places,
        capture_output=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said.decode(errors="replace")
    files = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    trials = [json.loads(held) for path, held in files.items() if path.parent.name == "trials"]
    assert sorted(trial["status"] for trial in trials) == ["failed", "failed", "ok"]
    broken, refused = (
        next(trial["message"] for trial in trials if trial["trial"]["pipeline"] == name)
        for name in ("Broken", "Refused")
    )
    assert "not let in with" in broken
    assert "refused the key in $RERANKBENCH_API_KEY" in refused
    assert any(b"careless library" in held for path, held in files.items() if path.suffix == ".log")  # it was said
    files |= {path / "unpacked": gzip.decompress(held) for path, held in files.items() if path.suffix == ".gz"}
    values = [each.encode() for each in secret_values(ENVIRONMENT)]
    assert len(values) >= 2 * len(NAMES)
    for path, held in [*files.items(), (Path("printed"), said)]:
        found = [value for value in values if value in held]
        assert not found, f"{path} holds {found[0]!r}"
