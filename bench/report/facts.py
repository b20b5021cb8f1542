"""Free-form facts (of a dataset, of a machine) as rows of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.report import phrases, words
from bench.report.blocks import Cell, Table
from bench.report.groups import Group
from bench.report.say import t
from bench.report.words import MISSING
from bench.types import Notice, TrialResult

_FIRST = ("name", "description", "split", "documents", "corpus", "queries", "judgements", "qrels", "languages",
          "licence", "revision", "checksum", "path")  # fmt: skip
_AT_MOST = 6


def dataset_table(groups: Sequence[Group]) -> Table:
    """One row per fact, one column per dataset."""
    facts = [{**flat(group.results[0].dataset)} for group in groups]
    for group, of_one in zip(groups, facts, strict=True):
        for result in group.results:
            of_one.update({key: value for key, value in flat(result.dataset).items() if key not in of_one})
        of_one.pop("notices", None)
    known = dict.fromkeys(key for of_one in facts for key in of_one)
    keys = [key for key in _FIRST if key in known] + [key for key in known if key not in _FIRST]
    rows = tuple(
        (Cell(title(key)), *(Cell(value(key, of_one.get(key)), code=key == "checksum") for of_one in facts))
        for key in keys
        if key != "name"
    )
    columns = (t("Fact"), *(group.label for group in groups))
    return Table(t("The labelled sets"), columns, rows, tuple(range(len(columns))))


def notices(group: Group) -> tuple[str, ...]:
    """What reading the set found odd, each once."""
    found = [notice for result in group.results for notice in result.dataset.get("notices") or ()]
    return tuple(dict.fromkeys(_notice(notice) for notice in found))


def _notice(notice: Any) -> str:
    if isinstance(notice, Mapping) and {"message", "count", "example"} <= notice.keys():
        notice = Notice(str(notice["message"]), int(notice["count"]), str(notice["example"]))
    return phrases.notice(words.clean(notice))


def environment_table(results: Sequence[TrialResult]) -> Table:
    """What was the same for all trials is said once; what differed is listed."""
    found: dict[str, list[str]] = {}
    for result in results:
        for key, raw in flat(result.environment).items():
            found.setdefault(key, []).append(value(key, raw))
    rows = tuple((Cell(title(key)), Cell(_listed(texts))) for key, texts in found.items())
    return Table(t("Where the trials ran"), (t("Fact"), t("Value")), rows, (0, 1))


def unmeasured(results: Sequence[TrialResult]) -> tuple[str, ...]:
    """What could not be measured and why, each once, with how many trials it holds for where not for all."""
    measured = [result.cost for result in results if result.cost]
    found: dict[tuple[str, str], int] = {}
    for cost in measured:
        for field, reason in cost.unmeasured.items():
            key = (_meter(field), words.clean(reason))
            found[key] = found.get(key, 0) + 1
    return tuple(
        t("Not measured: {what}: {reason}", what=what, reason=reason)
        if of == len(measured)
        else t("Not measured: {what}: {reason} ({n} of {all} trials)", what=what, reason=reason, n=of,
               all=len(measured))
        for (what, reason), of in found.items()
    )  # fmt: skip


def _meter(field: str) -> str:
    named = {
        "energy_j": t("energy"),
        "peak_rss_bytes": t("process memory"),
        "baseline_rss_bytes": t("process memory before loading"),
        "peak_device_bytes": t("device memory, allocated"),
        "reserved_device_bytes": t("device memory, reserved"),
        "driver_device_bytes": t("device memory by the driver's account"),
        "cold_load_s": t("loading from disk"),
        "model_flops": t("model FLOPs"),
        "peak_flops_per_s": t("the device's peak FLOP/s"),
        "index_s": t("indexing"),
    }
    return named.get(field) or title(field).lower()


def _listed(texts: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(text for text in texts if text != MISSING)) or [MISSING]
    if len(distinct) == 1:
        return distinct[0]
    first, more = words.clauses(distinct[:_AT_MOST]), len(distinct) - _AT_MOST
    if more > 0:
        return t("differs by trial: {values}; and {n} more", values=first, n=more)
    return t("differs by trial: {values}", values=first)


def flat(facts: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, the keys joined by a full stop."""
    found: dict[str, Any] = {}
    for key, inner in facts.items():
        if isinstance(inner, Mapping):
            found.update(flat(inner, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = inner
    return found


def title(key: str) -> str:
    """``memory_bytes`` and ``packages.torch`` as people write them."""
    named = _named()
    if key in named:
        return named[key]
    text = words.clean(key.removeprefix("packages.").removesuffix("_bytes")).replace("_", " ").replace(".", ": ")
    if key.startswith("packages."):
        return text.replace(": ", ".")
    return text[:1].upper() + text[1:]


def _named() -> dict[str, str]:
    """Facts that every result may have; others go by their keys."""
    return {
        "name": t("Name"),
        "description": t("Description"),
        "split": t("Split"),
        "documents": t("Documents"),
        "corpus": t("Corpus"),
        "queries": t("Queries"),
        "judgements": t("Judgements"),
        "qrels": t("Qrels"),
        "languages": t("Languages"),
        "licence": t("Licence"),
        "revision": t("Revision"),
        "checksum": t("Checksum"),
        "path": t("Path"),
        "own_documents": t("Own documents"),
        "git_commit": t("Git commit"),
        "system": t("System"),
        "cpu": "CPU",
        "cores_physical": t("Cores physical"),
        "cores_logical": t("Cores logical"),
        "memory_bytes": t("Memory"),
        "device": t("Device"),
        "device_name": t("Device name"),
        "threads": t("Threads"),
        "cuda": "CUDA",
        "load_before": t("Load before"),
        "machine": t("Machine"),
        "rerankbench": "RerankBench",
    }


def value(key: str, raw: Any) -> str:
    if raw is None or raw in ("", [], ()):
        return MISSING
    if isinstance(raw, bool):
        return t("yes") if raw else t("no")
    if key.endswith("_bytes") and isinstance(raw, int | float):
        return words.size(raw)
    if isinstance(raw, int):
        return words.count(raw)
    if isinstance(raw, list | tuple):
        return words.series(value("", item) for item in raw)
    told = words.clean(raw)
    return t("left out of rankings") if told == "left out of rankings" else told
