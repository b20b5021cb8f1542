"""The served report over a real socket: what it answers, what it refuses, and that it follows a run."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.serve import Watched, make_server
from bench.serve.watch import look
from bench.store import Store, read_result
from bench.types import ConfigError, StoreError

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder as a finished run leaves it."""
    return Path(shutil.copytree(root / "reports" / "quickstart", tmp_path_factory.mktemp("served") / "out"))


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """Where that folder is served."""
    with make_server(folder) as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield made.server_port
        made.shutdown()


def ask(port: int, path: str, method: str = "GET", hosts: tuple[str, ...] | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for host in (f"127.0.0.1:{port}",) if hosts is None else hosts:
        connection.putheader("Host", host)
    connection.endheaders()
    with connection.getresponse() as response:
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plug:
        plug.sendall(request)
        with suppress(ConnectionError):
            return b"".join(iter(lambda: plug.recv(65536), b""))
        return b""


# ------------------------------------------------------------------------------------------------- what it answers


def test_the_shell_frames_the_report_and_may_run_its_own_script_alone(port: int) -> None:
    status, said, page = ask(port, "/")
    text = page.decode()
    assert status == 200 and said["content-type"] == "text/html; charset=utf-8"
    policy = said["content-security-policy"]
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert f"{directive} 'sha256-{b64encode(sha256(inside.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy and "connect-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r'(?:src|href)="([^"]*)"', text) == ["/report"]
    assert json.loads(ask(port, "/state")[2])["version"] in text


def test_the_report_is_the_page_that_the_run_wrote_for_a_browser(port: int) -> None:
    status, said, page = ask(port, "/report")
    assert status == 200 and said["content-security-policy"] == "frame-ancestors 'self'"
    assert b"Content-Security-Policy" in page and b"connect-src" not in page  # its own policy still forbids requests
    assert b"quickstart.yaml" in page and b"Embedding + reranker" in page


def test_the_state_counts_and_dates(port: int, folder: Path) -> None:
    status, said, payload = ask(port, "/state?x=1")
    state = json.loads(payload)
    assert status == 200 and said["content-type"] == "application/json" and said["cache-control"] == "no-store"
    assert state["trials"] == 3 and set(state) == {"trials", "version", "at", "finished"}
    assert state["finished"] and state["at"].endswith("+00:00")


def test_figures_are_served_by_their_names(port: int, folder: Path) -> None:
    for name, kind in (("quality-tracer.png", "image/png"), ("quality-tracer.svg", "image/svg+xml")):
        status, said, payload = ask(port, f"/figures/{name}")
        assert (status, said["content-type"]) == (200, kind) and said["x-content-type-options"] == "nosniff"
        assert payload == (folder / "figures" / name).read_bytes()
    named = folder / "figures" / "质量-集.png"
    named.write_bytes(b"\x89PNG")
    assert ask(port, "/figures/%E8%B4%A8%E9%87%8F-%E9%9B%86.png")[2] == b"\x89PNG"
    named.unlink()


def test_head_says_how_long_it_would_be(port: int) -> None:
    whole, head = ask(port, "/report"), ask(port, "/report", "HEAD")
    assert head[0] == 200 and head[2] == b"" and head[1]["content-length"] == str(len(whole[2]))


# ------------------------------------------------------------------------------------------------- what it refuses


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND"])
def test_other_methods_are_refused(port: int, method: str) -> None:
    status, said, _ = ask(port, "/state", method)
    assert (status, said["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "hosts",
    [
        (),
        ("",),
        ("evil.example",),
        ("evil.example:8000",),
        ("localhost.evil.example",),
        ("127.0.0.1.evil.example",),
        ("evil.example@127.0.0.1",),
        ("127.0.0.1:8000/x",),
        ("[::1]:8000",),
        ("0.0.0.0",),
        ("127.0.0.2",),
        ("localhost", "evil.example"),
    ],
)
def test_a_request_must_name_this_machine(port: int, hosts: tuple[str, ...]) -> None:
    for path in ("/", "/report", "/state", "/figures/quality-tracer.png", "/nothing"):
        status, _, payload = ask(port, path, hosts=hosts)
        assert status == 403 and len(payload) < 100


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9000", "127.0.0.1"])
def test_the_names_of_this_machine_are_known(port: int, host: str) -> None:
    assert ask(port, "/state", hosts=(host,))[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/figures/", "/figures", "/figures/.", "/figures/..", "/trials/", "/run.json", "/summary.csv", "/report.html",
        "/figures/../run.json", "/figures/..%2frun.json", "/figures/%2e%2e/run.json", "/figures/..%5crun.json",
        "//etc/passwd", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/figures//etc/passwd.png",
        "/figures/quality-tracer.png%00", "/figures/quality-tracer.png/", "/figures/%ff.png", "/figures/.hidden.png",
        "/figures/a/quality-tracer.png", "http://127.0.0.1/run.json", "*", "/favicon.ico", "/state/", "/?", "/Report",
    ],
)  # fmt: skip
def test_nothing_else_is_there(port: int, path: str) -> None:
    assert ask(port, path)[0] == (200 if path == "/?" else 404)


