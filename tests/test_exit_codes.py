"""Exit codes as the README has them, each from the command line with one line on stderr; tracebacks with --debug."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.cli import main
from bench.types import ConfigError, DataError, DeviceError, ModelError, RerankBenchError, ScoreError, StoreError

Arguments = tuple[object, ...]
KINDS: dict[int, type[RerankBenchError]] = {
    1: RerankBenchError, 2: ConfigError, 3: DataError, 4: ModelError, 5: DeviceError, 6: ScoreError, 7: StoreError,
}  # fmt: skip
TRACEBACK = "Traceback (most recent call last)"


class _Wrong(BaseHTTPRequestHandler):
    """A server of scores that answers with a word."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"results": [{"index": 0, "relevance_score": "high"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Wrong) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}/v1/rerank"
        running.shutdown()
        thread.join()


@pytest.fixture
def failing(tmp_path: Path, root: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Arguments]:
    """A command that fails with a code, by the code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RERANKBENCH_DEBUG", "")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "one.txt").write_text("one\n", encoding="utf-8")
    config = "name: x\ndatasets: [set]\npipelines:\n  P: {depth: five}\n"
    (tmp_path / "x.yaml").write_text(config, encoding="utf-8")
    (tmp_path / "empty").mkdir()
    score = ("score", "q", "--docs", "one.txt", "--model", "asset:tracer-reranker")
    commands: dict[int, Arguments] = {
        1: ("compare", root / "reports" / "quickstart", "copy", "--gate", "ndcg@10 > 0.5"),
        2: ("run", "x.yaml"),
        3: ("datasets", "check", "empty"),
        4: ("run", "x.yaml", "depth=5", "datasets=set", "reranker=asset:nothing"),
        5: (*score, "--device", "cuda:99"),
        6: (*score, "--engine", "http", "--url", server),
        7: ("report", "empty"),
    }

    def command(code: int) -> Arguments:
        if code == 1:
            shutil.copytree(root / "reports" / "quickstart", tmp_path / "copy")
        if code == 4:
            shutil.copytree(root / "datasets" / "tracer", tmp_path / "set")
        return commands[code]

    return command


def test_every_kind_of_error_has_the_code_that_the_readme_names(root: Path) -> None:
    assert {code: kind.exit_code for code, kind in KINDS.items()} == {code: code for code in KINDS}
    assert {each.exit_code for each in RerankBenchError.__subclasses__()} <= set(KINDS)
    for readme in ("README.md", "README.zh.md"):
        text = (root / readme).read_text(encoding="utf-8")
        assert "--debug" in text
        assert all(re.search(rf"(?<!\w){code}(?!\w)", text) for code in KINDS)


@pytest.mark.parametrize("code", KINDS)
def test_a_command_ends_with_the_code_and_one_line(
    code: int, failing: Callable[[int], Arguments], command: Callable[..., tuple[int, str, str]]
) -> None:
    ended, out, err = command(*failing(code))
    assert ended == code, err
    assert TRACEBACK not in out + err
    if code > 1:  # a gate that is broken is a row of the table
        assert re.fullmatch(r"error: [^\n]{20,2000}\n", err)


@pytest.mark.parametrize("code", [code for code in KINDS if code > 1])
def test_the_same_command_shows_its_traceback_where_it_is_asked_for(
    code: int,
    failing: Callable[[int], Arguments],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["rerankbench", "--debug", *map(str, failing(code))])
    try:
        main()
    except SystemExit as ended:
        told, left = capsys.readouterr().err, ended.code
    except RerankBenchError as error:
        told, left = "".join(traceback.format_exception(error)), code
    assert TRACEBACK in told
    assert f"{KINDS[code].__name__}: " in told
    assert left == code


@pytest.mark.parametrize("debug", [False, True])
def test_a_process_too(tmp_path: Path, debug: bool) -> None:
    (tmp_path / "x.yaml").write_text("name: x\nname: y\n", encoding="utf-8")
    command = [sys.executable, "-P", "-m", "bench", *(["--debug"] if debug else []), "run", "x.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (TRACEBACK in done.stderr) == debug
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].endswith(
        "x.yaml line 2: the key 'name' is here a second time; the first is on line 1"
    )
    if not debug:
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
