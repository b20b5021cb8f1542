"""A small HTTP server for one results folder and one machine: four addresses to read, and nothing else.

::

    /                 the shell
    /report           the report, made when the folder holds something else than before
    /state            what the folder holds: {"trials", "version", "at", "finished"}
    /figures/NAME     a figure of the last finished run

It listens on 127.0.0.1 alone. A page of another site could still have its own name lead to that address and then read
what is here (DNS rebinding), so that a request must name this machine in its Host header.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any
from urllib.parse import unquote

from bench.publish import PageLanguage
from bench.report.say import Language
from bench.serve.shell import policy, shell
from bench.serve.watch import Watched
from bench.types import ConfigError, RerankBenchError

ADDRESS = "127.0.0.1"
_HOST = re.compile(r"(localhost|127\.0\.0\.1)(:[0-9]{1,5})?", re.IGNORECASE)
_FIGURE = re.compile(r"/figures/(\w[\w.-]{0,200}\.(png|svg))")
_TYPES = {"png": "image/png", "svg": "image/svg+xml"}
_HTML, _TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Found:
    payload: bytes
    kind: str
    policy: str = "default-src 'none'"


class Server(ThreadingHTTPServer):
    """Serves ``watched``; a thread for each request, which ends with the process."""

    daemon_threads = True

    def __init__(self, port: int, watched: Watched, language: Language) -> None:
        self.watched, self.language = watched, language
        super().__init__((ADDRESS, port), Handler)

    def server_bind(self) -> None:
        """Without the question to the name service that HTTPServer asks here."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away is no error; anything else is one line, and the next request is answered."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            print(f"error: {type(error).__name__}: {error}", file=sys.stderr)

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    """GET and HEAD of the addresses above."""

    server: Server
    server_version, sys_version = "RerankBench", ""
    timeout = _PATIENCE_S

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Any other method is refused; the base class looks for ``do_METHOD``."""
        if name.startswith("do_"):
            return lambda: self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"Only GET and HEAD.\n", Allow="GET, HEAD")
        raise AttributeError(name)

    def _answer(self) -> None:
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0].strip()):
            self._send(HTTPStatus.FORBIDDEN, b"This report is for a browser of this machine: http://127.0.0.1/\n")
            return
        try:
            found = self._found(self.path.partition("?")[0])
        except RerankBenchError as error:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n".encode(errors="replace"))
            return
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, b"There is nothing here.\n")
        else:
            self._send(HTTPStatus.OK, found.payload, found.kind, Content_Security_Policy=found.policy)

    def _found(self, place: str) -> Found | None:
        """What lies at an address."""
        watched = self.server.watched
        if place == "/":
            return Found(shell(watched.state().version, self.server.language), _HTML, policy())
        if place == "/report":  # the page has a stricter policy of its own; this part of one only a header can say
            return Found(watched.page(), _HTML, "frame-ancestors 'self'")
        if place == "/state":
            return Found(json.dumps(asdict(watched.state())).encode(), "application/json")
        named = _FIGURE.fullmatch(unquote(place, errors="replace"))
        payload = watched.figure(named[1]) if named else None
        return None if named is None or payload is None else Found(payload, _TYPES[named[2]])

    def _send(self, status: HTTPStatus, payload: bytes, kind: str = _TEXT, **headers: str) -> None:
        self.send_response(status)
        said = {
            "Content-Type": kind,
            "Content-Length": str(len(payload)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        for name, value in said.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what a person wants to know stands in the page."""


def make_server(folder: Path, port: int = 0, language: PageLanguage = "auto") -> Server:
    """Bound and not yet serving; port 0 is any that is free.

    Raises StoreError for what is no results folder, ConfigError for a port that is taken.
    """
    watched = Watched(folder, language)
    try:
        return Server(port, watched, "zh" if language == "zh" else "en")
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"port {port} of this machine cannot be had ({error}); choose another with --port, 0 for any that is free"
        ) from error
