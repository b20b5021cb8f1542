"""What the tests of fetching share: a host, a cache of their own, and a small set in every published form."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy")


def _load(name: str) -> Any:
    full = f"rerankbench_fetch_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]


@pytest.fixture(scope="session")
def kit() -> Any:
    """``kit.py``."""
    return _load("kit")


@pytest.fixture(scope="session")
def net() -> Any:
    """``local_hub.py``."""
    return _load("local_hub")


@pytest.fixture
def host(net: Any) -> Iterator[Any]:
    running = net.Host()
    yield running
    running.stop()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache and a folder of cards of their own, in this process and those it starts; no proxy, no token."""
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", *PROXIES):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "cards").mkdir()
    monkeypatch.setenv("RERANKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RERANKBENCH_CARDS", str(tmp_path / "cards"))
    return tmp_path


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries take no time."""
    monkeypatch.setattr("bench.fetch.url.time.sleep", lambda seconds: None)


@pytest.fixture
def client(host: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client's settings, which it reads once when it is imported, set to this hub and a cache of its own."""
    from huggingface_hub import constants
    from huggingface_hub.utils import _http

    monkeypatch.setattr(constants, "ENDPOINT", host.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", host.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(place / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(_http.time, "sleep", lambda seconds: None)
    return constants
