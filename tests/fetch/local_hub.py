"""A hub and a file host on this machine: real HTTP, with the faults that the network has, on demand.

``Host`` serves repositories of data sets as the Hugging Face hub does (its API, ``resolve`` addresses that redirect
large files to another host, ``X-Repo-Commit``, ``X-Linked-Etag``) and plain files with ranges. ``faults`` holds what is
to go wrong, by path, each once; ``lasting`` what goes wrong always. ``requests`` keeps what was asked, in order.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE_BYTES = 200
"""From here on a file is kept as large ones are (LFS), and known by its sha256."""


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    range: str
    if_range: str


@dataclass
class Repository:
    """``files`` as the hub lists them; ``served`` are other bytes than those listed, by name."""

    files: dict[str, bytes]
    served: dict[str, bytes] = field(default_factory=dict)
    gated: bool = False


@dataclass
class Plain:
    """A file of a plain host. Without a ``mark`` it has no ETag and no date."""

    content: bytes
    mark: str = '"one"'
    ranges: bool = True


@dataclass(frozen=True, slots=True)
class Fault:
    """``status`` is answered instead; or the connection is cut after ``cut_after`` bytes; or it waits ``wait_s``."""

    status: int = 0
    cut_after: int = -1
    wait_s: float = 0.0
    redirect: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class Host:
    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.plain: dict[str, Plain] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.lasting: dict[str, Fault] = {}
        self.requests: list[Asked] = []
        self.before_body: Callable[[str], None] = lambda path: None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.cdn = f"http://localhost:{self.server.server_port}"
        """By another name: the client does not take a redirect to another host for the hub's own answer."""
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def asked(self, part: str, method: str = "GET") -> list[Asked]:
        """Requests whose path holds ``part``."""
        return [each for each in self.requests if part in each.path and each.method == method]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                host.answer(self, body=False)

            def do_GET(self) -> None:
                host.answer(self, body=True)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    # ------------------------------------------------------------------------------------------------- answering

    def answer(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        path, _, query = request.path.partition("?")
        asked = Asked(request.command, path, request.headers.get("Range", ""), request.headers.get("If-Range", ""))
        self.requests.append(asked)
        fault = self.lasting.get(path)
        if fault is None and body and self.faults.get(path):
            fault = self.faults[path].pop(0)
        fault = fault or Fault()
        time.sleep(fault.wait_s)
        if fault.redirect:
            self._send(request, 302, {"Location": fault.redirect}, b"", body=body)
        elif fault.status:
            self._send(request, fault.status, dict(fault.headers), b"", body=body)
        elif path in self.plain:
            self.before_body(path)
            self._plain(request, asked, self.plain[path], body=body, cut_after=fault.cut_after)
        else:
            status, headers, content = self._modelscope(path, query) or self._hub(path)
            self._send(request, status, headers, content, body=body, cut_after=fault.cut_after)

    def _send(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        headers: dict[str, str],
        content: bytes,
        *,
        body: bool,
        cut_after: int = -1,
    ) -> None:
        request.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            request.send_header(name, value)
        request.end_headers()
        if body:
            request.wfile.write(content if cut_after < 0 else content[:cut_after])
            request.wfile.flush()
        request.close_connection = True

    def _plain(self, request: BaseHTTPRequestHandler, asked: Asked, file: Plain, *, body: bool, cut_after: int) -> None:
        headers = {"ETag": file.mark} if file.mark else {}
        start = re.fullmatch(r"bytes=(\d+)-", asked.range)
        if start is None or not file.ranges or (asked.if_range and asked.if_range != file.mark):
            self._send(request, 200, headers, file.content, body=body, cut_after=cut_after)
            return
        first, total = int(start[1]), len(file.content)
        if first >= total:
            self._send(request, 416, {"Content-Range": f"bytes */{total}"}, b"", body=body)
            return
        headers["Content-Range"] = f"bytes {first}-{total - 1}/{total}"
        self._send(request, 206, headers, file.content[first:], body=body, cut_after=cut_after)

    def _modelscope(self, path: str, query: str) -> tuple[int, dict[str, str], bytes] | None:
        """The part of ModelScope's API that a download of a data set uses; None for what is not its."""
        if path == "/":
            return 200, {}, b"here"
        for name, repository in self.repositories.items():
            if path == f"/api/v1/datasets/{name}/repo/tree":
                listed = [_modelscope_entry(each, content) for each, content in repository.files.items()]
                return _json({"Code": 200, "Success": True, "Data": {"Files": listed, "TotalCount": len(listed)}})
            file = parse_qs(query).get("FilePath", [""])[0]
            if path == f"/api/v1/datasets/{name}/repo" and file in repository.files:
                return 200, {}, repository.served.get(file, repository.files[file])
        return None

    def _hub(self, path: str) -> tuple[int, dict[str, str], bytes]:
        for name, repository in self.repositories.items():
            if path.startswith(f"/api/datasets/{name}"):
                return _api(name, path.removeprefix(f"/api/datasets/{name}"), repository)
            if path.startswith(f"/datasets/{name}/resolve/{COMMIT}/"):
                return self._resolve(name, path.partition(f"/resolve/{COMMIT}/")[2], repository)
            stored = path.removeprefix(f"/cdn/{name}/")
            if stored in repository.files:
                return 200, {"ETag": '"cdn"'}, repository.served.get(stored, repository.files[stored])
        return 404, {"X-Error-Code": "RepoNotFound"}, b""

    def _resolve(self, name: str, file: str, repository: Repository) -> tuple[int, dict[str, str], bytes]:
        headers = {"X-Repo-Commit": COMMIT}
        if file not in repository.files:
            return 404, headers | {"X-Error-Code": "EntryNotFound"}, b""
        content = repository.files[file]
        if len(content) < LARGE_BYTES:
            return 200, headers | {"ETag": f'"{_git_hash(content)}"'}, repository.served.get(file, content)
        headers |= {"X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Linked-Size": str(len(content))}
        return 302, headers | {"Location": f"{self.cdn}/cdn/{name}/{file}"}, b""


def _api(name: str, path: str, repository: Repository) -> tuple[int, dict[str, str], bytes]:
    if repository.gated:
        return 403, {"X-Error-Code": "GatedRepo"}, b""
    if path in ("", f"/revision/{COMMIT}", "/revision/main"):
        return _json({"id": name, "sha": COMMIT, "siblings": [{"rfilename": each} for each in repository.files]})
    if path in (f"/tree/{COMMIT}", "/tree/main"):
        return _json([_entry(each, content) for each, content in repository.files.items()])
    return 404, {"X-Error-Code": "RevisionNotFound"}, b""


def _json(value: Any) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _entry(name: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": _git_hash(content)}
    if len(content) >= LARGE_BYTES:
        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return entry


def _modelscope_entry(name: str, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {"Name": name.rpartition("/")[2], "Path": name, "Type": "blob", "Size": len(content), "Sha256": digest}


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
