"""``rerankbench report DIR --serve``: until it is interrupted."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from bench.publish import PageLanguage
from bench.serve.server import make_server

_NICENESS = 10
"""A report takes a processor for some seconds; where trials are being timed they come first."""


def serve_folder(folder: Path, port: int, language: PageLanguage) -> None:
    """Serve the report of a folder on this machine. Returns when the user interrupts it, which is its usual end."""
    with make_server(folder, port, language) as server:
        with suppress(OSError, AttributeError):
            os.nice(_NICENESS)
        try:
            print(f"{folder} at {server.url} (Ctrl-C ends it)", flush=True)
            server.serve_forever()
        except KeyboardInterrupt as stopped:
            if getattr(stopped, "number", signal.SIGINT) != signal.SIGINT:
                raise
