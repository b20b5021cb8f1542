"""``rerankbench report DIR --serve``: until it is interrupted."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from bench.publish import PageLanguage
from bench.serve.server import make_server

_NICENESS = 10
"""A report takes a processor for some seconds; where trials are being timed they come first."""


def serve_folder(folder: Path, port: int, language: PageLanguage) -> None:
    """Serve the report of a folder on this machine. Returns when the user interrupts it."""
    with make_server(folder, port, language) as server:
        with suppress(OSError, AttributeError):
            os.nice(_NICENESS)
        print(f"{folder} at {server.url} (Ctrl-C ends it)", flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
