"""What a config says of a set that is no folder in BEIR layout, and the name that holds all of it.

::

    - {name: tickets, corpus: {file: docs.csv, id: doc_id, text: body, title: subject},
       queries: {file: q.parquet, id: qid, text: question}, qrels: {file: judged.csv, query: q, document: d, grade: g}}
    - {name: cacm, trec: {docs: cacm.trec.gz, topics: topics.txt, qrels: qrels.txt}}
    - {name: faq, reranking: {file: rows.jsonl, query: question, positive: good, negative: bad}}
    - {name: nq, hf: {repository: mteb/nq, revision: …, corpus: {config: corpus, id: _id, text: text}, …}}

A trial's dataset is text, so such a mapping becomes a name, ``tables:{"corpus":…}``, as a drawn workload does: equal
mappings have equal names. Paths in it start from the config's folder. Nothing here touches the disk.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bench.data.parts import parse_part
from bench.reading import checked, first_problem, from_base, inside, shown, standing_elsewhere, told_at, unknown
from bench.types import ConfigError, canonical_json

PLAIN = ("card:", "ir:")
"""Names that are written as they are: a shipped card, an id of ir_datasets."""
TopicField = Literal["title", "description", "narrative"]


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    return text


def _one_mark(text: str) -> str:
    if len(text) != 1 or text in '"\r\n':
        raise ValueError("it must be one character, such as ';', and no quote")
    return text


def _split_name(text: str) -> str:
    """A split becomes a file's name, ``qrels/SPLIT.tsv``, and must not lead out of its folder."""
    if re.search(r"[/\\]", _not_blank(text)) or len(text) > 100:
        raise ValueError("the name of a split has no slash and at most 100 characters")
    return text


def _within_repository(text: str) -> str:
    """A path or pattern that cannot lead out of the folder that it starts from."""
    path = PurePosixPath(_not_blank(text))
    if path.is_absolute() or ".." in path.parts or not path.parts or re.search(r"[\\\0]", text):
        raise ValueError("it must be a path or pattern inside the repository, such as data/*.parquet")
    return text


