"""The report in a browser of this machine, new as trials finish: ``rerankbench report DIR --serve``.

::

    folder ──look──▶ State ──▶ /state ◀──asks every two seconds── shell (/) ──▶ frame: /report, made when State changes

The report makes no request, its own policy forbids it; so what asks is a page around it. Nothing is written. Nothing
outside this machine can reach the server: it listens on 127.0.0.1, and a request that names another host is refused.
"""

from bench.serve.command import serve_folder
from bench.serve.server import make_server
from bench.serve.watch import Watched

__all__ = ["Watched", "make_server", "serve_folder"]
