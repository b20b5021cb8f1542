"""Cards of public sets, ``datasets/cards/NAME.yaml``: where a set comes from, pinned, and what it should then hold.

::

    title: SciFact
    mteb: SciFact                      # the task's name in mteb; left out where it has none
    suites: [beir, mteb-eng-v1]
    languages: [en]
    licence: cc-by-nc-4.0
    description: Scientific claims, and abstracts that support or refute them.
    split: test                        # the one that published figures are about
    corpus: 5183                       # documents, and judged queries of that split; left out where not known
    queries: 300
    judgements: 339                    # pairs judged relevant (a grade above 0): published for every set
    drops_own_id: true                 # published figures leave out a document whose id is the query's; default false
    origins:                           # the first is tried first
      - {kind: hub, place: mteb/scifact, layout: mteb-retrieval, revision: …}
    note: What a reader should know before comparing figures.

Cards are facts: a checksum or a size that nobody has published or measured is left out. ``$RERANKBENCH_CARDS`` names a
folder with further cards; one of the same name takes a shipped card's place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.folders import datasets_folder
from bench.reading import as_json, first_problem, read_config, unknown
from bench.shipped import shipped_folder
from bench.types import ConfigError

OWN_CARDS = "RERANKBENCH_CARDS"
Kind = Literal["hub", "url", "ir"]
LAYOUTS = ("beir", "mteb-retrieval", "mteb-reranking", "mteb-instruction", "mteb-edits", "nano", "ir")

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_DIGITS = {"revision": 40, "sha256": 64, "md5": 32}
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Origin:
    """One place that a set can be had from.

    ``place`` is a repository (``mteb/scifact``), an address (``https://…/scifact.zip``) or an id of ir_datasets
    (``beir/scifact/test``). ``layout`` says how the files become a set, see ``LAYOUTS``. ``revision`` is the commit of
    a hub's repository, 40 hexadecimal digits; ``sha256`` and ``md5`` are of an address's file.

    ``subset`` is for a repository that holds several sets side by side: it is the name before the hub's own names of
    the parts, so the subset ``python`` is read from the configurations ``python-corpus``, ``python-queries`` and
    ``python-qrels`` in place of ``corpus``, ``queries`` and ``default``.

    ``files`` are patterns of the files that are needed, inside the repository or archive; empty means all of them.
    ``modelscope`` is the repository's name there. ``size_bytes`` is what is downloaded; None where it is not known.
    """

    kind: Kind
    place: str
    layout: str
    revision: str = ""
    subset: str = ""
    files: tuple[str, ...] = ()
    modelscope: str = ""
    sha256: str = ""
    md5: str = ""
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class SetCard:
    """``corpus``, ``queries`` and ``judgements`` are the counts to expect of ``split``; None where not known.

    ``queries`` are those with a judgement, ``judgements`` the pairs judged relevant (a grade above 0). No ``origins``:
    the set cannot be fetched by this program, and ``note`` says where it is.
    """

    name: str
    title: str
    mteb: str
    suites: tuple[str, ...]
    languages: tuple[str, ...]
    licence: str
    description: str
    split: str
    origins: tuple[Origin, ...]
    corpus: int | None
    queries: int | None
    judgements: int | None
    note: str
    drops_own_id: bool = False


def all_cards() -> tuple[SetCard, ...]:
    """Every card, by name: the shipped ones, and those in ``$RERANKBENCH_CARDS``. Raises ConfigError."""
    return tuple(read_set_card(path) for _, path in sorted(_paths().items()))


def find_card(name: str) -> SetCard:
    """The card of that name. Raises ConfigError, with near names."""
    paths = _paths()
    if name not in paths:
        raise ConfigError(_no_such(name, tuple(sorted(paths))))
    return read_set_card(paths[name])


def card_folder(card: SetCard) -> Path:
    """Where the set lies in BEIR layout once it was fetched; it may not exist. Other revisions have other folders."""
    first = card.origins[0] if card.origins else None
    pin = "" if first is None else first.revision or first.sha256 or first.md5
    return datasets_folder() / "cards" / f"{card.name}-{pin[:8] or 'unpinned'}"


def shipped_cards() -> Path:
    return shipped_folder() / "datasets" / "cards"


def read_set_card(path: Path) -> SetCard:
    """One card. Raises ConfigError, which names the file and the key."""
    if not _NAME.fullmatch(path.stem):
        raise ConfigError(f"{path}: a card's name is small letters, digits and single dashes, such as trec-covid.yaml")
    tree = _tree(path)
    for key in tree:
        if key not in _Card.model_fields:
            raise ConfigError(f"{path}: {unknown('key', str(key), tuple(_Card.model_fields))}")
    for number, origin in enumerate(tree["origins"] if isinstance(tree.get("origins"), list) else (), 1):
        for key in origin if isinstance(origin, dict) else ():
            if key not in _Origin.model_fields:
                known = tuple(_Origin.model_fields)
                raise ConfigError(f"{path}: origin {number}: {unknown('key', str(key), known)}")
    try:
        said = _Card.model_validate_json(as_json(tree, str(path)))
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_problem(error)}") from error
    origins = tuple(_origin(each, f"{path}: origin {number}") for number, each in enumerate(said.origins, 1))
    for key, value in {"title": said.title, "licence": said.licence, "split": said.split}.items():
        if not value.strip():
            raise ConfigError(f"{path}: {key} is empty; say what it is")
    if not origins and not said.note.strip():
        raise ConfigError(f"{path}: origins is empty; say under note where the set is to be had")
    return SetCard(
        name=path.stem,
        title=said.title,
        mteb=said.mteb,
        suites=tuple(said.suites),
        languages=tuple(said.languages),
        licence=said.licence,
        description=" ".join(said.description.split()),
        split=said.split,
        origins=origins,
        corpus=said.corpus,
        queries=said.queries,
        judgements=said.judgements,
        note=" ".join(said.note.split()),
        drops_own_id=said.drops_own_id,
    )


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Origin(_Strict):
    kind: Kind
    place: str
    layout: str
    revision: str = ""
    subset: str = ""
    files: list[str] = []
    modelscope: str = ""
    sha256: str = ""
    md5: str = ""
    size_bytes: int | None = Field(default=None, ge=1)


class _Card(_Strict):
    title: str
    mteb: str = ""
    suites: list[str] = Field(min_length=1)
    languages: list[str] = Field(min_length=1)
    licence: str
    description: str
    split: str
    corpus: int | None = Field(default=None, ge=1)
    queries: int | None = Field(default=None, ge=1)
    judgements: int | None = Field(default=None, ge=1)
    drops_own_id: bool = False
    origins: list[_Origin]
    note: str = ""


def _paths() -> dict[str, Path]:
    """Name -> file; later folders win."""
    return {path.stem: path for folder in _folders() for path in sorted(folder.glob("*.yaml"))}


def _folders() -> Iterator[Path]:
    yield shipped_cards()
    own = os.environ.get(OWN_CARDS)
    if own:
        folder = Path(own).expanduser()
        if not folder.is_dir():
            raise ConfigError(f"${OWN_CARDS} is {own!r}, which is no folder; set it to a folder of cards, or unset it")
        yield folder


def _no_such(name: str, known: tuple[str, ...]) -> str:
    """All names are too many for one line; what is told are those that have ``name`` in them, or the nearest one."""
    within = [each for each in known if len(name) > 1 and name.lower() in each]
    if name.lower() in within:
        hint = f"unknown set {name!r}. Did you mean {name.lower()!r}?"
    elif within:
        more = f" and {len(within) - _SHOWN} more" if len(within) > _SHOWN else ""
        hint = f"unknown set {name!r}. There are {', '.join(within[:_SHOWN])}{more}."
    else:
        hint = unknown("set", name, known).partition(" Known: ")[0]
    return f"{hint} All sets: rerankbench datasets list"


def _tree(path: Path) -> dict[str, Any]:
    """What a card says. Shipped ones are known to be good, and read in a tenth of the time by libyaml's own loader."""
    if path.parent != shipped_cards():
        return read_config(path, "title, suites and origins").tree
    tree: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506  see there
    return tree


# A safe loader, libyaml's where PyYAML was built with it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _origin(said: _Origin, where: str) -> Origin:
    """The rules of each kind. Raises ConfigError."""
    for key, digits in _DIGITS.items():
        value = getattr(said, key)
        if value and not re.fullmatch(rf"[0-9a-f]{{{digits}}}", value):
            raise ConfigError(f"{where}: {key} is {value!r}; expected {digits} hexadecimal digits, small letters")
    if said.layout not in LAYOUTS:
        raise ConfigError(f"{where}: {unknown('layout', said.layout, LAYOUTS)}")
    if (said.layout == "ir") != (said.kind == "ir"):
        raise ConfigError(f"{where}: the layout {said.layout!r} does not go with the kind {said.kind!r}")
    _check_place(said, where)
    for key in ("revision", "subset", "modelscope"):
        if said.kind != "hub" and getattr(said, key):
            raise ConfigError(f"{where}: {key} is for the kind hub, this is {said.kind!r}; leave it out")
    for key in ("sha256", "md5"):
        if said.kind != "url" and getattr(said, key):
            raise ConfigError(f"{where}: {key} is for the kind url, this is {said.kind!r}; leave it out")
    for pattern in said.files:
        if not pattern or pattern.startswith("/") or ".." in PurePosixPath(pattern).parts:
            raise ConfigError(f"{where}: files has {pattern!r}; expected a pattern inside the repository or archive")
    return Origin(**{**said.model_dump(), "files": tuple(said.files)})


def _check_place(said: _Origin, where: str) -> None:
    """What is fetched over a network is pinned, by its revision or by a checksum."""
    if said.kind == "hub":
        if not _REPOSITORY.fullmatch(said.place):
            raise ConfigError(f"{where}: place is {said.place!r}; expected a repository, such as mteb/scifact")
        if said.modelscope and not _REPOSITORY.fullmatch(said.modelscope):
            raise ConfigError(f"{where}: modelscope is {said.modelscope!r}; expected a repository, as place is")
        if not said.revision:
            raise ConfigError(f"{where}: revision is missing; a hub's repository is pinned to a commit (40 digits)")
    elif said.kind == "url":
        if not said.place.startswith(("https://", "http://")):
            raise ConfigError(f"{where}: place is {said.place!r}; expected an address that begins with https://")
        if not (said.sha256 or said.md5):
            raise ConfigError(f"{where}: sha256 or md5 is missing; an address's file is checked before it is used")
    elif not said.place.strip("/ "):
        raise ConfigError(f"{where}: place is {said.place!r}; expected an id of ir_datasets, such as beir/scifact/test")
