"""Finding models: folders, assets and hubs. The hub is a real HTTP server on this machine that speaks its API."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from bench import hub
from bench.hub import folder_fault, resolve_model
from bench.types import ModelError

SHA = "0123456789abcdef0123456789abcdef01234567"
CHECKPOINT = {
    "config.json": b'{"model_type": "qwen3"}',
    "tokenizer.json": b"{}",
    "model.safetensors": b"weights",
}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def without(*names: str, **more: bytes) -> dict[str, bytes]:
    return {name: content for name, content in CHECKPOINT.items() if name not in names} | more


# ---------------------------------------------------------------------------------------------- a hub's stand-in


class FakeHub:
    """The part of the Hugging Face API that a download uses. ``files`` are served, ``listed`` is what it claims."""

    def __init__(self, files: dict[str, bytes], listed: dict[str, bytes] | None = None) -> None:
        self.files, self.listed = files, listed or files
        self.requests: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer(body=False)

            def do_GET(self) -> None:
                self.answer(body=True)

            def answer(self, body: bool) -> None:
                outer.requests.append(f"{self.command} {self.path}")
                path, _, query = self.path.partition("?")
                status, headers, content = outer.modelscope(path, query) or outer.response(path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if body:
                    self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def response(self, path: str) -> tuple[int, dict[str, str], bytes]:
        api, commit = "/api/models/org/tiny", {"X-Repo-Commit": SHA}
        if path in (api, f"{api}/revision/main", f"{api}/revision/{SHA}"):
            facts = {"id": "org/tiny", "sha": SHA, "siblings": [{"rfilename": name} for name in self.listed]}
            return 200, {"Content-Type": "application/json"}, json.dumps(facts).encode()
        if path == f"{api}/tree/{SHA}":
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in self.listed.items()
            ]
            return 200, {"Content-Type": "application/json"}, json.dumps(tree).encode()
        name = path.partition(f"/org/tiny/resolve/{SHA}/")[2]
        if name in self.files:
            etag = hashlib.sha1(self.files[name]).hexdigest()
            return 200, {"ETag": f'"{etag}"'} | commit, self.files[name]
        if name:
            return 404, {"X-Error-Code": "EntryNotFound"} | commit, b""
        if path.startswith(f"{api}/revision/"):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        return 404, {"X-Error-Code": "RepoNotFound"}, b""

    def modelscope(self, path: str, query: str) -> tuple[int, dict[str, str], bytes] | None:
        if path == "/":
            return 200, {}, b"here"
        if path == "/api/v1/models/org/tiny/repo/files":
            files = [
                {
                    "Name": name,
                    "Path": name,
                    "Type": "blob",
                    "Size": len(content),
                    "Sha256": sha256(content).hexdigest(),
                }
                for name, content in self.listed.items()
            ]
            return 200, {}, json.dumps({"Code": 200, "Success": True, "Data": {"Files": files}}).encode()
        name = parse_qs(query).get("FilePath", [""])[0]
        if path == "/api/v1/models/org/tiny/repo" and name in self.files:
            return 200, {}, self.files[name]
        return None

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def serve() -> Iterator[Any]:
    hubs: list[FakeHub] = []

    def start(files: dict[str, bytes], listed: dict[str, bytes] | None = None) -> FakeHub:
        hubs.append(FakeHub(files, listed))
        return hubs[-1]

    yield start
    for each in hubs:
        each.stop()


def dead_endpoint() -> str:
    """An address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def ask(
    home: Path,
    endpoint: str,
    name: str = "org/tiny",
    *,
    revision: str | None = None,
    weights: bool = True,
    trusted: bool = False,
    **env: str,
) -> Any:
    """``resolve_model`` in a fresh interpreter, as the client reads its settings once. What went to stderr is kept."""
    code = (
        "import json, sys, logging\n"
        "from bench.hub import locate_model, resolve_model\n"
        "from bench.types import ModelError\n"
        "try:\n"
        "    wanted = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]\n"
        "    if sys.argv[4] == 'tokenizer':\n"
        "        print(json.dumps({'path': str(locate_model(*wanted, weights=False)[0])}))\n"
        "        raise SystemExit\n"
        "    files = resolve_model(*wanted, trusted=sys.argv[4] == 'code')\n"
        "    print(json.dumps({'path': str(files.path), 'revision': files.revision, 'print': files.fingerprint}))\n"
        "except ModelError as error:\n"
        "    print(json.dumps({'error': str(error)}))\n"
    )
    settings = {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "MODELSCOPE_ENDPOINT": endpoint,
        "MODELSCOPE_CACHE": str(home / "modelscope"),
        "no_proxy": "127.0.0.1",
    }
    dropped = ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_DISABLE_PROGRESS_BARS", "MODELSCOPE_DOMAIN")
    inherited = {key: value for key, value in os.environ.items() if key not in dropped}
    place = env.pop("hub", "huggingface")
    kind = "code" if trusted else "all" if weights else "tokenizer"
    start = time.perf_counter()
    done = subprocess.run(  # noqa: PLW1510 (the answer is on stdout, the reason on stderr)
        [sys.executable, "-c", code, name, json.dumps(revision), place, kind],
        env=inherited | settings | env,
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout) | {"stderr": done.stderr, "seconds": time.perf_counter() - start}


