"""Sets by their name in ir_datasets, through its own client (an extra of this package)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench.data.writing import Judgement
from bench.fetch.errors import OutOfReachError
from bench.fetch.layouts import Parts
from bench.fetch.offline import OFFLINE, is_offline
from bench.hub.reach import quiet_loggers, short
from bench.types import ConfigError, DataError, Document, Query

EXTRA = 'pip install "rerankbench[ir]"'


def read_ir(name: str) -> Parts:
    """The set of that name; its client downloads what it lacks into $IR_DATASETS_HOME.

    A query's further fields (``narrative``, ``description``) are kept beside it. Grades below 0 are read as 0, judged
    and not relevant. Raises DataError for a set without documents, queries or judgements, and ConfigError for a name
    that is unknown or a client that is not installed.
    """
    try:
        import ir_datasets
    except ImportError as error:
        raise ConfigError(f"ir:{name} is read by ir_datasets, which cannot be imported ({error}): {EXTRA}") from error
    try:
        found = ir_datasets.load(name)
    except KeyError as error:
        raise ConfigError(f"ir_datasets has no set {name!r}; its names are at https://ir-datasets.com") from error
    lacking = [what for what in ("docs", "queries", "qrels") if not found.has(what)]
    if lacking:
        raise DataError(f"ir:{name} has no {' and no '.join(lacking)}; name one of its parts, such as {name}/test")
    with _network(ir_datasets, name):
        judgements = [_judgement(each) for each in found.qrels_iter()]
        judged = {query for query, _, _ in judgements}
        queries = [_query(each) for each in found.queries_iter() if str(each.query_id) in judged]
    return Parts(_documents(ir_datasets, found, name), queries, judgements)


def _documents(library: Any, found: Any, name: str) -> Iterator[Document]:
    with _network(library, name):
        for each in found.docs_iter():
            title = getattr(each, "title", "")
            text = getattr(each, "text", None)
            if isinstance(title, str) and isinstance(text, str):
                yield Document(str(each.doc_id), text, title)
            else:
                yield Document(str(each.doc_id), text if isinstance(text, str) else each.default_text())


def _query(each: Any) -> Query:
    text = getattr(each, "text", None)
    fields = each._asdict().items()
    further = {name: said for name, said in fields if name not in ("query_id", "text") and isinstance(said, str)}
    return Query(str(each.query_id), text if isinstance(text, str) else each.default_text(), further)


def _judgement(each: Any) -> Judgement:
    return str(each.query_id), str(each.doc_id), int(each.relevance)


@contextmanager
def _network(library: Any, name: str) -> Iterator[None]:
    """Its client's failures as ours. Offline, whatever would download is made to fail: it has no switch of its own."""
    library.log.easy().logger()  # takes its level when it is first used
    with quiet_loggers("ir_datasets"), _cut_off(library):
        try:
            yield
        except (DataError, ConfigError):
            raise
        except Exception as error:
            if is_offline():
                raise OutOfReachError(f"ir_datasets gave no {name}: {OFFLINE}, and its files are not here") from error
            reason = "its source cannot be reached" if isinstance(error, OSError) else short(error)
            raise OutOfReachError(f"ir_datasets gave no {name}: {reason}") from error


@contextmanager
def _cut_off(library: Any) -> Iterator[None]:
    downloads = library.util.download
    kinds = [downloads.RequestsDownload, downloads.GoogleDriveDownload, downloads.GoogleCloudBucketStream]
    kept: list[tuple[type, Callable[..., Any]]] = [(kind, kind.stream) for kind in kinds]
    if is_offline():
        for kind in kinds:
            kind.stream = _refuse
    try:
        yield
    finally:
        for kind, stream in kept:
            kind.stream = stream  # type: ignore[attr-defined]


def _refuse(*_: Any) -> Any:
    raise OSError(OFFLINE)
