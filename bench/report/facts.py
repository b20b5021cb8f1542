"""Free-form facts (of a dataset, of a machine) as rows of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.report import words
from bench.report.blocks import Cell, Table
from bench.report.groups import Group
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
    columns = ("Fact", *(group.label for group in groups))
    return Table("The labelled sets", columns, rows, tuple(range(len(columns))))


def notices(group: Group) -> tuple[str, ...]:
    """What reading the set found odd, each once."""
    found = [notice for result in group.results for notice in result.dataset.get("notices") or ()]
    return tuple(dict.fromkeys(_notice(notice) for notice in found))


def _notice(notice: Any) -> str:
    if isinstance(notice, Mapping) and {"message", "count", "example"} <= notice.keys():
        notice = Notice(str(notice["message"]), int(notice["count"]), str(notice["example"]))
    return words.clean(notice)


def environment_table(results: Sequence[TrialResult]) -> Table:
    """What was the same for all trials is said once; what differed is listed."""
    found: dict[str, list[str]] = {}
    for result in results:
        for key, raw in flat(result.environment).items():
            found.setdefault(key, []).append(value(key, raw))
    rows = tuple((Cell(title(key)), Cell(_listed(texts))) for key, texts in found.items())
    return Table("Where the trials ran", ("Fact", "Value"), rows, (0, 1))


_MEASURED = {
    "energy_j": "energy",
    "peak_rss_bytes": "process memory",
    "baseline_rss_bytes": "process memory before loading",
    "peak_device_bytes": "device memory, allocated",
    "reserved_device_bytes": "device memory, reserved",
    "driver_device_bytes": "device memory by the driver's account",
    "cold_load_s": "loading from disk",
    "model_flops": "model FLOPs",
    "peak_flops_per_s": "the device's peak FLOP/s",
    "index_s": "indexing",
}


def unmeasured(results: Sequence[TrialResult]) -> tuple[str, ...]:
    """What could not be measured and why, each once, with how many trials it holds for where not for all."""
    measured = [result.cost for result in results if result.cost]
    found: dict[tuple[str, str], int] = {}
    for cost in measured:
        for field, reason in cost.unmeasured.items():
            key = (_MEASURED.get(field, title(field).lower()), words.clean(reason))
            found[key] = found.get(key, 0) + 1
    return tuple(
        f"Not measured: {what}: {reason}" + (f" ({of} of {len(measured)} trials)" if of < len(measured) else "")
        for (what, reason), of in found.items()
    )


def _listed(texts: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(text for text in texts if text != MISSING)) or [MISSING]
    if len(distinct) == 1:
        return distinct[0]
    more = f"; and {len(distinct) - _AT_MOST} more" if len(distinct) > _AT_MOST else ""
    return "differs by trial: " + "; ".join(distinct[:_AT_MOST]) + more


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
    text = words.clean(key.removeprefix("packages.").removesuffix("_bytes")).replace("_", " ").replace(".", ": ")
    if key.startswith("packages."):
        return text.replace(": ", ".")
    text = {"rerankbench": "RerankBench", "cpu": "CPU", "cuda": "CUDA", "git commit": "Git commit"}.get(text, text)
    return text[:1].upper() + text[1:]


def value(key: str, raw: Any) -> str:
    if raw is None or raw in ("", [], ()):
        return MISSING
    if isinstance(raw, bool):
        return "yes" if raw else "no"
    if key.endswith("_bytes") and isinstance(raw, int | float):
        return words.size(raw)
    if isinstance(raw, int):
        return words.count(raw)
    if isinstance(raw, list | tuple):
        return ", ".join(value("", item) for item in raw)
    return words.clean(raw)
