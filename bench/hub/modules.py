"""The parts of a sentence-transformers model: where each lies in its folder, and what class reads it.

Parts are named by ``modules.json``, and a ``Router`` names further ones in a file of its own. A path that leads out of
the folder is an error here, before anything is opened by it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from bench.types import ModelError

LARGEST_JSON_BYTES = 64 * 2**20
"""A configuration or a list of shards of more than this is none."""
MOST_PARTS = 64
_LIBRARY = re.compile(r"sentence_transformers(\.\w+)*\.(models|modules)(\.\w+)*")
_ROUTERS = (".Router", ".Asym")
_ROUTES = ("router_config.json", "config.json")


def modules(folder: Path) -> Mapping[str, str]:
    """Path in the folder -> class of every part; ``{"": ""}`` for a model that is no sentence-transformers model.

    Raises ModelError for a list that cannot be read, and for a path that is not one of the folder's own.
    """
    listed = folder / "modules.json"
    if not listed.is_file():
        return {"": ""}
    try:
        coming = [(str(module["path"]), str(module["type"]), listed) for module in read_json(listed)]
    except (TypeError, KeyError) as error:
        raise ModelError(f"{listed} is not a list of modules with `path` and `type`") from error
    found: dict[str, str] = {}
    for path, kind, named_in in coming:  # grows while it is gone through
        if not is_inside(path) or len(coming) > MOST_PARTS:
            fault = f"more than {MOST_PARTS} parts" if is_inside(path) else f"the folder {path!r}, not one of its own"
            raise ModelError(
                f"{named_in} names {fault}, and nothing is read there; get the model from its makers again"
            )
        found[path] = kind
        said = next((at for name in _ROUTES if (at := folder / path / name).is_file()), None)
        if kind.endswith(_ROUTERS) and said is not None:
            routes = read_json(said)
            below = routes.get("types") if isinstance(routes, dict) else None
            for place, each in (below if isinstance(below, dict) else {}).items():
                inside = str(PurePosixPath(path, place)) if is_inside(place) else place
                coming.append((inside, str(each), said))
    return found


def is_inside(name: str) -> bool:
    """Whether a relative name stays in its folder on any system: no root, no drive, no ``..``, nothing unseen."""
    parts = PureWindowsPath(name)
    return not parts.anchor and ".." not in parts.parts and (not name or name.isprintable())


def is_library_class(kind: str) -> bool:
    """Whether a part's class is one of the library's own, whose import runs nothing that came with the model."""
    return _LIBRARY.fullmatch(kind) is not None


def read_json(path: Path) -> Any:
    """The JSON in a file. Raises ModelError for one that cannot be read, is too large or nests too deep."""
    try:
        if (size := path.stat().st_size) > LARGEST_JSON_BYTES:
            raise ModelError(f"{path} has {size:,} bytes; a model's JSON has at most {LARGEST_JSON_BYTES:,}")
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read as JSON: {error}") from error
