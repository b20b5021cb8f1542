"""The command line. Each command is a thin layer: read options, call one function, print what it returns.

Heavy imports live inside the commands, so that ``--help`` is instant.
"""

from bench.cli.datasets import datasets_app
from bench.cli.main import app, main

__all__ = ["app", "datasets_app", "main"]