# -------------------------------------------------------------------------------------------------- Hugging Face


def test_code_is_fetched_for_a_trial_that_trusts_it_and_for_no_other(serve: Any, tmp_path: Path) -> None:
    """Also where the rest of that commit is in the cache already."""
    config = json.dumps({"model_type": "own", "auto_map": {"AutoModel": "modeling_own.Own"}}).encode()
    server = serve(without("config.json") | {"config.json": config, "modeling_own.py": b"1", "deeper/more.py": b"2"})
    plain = ask(tmp_path, server.url, revision=SHA)
    assert not list(Path(plain["path"]).rglob("*.py"))
    trusted = ask(tmp_path, server.url, revision=SHA, trusted=True)
    assert [path.name for path in sorted(Path(trusted["path"]).rglob("*.py"))] == ["more.py", "modeling_own.py"]
    assert trusted["print"] != plain["print"] == ask(tmp_path, server.url, revision=SHA)["print"]


def test_trusted_code_that_was_never_fetched_is_missed_offline(serve: Any, tmp_path: Path) -> None:
    config = json.dumps({"model_type": "own", "auto_map": {"AutoModel": "modeling_own.Own"}}).encode()
    server = serve(without("config.json") | {"config.json": config, "modeling_own.py": b"1"})
    ask(tmp_path, server.url)
    offline = ask(tmp_path, dead_endpoint(), trusted=True, HF_HUB_OFFLINE="1")
    assert "names the code modeling_own.Own, and has no modeling_own.py" in offline["error"]


@pytest.mark.parametrize("name", ["../../evil.json", "/etc/evil.json", "a/../../evil.json", "..\\evil.json"])
def test_a_hub_that_lists_a_file_elsewhere_gives_none(serve: Any, tmp_path: Path, name: str) -> None:
    server = serve(CHECKPOINT | {name: b"{}"})
    error = ask(tmp_path / "home", server.url)["error"]
    assert "which leads out of the model's folder; nothing was fetched" in error
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_download_then_offline_then_unreachable_from_the_cache(serve: Any, tmp_path: Path) -> None:
    server = serve(CHECKPOINT | {"pytorch_model.bin": b"pickle", "README.md": b"words"})
    first = ask(tmp_path, server.url)
    assert first["revision"] == SHA
    folder = Path(first["path"])
    assert sorted(path.name for path in folder.iterdir()) == sorted(CHECKPOINT)
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert not [request for request in server.requests if "pytorch_model.bin" in request or "README" in request]
    assert first["stderr"] == ""

    offline = ask(tmp_path, dead_endpoint(), HF_HUB_OFFLINE="1")
    assert (offline["path"], offline["print"]) == (first["path"], first["print"])

    unreachable = ask(tmp_path, dead_endpoint())
    assert unreachable["path"] == first["path"]
    assert "using the cached copy of org/tiny: it did not answer" in unreachable["stderr"]
    assert unreachable["seconds"] < 10


def test_a_cached_commit_is_used_without_asking(serve: Any, tmp_path: Path) -> None:
    server = serve(CHECKPOINT)
    first = ask(tmp_path, server.url, revision=SHA)
    asked = len(server.requests)
    again = ask(tmp_path, server.url, revision=SHA)
    assert again["path"] == first["path"]
    assert len(server.requests) == asked


def test_an_unreachable_hub_is_one_error_in_seconds(tmp_path: Path) -> None:
    answer = ask(tmp_path, endpoint := dead_endpoint())
    assert answer["seconds"] < 10
    for part in (
        "'org/tiny'",
        endpoint,
        "config.json",
        "local folder",
        "hub: modelscope",
        "HF_ENDPOINT",
        "hf download",
    ):
        assert part in answer["error"]
    assert answer["stderr"] == ""