Said = Annotated[str, AfterValidator(_not_blank)]
Mark = Annotated[str, AfterValidator(_one_mark)]
Split = Annotated[str, AfterValidator(_split_name)]
Inside = Annotated[str, AfterValidator(_within_repository)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Table(_Strict):
    """How a csv or tsv is written; ``delimiter`` None is a comma or a tab, by the file's name."""

    delimiter: Mark | None = None
    quoted: bool = True


class TableFile(Table):
    """A table: csv, tsv, jsonl (each plain or .gz) or parquet, told by its name. ``file`` may be a pattern of parts."""

    file: Said


class CorpusTable(TableFile):
    id: Said
    text: Said
    title: Said | None = None


class QueriesTable(TableFile):
    id: Said
    text: Said


class QrelsTable(TableFile):
    """Without ``grade`` every row is a relevant document."""

    query: Said
    document: Said
    grade: Said | None = None


class RerankingTable(TableFile):
    """Rows of one query each with the texts of its relevant and irrelevant documents."""

    query: Said = "query"
    positive: Said = "positive"
    negative: Said = "negative"
    id: Said | None = None


class HubPart(Table):
    """A part of a dataset repository: a configuration and split of it, or the files that a pattern names."""

    config: str | None = None
    split: str | None = None
    file: Inside | None = None


class HubCorpus(HubPart):
    id: str = "_id"
    text: str = "text"
    title: str | None = None


class HubQueries(HubPart):
    id: str = "_id"
    text: str = "text"


class HubQrels(HubPart):
    query: str = "query-id"
    document: str = "corpus-id"
    grade: str | None = "score"


class HubReranking(HubPart):
    query: str = "query"
    positive: str = "positive"
    negative: str = "negative"
    id: str | None = None


class TablesSpec(_Strict):
    name: str
    corpus: CorpusTable
    queries: QueriesTable
    qrels: dict[Split, QrelsTable]


class TrecSpec(_Strict):
    """``docs`` and ``topics`` may be several files; a folder stands for its files."""

    name: str
    docs: Annotated[tuple[Said, ...], Field(min_length=1)]
    topics: Annotated[tuple[Said, ...], Field(min_length=1)]
    qrels: Annotated[dict[Split, Said], Field(min_length=1)]
    field: TopicField = "title"


class RerankingSpec(_Strict):
    name: str
    split: Split = "test"
    reranking: RerankingTable


class HubSpec(_Strict):
    """Either ``reranking``, or the other three parts."""

    name: str
    repository: Said
    revision: str | None = None
    hub: Literal["huggingface", "modelscope"] = "huggingface"
    corpus: HubCorpus | None = None
    queries: HubQueries | None = None
    qrels: dict[Split, HubQrels] | None = None
    reranking: HubReranking | None = None
    split: Split = "test"


Spec = TablesSpec | TrecSpec | RerankingSpec | HubSpec
_KINDS: dict[str, type[Spec]] = {"tables": TablesSpec, "trec": TrecSpec, "reranking": RerankingSpec, "hf": HubSpec}
_KEYS = {
    "tables": ("name", "corpus", "queries", "qrels"),
    "trec": ("name", "trec"),
    "reranking": ("name", "reranking"),
    "hf": ("name", "hf"),
}
_BESIDE = ("split", "candidates")
"""Keys of an entry that are a trial's fields, and no part of the set."""


# ------------------------------------------------------------------------------------------------------ names


def is_name(dataset: str) -> bool:
    """Whether a trial's dataset is a name, and not a folder."""
    return dataset.startswith(PLAIN) or _kind(dataset) is not None


def is_mapped(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of a config's ``datasets`` is a mapping that this file reads."""
    return any(key in entry for key in ("corpus", "queries", "qrels", "trec", "reranking", "hf"))


def spec_name(spec: Spec) -> str:
    """The set's name as a trial's dataset."""
    kind = next(kind for kind, known in _KINDS.items() if isinstance(spec, known))
    return f"{kind}:{canonical_json(spec.model_dump(mode='json', exclude_defaults=True))}"


def parse_name(dataset: str) -> Spec:
    """The inverse of ``spec_name``. Raises ConfigError."""
    kind = _kind(dataset)
    if kind is None:
        raise ConfigError(f"{dataset!r} is not the name of a set; a config writes such sets as mappings")
    try:
        return _KINDS[kind].model_validate_json(dataset.removeprefix(f"{kind}:"))
    except ValidationError as error:
        raise ConfigError(f"the set {kind}:…: {first_problem(error)}") from error


def label(dataset: str) -> str:
    """What to call a trial's dataset in a line: its given name, or the folder's."""
    kind = _kind(dataset)
    if kind is None:
        return dataset if dataset.startswith(PLAIN) else dataset.rstrip("/").rpartition("/")[2] or dataset
    try:
        return str(json.loads(dataset.removeprefix(f"{kind}:"))["name"])
    except (ValueError, LookupError, TypeError):
        return kind


def _kind(dataset: str) -> str | None:
    return next((kind for kind in _KINDS if dataset.startswith(f"{kind}:{{")), None)


# ----------------------------------------------------------------------------------------------------- configs


def read_entry(entry: Mapping[str, Any], where: str) -> Spec:
    """A config's mapping as a set. Raises ConfigError, which begins with ``where``."""
    kind = next((kind for kind in ("trec", "reranking", "hf") if kind in entry), "tables")
    known = (*_KEYS[kind], *_BESIDE)
    for key in entry:
        if key not in known:
            raise ConfigError(f"{inside(where, key)}: {unknown(f'key of a set ({kind})', str(key), known)}")
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"{where}: the set needs a name, which reports call it by, such as name: tickets")
    where = inside(where, said=f"set {shown(name)}")
    with told_at(inside(where, "split", said="split")):
        part = parse_part(str(entry.get("split", "test")))
    split = str(entry.get("split", "test")) if part is None else part.split
    tree = {
        "tables": lambda: _tables(entry, split),
        "trec": lambda: _trec(entry["trec"], split, where),
        "reranking": lambda: _reranking(entry["reranking"], split),
        "hf": lambda: _hub(entry["hf"], split, where),
    }[kind]()
    outer = {"trec": "trec", "hf": "hf"}.get(kind)
    fields = [(field,) for field in _KINDS[kind].model_fields if outer and field in entry[outer]]
    within = standing_elsewhere(where, {field: (outer, *field) for field in fields}) if outer else where
    spec = checked(_KINDS[kind], {"name": name.strip(), **tree}, within)
    if isinstance(spec, HubSpec):
        _check_hub(spec, where)
    return spec


def with_paths_from_here(entry: Mapping[str, Any], base: Any) -> dict[str, Any]:
    """An entry given on the command line: its paths, from the working folder, as ones that start from ``base``."""
    return {key: _moved(key, value, base) for key, value in entry.items()}


def _moved(key: str, value: Any, base: Any) -> Any:
    if key in ("path", "candidates", "file") and isinstance(value, str):
        return value if is_name(value) else from_base(value, base)
    if key == "hf":
        return value
    if key == "trec" and isinstance(value, dict):
        return {part: value[part] if part == "field" else _every(value[part], base) for part in value}
    if key == "reranking" and isinstance(value, str):
        return from_base(value, base)
    if isinstance(value, dict):
        return {inner: _moved(inner, each, base) for inner, each in value.items()}
    return value


def _every(value: Any, base: Any) -> Any:
    if isinstance(value, dict):
        return {key: _every(each, base) for key, each in value.items()}
    return [_every(each, base) for each in value] if isinstance(value, list) else from_base(value, base)


def _tables(entry: Mapping[str, Any], split: str) -> dict[str, Any]:
    tree = {key: entry[key] for key in ("corpus", "queries", "qrels") if key in entry}
    if "qrels" in tree:
        tree["qrels"] = _by_split(tree["qrels"], split)
    return tree


def _trec(said: Any, split: str, where: str) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise ConfigError(
            f"{inside(where, 'trec')}: trec is {shown(said)}; expected {{docs: …, topics: …, qrels: …}}, or give path: "
            "FOLDER"
        )
    tree = dict(said)
    for key in ("docs", "topics"):
        if isinstance(tree.get(key), str):
            tree[key] = [tree[key]]
    if isinstance(tree.get("qrels"), str):
        tree["qrels"] = {split: tree["qrels"]}
    return tree


def _reranking(said: Any, split: str) -> dict[str, Any]:
    return {"split": split, "reranking": {"file": said} if isinstance(said, str) else said}


def _hub(said: Any, split: str, where: str) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise ConfigError(
            f"{inside(where, 'hf')}: hf is {shown(said)}; expected {{repository: owner/name, revision: …, corpus: …, "
            "…}"
        )
    tree = {"split": split, **said}
    if "qrels" in tree:
        tree["qrels"] = _by_split(tree["qrels"], split)
    return tree


def _by_split(said: Any, split: str) -> Any:
    """One table of judgements is the asked split's; otherwise split -> table."""
    if isinstance(said, dict) and said and all(isinstance(value, dict) for value in said.values()):
        return said
    return {split: said}


def _check_hub(spec: HubSpec, where: str) -> None:
    parts = (spec.corpus, spec.queries, spec.qrels)
    if (spec.reranking is None) == (None in parts) or (spec.reranking is not None and any(parts)):
        raise ConfigError(f"{inside(where, 'hf')}: hf needs corpus, queries and qrels, or reranking alone")