def test_links_lead_nowhere(port: int, folder: Path) -> None:
    link = folder / "figures" / "outside.png"
    link.symlink_to(folder / "run.json")
    (folder / "figures" / "inside.png").mkdir()
    try:
        assert ask(port, "/figures/outside.png")[0] == ask(port, "/figures/inside.png")[0] == 404
    finally:
        link.unlink()
        (folder / "figures" / "inside.png").rmdir()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40))
def test_no_path_leaves_the_figures(port: int, path: str) -> None:
    status, _, payload = ask(port, f"/figures/{path}")
    assert status == 404 and payload == b"There is nothing here.\n"


@pytest.mark.parametrize("request_", [b"", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00\xff\r\n\r\n",
                                      b"GET /" + b"a" * 70_000 + b" HTTP/1.0\r\n\r\n"])  # fmt: skip
def test_nonsense_does_no_harm(port: int, request_: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plug, suppress(ConnectionError):
        plug.sendall(request_)
    assert b"200 OK" not in (raw(port, request_) if request_ else b"")
    assert ask(port, "/state")[0] == 200
    assert capfd.readouterr() == ("", "")


@pytest.mark.long
def test_slow_clients_keep_nobody_waiting_and_are_let_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty that begin a request and do not end it; each is let go once it has said nothing for a while."""
    monkeypatch.setattr("bench.serve.server.Handler.timeout", 0.5)
    with make_server(folder) as made, ExitStack() as plugs:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        slow = [
            plugs.enter_context(socket.create_connection(("127.0.0.1", made.server_port), timeout=20))
            for _ in range(50)
        ]
        for plug in slow:
            plug.sendall(b"GET /state HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        assert ask(made.server_port, "/state")[0] == 200
        assert [plug.recv(100) for plug in slow] == [b""] * 50
        made.shutdown()


def test_it_listens_on_one_address_of_this_machine_alone(folder: Path) -> None:
    with make_server(folder) as made:
        assert made.socket.family == socket.AF_INET and made.socket.getsockname()[0] == "127.0.0.1"
        for family, address in ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.2")):
            with suppress(OSError), socket.socket(family) as plug:
                plug.settimeout(2)
                assert plug.connect_ex((address, made.server_port)) != 0, address
        with pytest.raises(ConfigError, match="--port"):
            make_server(folder, made.server_port)


def test_what_is_no_results_folder_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a results folder"):
        make_server(tmp_path)


# ------------------------------------------------------------------------------------------------- a run going on


def test_the_page_follows_a_run_from_its_first_trial_to_its_end(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = root / "reports" / "quickstart"
    trials = sorted((source / "trials").glob("*.json"), key=lambda path: read_result(path).started_at)
    pages: list[int] = []
    render = Watched._render
    monkeypatch.setattr(Watched, "_render", lambda self, state: pages.append(state.trials) or render(self, state))
    store = Store(tmp_path / "out")
    with make_server(store.folder, language="zh") as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        port, versions = made.server_port, []

        def state() -> dict[str, object]:
            found: dict[str, object] = json.loads(ask(port, "/state")[2])
            versions.append(found["version"])
            return found

        assert state() == {"trials": 0, "version": versions[0], "at": "", "finished": False}
        assert ask(port, "/report")[0] == 200
        shutil.copy(trials[0], store.folder / "trials")
        assert state()["trials"] == 1 and not state()["finished"]
        page = ask(port, "/report")[2].decode()
        assert "BM25" in page and "quickstart.yaml" not in page
        assert '<html lang="zh"' in page and '<html lang="zh"' in ask(port, "/")[2].decode()
        ask(port, "/report")
        for trial in trials[1:]:
            shutil.copy(trial, store.folder / "trials")
        (store.folder / "trials" / ".half-written.json.x").write_text("{")
        assert state()["trials"] == 3
        shutil.copy(source / "run.json", store.folder)
        assert state()["finished"]
        assert "quickstart.yaml" in ask(port, "/report")[2].decode()
        first = read_result(trials[0])
        store.write_result(replace(first, message="again"))
        assert state()["finished"]
        store.write_result(replace(first, trial=replace(first.trial, depth=7)))
        assert not state()["finished"]
        (store.folder / "trials" / "broken.json").write_text("{")
        status, _, said = ask(port, "/report")
        assert status == 503 and b"broken.json is damaged" in said
        made.shutdown()
    assert pages == [0, 1, 3, 5]  # a page that nothing has changed is not made again
    assert len(set(versions)) == 6
    assert look(store.folder).trials == 5


def test_the_command_serves_until_it_is_interrupted(folder: Path, interruptible: list[str]) -> None:
    command = [*interruptible, "report", str(folder), "--serve", "--port", "0"]
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline() if process.stdout else ""
        found = re.search(r"http://127\.0\.0\.1:(\d+)/ ", line)
        assert found, line
        assert ask(int(found[1]), "/report")[0] == 200
        process.send_signal(signal.SIGINT)
        try:
            out, wrong = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, out, wrong) == (0, "", "")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    with socket.socket() as plug:
        assert plug.connect_ex(("127.0.0.1", int(found[1]))) != 0


@pytest.mark.parametrize("option", [["--json"], ["--track", "mlflow"]])
def test_serving_goes_with_nothing_else(folder: Path, option: list[str]) -> None:
    command = [sys.executable, "-P", "-m", "bench", "report", str(folder), "--serve", *option]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and option[0] in done.stderr