def test_a_hub_that_never_answers_is_given_up_in_seconds(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        answer = ask(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert answer["seconds"] < 10
    assert "did not answer" in answer["error"]


def test_offline_without_a_copy_says_so(tmp_path: Path) -> None:
    answer = ask(tmp_path, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE is set" in answer["error"]


def test_weights_that_are_listed_and_missing_are_named(serve: Any, tmp_path: Path) -> None:
    answer = ask(tmp_path, serve(without("model.safetensors"), CHECKPOINT).url)
    assert "lists model.safetensors and does not have it" in answer["error"]


def test_an_incomplete_cached_copy_is_not_used(serve: Any, tmp_path: Path) -> None:
    ask(tmp_path, serve(without("model.safetensors"), CHECKPOINT).url)
    answer = ask(tmp_path, dead_endpoint())
    assert "no model.safetensors" in answer["error"] or "no file of it" in answer["error"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (without("config.json"), "no config.json"),
        (without("tokenizer.json"), "no tokenizer"),
        (without("model.safetensors"), "no model.safetensors"),
        (without("model.safetensors") | {"pytorch_model.bin": b""}, "only pickled weights (pytorch_model.bin)"),
    ],
)
def test_an_incomplete_model_is_known_before_anything_is_fetched(
    serve: Any, tmp_path: Path, files: dict[str, bytes], said: str
) -> None:
    server = serve(files)
    assert said in ask(tmp_path, server.url)["error"]
    assert not [request for request in server.requests if "/resolve/" in request]


def test_a_tokenizer_alone_fetches_no_weights(serve: Any, tmp_path: Path) -> None:
    server = serve(CHECKPOINT)
    alone = ask(tmp_path, server.url, weights=False)
    assert sorted(path.name for path in Path(alone["path"]).iterdir()) == ["config.json", "tokenizer.json"]
    assert ask(tmp_path, dead_endpoint(), weights=False)["path"] == alone["path"]
    assert "no model.safetensors" in ask(tmp_path, dead_endpoint())["error"]
    assert ask(tmp_path, server.url)["path"] == alone["path"]
    assert Path(alone["path"], "model.safetensors").exists()


def test_missing_shards_are_named(serve: Any, tmp_path: Path) -> None:
    index = json.dumps(
        {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    )
    files = without("model.safetensors") | {
        "model.safetensors.index.json": index.encode(),
        "model-00001-of-00002.safetensors": b"",
    }
    assert "missing: model-00002-of-00002.safetensors" in ask(tmp_path, serve(files).url)["error"]


def test_the_hubs_own_no_is_passed_on(serve: Any, tmp_path: Path) -> None:
    server = serve(CHECKPOINT)
    assert "no such model" in ask(tmp_path, server.url, "org/other")["error"]
    assert "no revision 'v9'" in ask(tmp_path, server.url, revision="v9")["error"]


# ---------------------------------------------------------------------------------------------------- ModelScope


def test_modelscope_without_its_client_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "modelscope", None)
    with pytest.raises(ModelError, match=r'pip install "rerankbench\[modelscope\]"'):
        resolve_model("org/tiny", hub="modelscope")


FAKE_MODELSCOPE = """
import os, pathlib
def snapshot_download(model_id, revision=None, allow_patterns=None, local_files_only=False):
    folder = pathlib.Path(os.environ["MODELSCOPE_CACHE"]) / model_id
    assert revision == "master" and "*.safetensors" in allow_patterns and "*.bin" not in allow_patterns
    if not folder.is_dir():
        if local_files_only:
            raise ValueError("not cached")
        folder.mkdir(parents=True)
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            (folder / name).write_text("{}")
    return str(folder)
"""


def test_modelscope_through_a_fake_client_module(serve: Any, tmp_path: Path) -> None:
    """The client is a stand-in of ten lines with the real one's signature; only the knock on the door is HTTP."""
    write(tmp_path / "lib", {"modelscope.py": FAKE_MODELSCOPE.encode()})
    env = {"hub": "modelscope", "PYTHONPATH": str(tmp_path / "lib")}
    missing = ask(tmp_path, endpoint := dead_endpoint(), **env)
    assert f"modelscope ({endpoint})" in missing["error"]
    assert "`hub: huggingface`" in missing["error"]
    assert missing["seconds"] < 10
    fetched = ask(tmp_path, serve({}).url, **env)
    assert fetched["revision"] == "master"
    cached = ask(tmp_path, dead_endpoint(), **env)
    assert cached["path"] == fetched["path"]
    assert "using the cached copy" in cached["stderr"]


def test_modelscope_through_its_real_client_where_it_is_installed(serve: Any, tmp_path: Path) -> None:
    if importlib.util.find_spec("modelscope") is None:
        pytest.skip('the modelscope client is not installed: pip install "rerankbench[modelscope]"')
    server = serve(CHECKPOINT | {"pytorch_model.bin": b"pickle"})
    fetched = ask(tmp_path, server.url, hub="modelscope")
    assert sorted(path.name for path in Path(fetched["path"]).iterdir()) == sorted(CHECKPOINT)
    assert not [request for request in server.requests if "pytorch_model.bin" in request]
    cached = ask(tmp_path, dead_endpoint(), hub="modelscope")
    assert (cached["path"], cached["print"]) == (fetched["path"], fetched["print"])


# ------------------------------------------------------------------------------------------- folders and assets


def test_a_local_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    files = resolve_model(str(write(tmp_path, CHECKPOINT)))
    assert (files.path, files.revision) == (tmp_path.resolve(), "local")


def test_a_folder_has_no_revision(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no revision 'main'"):
        resolve_model(str(write(tmp_path, CHECKPOINT)), "main")


@pytest.mark.parametrize("name", ["./absent", "/absent/folder", "~/absent/x/y", "a/b/c", "", "a b", "org/tiny?"])
def test_a_path_that_is_not_there_is_no_hub_id(name: str) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        resolve_model(name) if name else resolve_model("/" + "absent")


@pytest.mark.parametrize("missing", list(CHECKPOINT))
def test_an_incomplete_folder_names_what_is_missing(tmp_path: Path, missing: str) -> None:
    write(tmp_path, without(missing))
    with pytest.raises(ModelError, match=missing.replace(".", r"\.")):
        resolve_model(str(tmp_path))


@pytest.mark.parametrize("broken", [b"{", b"[]", b'{"weight_map": 3}'])
def test_a_broken_shard_index_is_an_error(tmp_path: Path, broken: bytes) -> None:
    write(tmp_path, without("model.safetensors") | {"model.safetensors.index.json": broken})
    with pytest.raises(ModelError, match=r"index\.json"):
        resolve_model(str(tmp_path))


def test_a_sentence_transformers_folder_may_keep_its_transformer_deeper(tmp_path: Path) -> None:
    parts = "sentence_transformers.models"
    modules = [
        {"path": "0_Transformer", "type": f"{parts}.Transformer"},
        {"path": "1_Pooling", "type": f"{parts}.Pooling"},
    ]
    deeper = {f"0_Transformer/{name}": content for name, content in CHECKPOINT.items()}
    write(tmp_path, {"modules.json": json.dumps(modules).encode()} | deeper)
    before = resolve_model(str(tmp_path)).fingerprint
    write(tmp_path, {"1_Pooling/config.json": b'{"mode": "cls"}'})
    assert resolve_model(str(tmp_path)).fingerprint != before
    (tmp_path / "0_Transformer" / "model.safetensors").unlink()
    assert folder_fault(tmp_path) == "it has no model.safetensors"


def test_an_unknown_asset_lists_the_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "ASSETS", tmp_path)
    write(tmp_path / "tracer", CHECKPOINT)
    assert resolve_model("asset:tracer").revision == "asset"
    with pytest.raises(ModelError, match=r"no model asset:other.*it has tracer"):
        resolve_model("asset:other")
    with pytest.raises(ModelError, match="no model asset:"):
        resolve_model("asset:../tracer")


# --------------------------------------------------------------------------------------------------- fingerprint


def test_the_fingerprint_is_of_names_and_contents_and_not_of_the_place(tmp_path: Path) -> None:
    a = resolve_model(str(write(tmp_path / "a", CHECKPOINT))).fingerprint
    b = resolve_model(
        str(write(tmp_path / "b", CHECKPOINT | {"README.md": b"x", "checkpoint-5/a.json": b""}))
    ).fingerprint
    assert a == b
    assert len(a) == 64


@pytest.mark.parametrize("name", [*CHECKPOINT, "chat_template.jinja", "merges.txt"])
def test_every_file_that_decides_scores_changes_the_fingerprint(tmp_path: Path, name: str) -> None:
    before = resolve_model(str(write(tmp_path, CHECKPOINT))).fingerprint
    write(tmp_path, {name: b'{"other": "content"}'})
    assert resolve_model(str(tmp_path)).fingerprint != before


def test_a_file_is_read_once_for_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, CHECKPOINT)
    first = resolve_model(str(tmp_path)).fingerprint
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert resolve_model(str(tmp_path)).fingerprint == first
