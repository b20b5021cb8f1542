"""The Markdown of made-up results, byte for byte, and every number in it found again in what was stored.

To renew ``golden.md`` after a change that is meant, and then to read what changed in it::

    RERANKBENCH_RENEW=1 python -m pytest tests/report/test_golden.py
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, permutations
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from bench import derived
from bench.claims.printed import Printed
from bench.claims.verdict import LEVEL
from bench.claims.words import Claim, Evidence, Figure, Finding, Ruling, Source
from bench.report.groups import by_dataset
from bench.report.markdown import render_markdown
from bench.report.say import catalogue
from bench.stats import bootstrap_mean, paired_bootstrap, paired_randomisation
from bench.study.study import Study
from bench.study.words import ALPHA, POWER, Across, Arm, ArmCost, Conclusion, Contrast, Planned
from bench.types import Agreement, Cost, Interval, Quality, TieRange, Trial, TrialResult, Work

GOLDEN = Path(__file__).with_name("golden.md")
RENEW = "RERANKBENCH_RENEW"
MEASURES = ("ndcg@10", "recall@10", "mrr@10")
MiB = 2**20

# ------------------------------------------------------------------------------------------------ what was stored

QUERIES = 40
ENVIRONMENT = {"rerankbench": "0.1.0", "python": "3.11.9", "cpu": "Example CPU", "device": "cpu", "threads": 2}


def quality(level: float, tied: float = 0.0, reranks: bool = False) -> Quality:
    """Values that rise and fall over the queries; every third query is answered alike by all pipelines."""
    per_query = {
        name: {
            f"q{i:02}": round(min(1.0, 0.35 + 0.013 * i + (level + 0.02 * place if i % 3 else 0.0)), 4)
            for i in range(QUERIES)
        }
        for place, name in enumerate(MEASURES)
    }
    means = {name: bootstrap_mean(list(values.values())) for name, values in per_query.items()}
    ties = {"ndcg@10": TieRange(means["ndcg@10"].mean - 0.013, means["ndcg@10"].mean - 0.006,
                                means["ndcg@10"].mean + 0.004)} if tied else {}  # fmt: skip
    work = Work(800, 40, 112_000, 119_500, 7_500, 9, 1_234) if reranks else Work()
    return Quality(means, per_query, Interval(0.8125, 0.7437, 0.875), tied, work, ties, {"unjudged@10": 0.4175})


def cost(p50_s: float, pairs: int, memory: int) -> Cost:
    """Latencies between 0.8 and 1.59 of the median."""
    latency = tuple(round(p50_s * (0.8 + 0.02 * i), 9) for i in range(QUERIES))
    shares = {"embed": 0.04, "search": 0.06, "tokenise": 0.03, "rerank": 0.87} if pairs else {"search": 1.0}
    return Cost(
        load_s=1.37, index_s=4.21, latency_s=latency,
        stages_s={name: tuple(share * each for each in latency) for name, share in shares.items()},
        offline_s=(p50_s * 31, p50_s * 32, p50_s * 35), offline_queries=QUERIES, offline_pairs=pairs or None,
        baseline_rss_bytes=90 * MiB, peak_rss_bytes=memory, peak_device_bytes=None, reserved_device_bytes=None,
        work=Work(pairs, pairs // 20, pairs * 141, pairs * 152, pairs * 11, 9, 1_234) if pairs else Work(),
        cold_load_s=3.07, warmup_s=(0.2, 0.1), unmeasured={"energy_j": "no meter of this processor can be read"},
    )  # fmt: skip


def facts(name: str, documents: int) -> dict[str, Any]:
    return {
        "name": name, "split": "test", "documents": documents, "queries": QUERIES, "judgements": 171,
        "languages": ["en"], "licence": "CC BY 4.0", "revision": "made up", "checksum": "sha256:" + "c0" * 32,
        "notices": [{"message": "documents with empty text", "count": 3, "example": "corpus.jsonl:17"}],
    }  # fmt: skip


def trial(pipeline: str, dataset: str, **fields: Any) -> Trial:
    return Trial(f"datasets/{dataset}", pipeline, measures=MEASURES, depth=20, device="cpu", dtype="fp32", **fields)


def results() -> list[TrialResult]:
    """Two sets; on the second one trial ran out of memory."""
    dense = {"retriever": "dense", "embedder": "org/embedder"}
    reranked = {**dense, "reranker": "org/reranker", "engine": "packed", "max_length": 512}
    common = {"environment": ENVIRONMENT, "inputs": {"software": "made up"}, "started_at": "2026-03-02T09:15:00+00:00"}
    first, second = facts("manuals", 5_183), facts("商品问答", 912)
    return [
        TrialResult(trial("BM25", "manuals"), "ok", dataset=first, quality=quality(0.0, 0.0433),
                    cost=cost(0.0021, 0, 212 * MiB), wall_s=11.3, **common),
        TrialResult(trial("Embedding", "manuals", **dense), "ok", dataset=first, quality=quality(0.071),
                    cost=cost(0.0308, 0, 951 * MiB), wall_s=23.9, **common),
        TrialResult(trial("Embedding + reranker", "manuals", **reranked), "ok", dataset=first,
                    quality=quality(0.1637, reranks=True),
                    cost=cost(1.93, 800, 2903 * MiB), agreement=Agreement(40, 3.1e-07, 0), wall_s=187.4,
                    warnings=("9 pairs were cut to 512 tokens",), **common),
        TrialResult(trial("Embedding", "products", **dense), "ok", dataset=second, quality=quality(0.0519),
                    cost=cost(0.0296, 0, 948 * MiB), wall_s=19.2, **common),
        TrialResult(trial("Embedding + reranker", "products", **reranked), "oom", "could not allocate 9.3 GiB",
                    dataset=second, **common),
    ]  # type: ignore[arg-type]  # fmt: skip


def rulings() -> tuple[Ruling, ...]:
    """A claim that holds on a sample, and one that nothing here can test."""
    recall = Figure("gain", "ndcg@10", Printed("14.5 points", 0.145, 0.0005, "=", "points", 1), "Reranked")
    latency = Figure("latency", "latency_p95_s", Printed("< 150 ms", 0.15, 0.0005, "<", "ms", 0), "Reranked")
    source = Source("A vendor's brochure", "2026-01", "page 3")
    return (
        Ruling(Claim("gain", "The reranker adds 14.5 points.", source, (recall,), population="proxy"), "consistent",
               "the interval covers it", (Finding(recall, "consistent", "the interval covers it",
                                                  Evidence(0.1091, 0.0871, 0.1517, 40, "proxy")),), ("other data",)),
        Ruling(Claim("speed", "A query takes less than 150 ms.", source, (latency,)), "not testable here",
               "no GPU is here", (Finding(latency, "not testable here", "no GPU is here"),)),
    )  # fmt: skip


def study() -> Study:
    """Two arms against a baseline, chosen on dev, judged on test."""

    def against(arm: str, side: Any, mean: float, p: float, queries: int) -> Contrast:
        interval = Interval(mean, round(mean - 0.0213, 4), round(mean + 0.0197, 4))
        return Contrast("manuals", "ndcg@10", arm, "official", side, "test/dev" if side == "dev" else "test", queries,
                        round(0.6123 + mean, 4), 0.6123, interval, p, min(1.0, 2 * p), 0.413, 0.0307,
                        queries // 2, queries - queries // 2 - queries // 5, queries // 5)  # fmt: skip

    contrasts = (against("plain", "dev", 0.0071, 0.231, 60), against("domain", "dev", 0.0412, 0.0017, 60),
                 against("domain", "test", 0.0379, 0.0041, 140))  # fmt: skip
    return Study(
        "wording", "official", ("ndcg@10",),
        (Arm("official"), Arm("plain", "Find what answers it"), Arm("domain", "Find the manual's step for the fault")),
        contrasts,
        (Conclusion("manuals", "ndcg@10", "domain", "better", "the test queries carry a gain", "test/dev", "test", 60,
                    140, 1, 1),),
        (Planned("manuals", "ndcg@10", "dev", 60, 2, 0.11, "assumed", 0.0445, 0.02, 297),
         Planned("manuals", "ndcg@10", "test", 140, 1, 0.107, "dev", 0.0255, 0.02, 225)),
        (Across("ndcg@10", "domain", "test", 3, Interval(0.0333, 0.0121, 0.0545), 0.0087, 0.0223, 0.0446),),
        costs=(ArmCost("manuals", "dev", "domain", 1200, 169_200, 182_400, 43.7),),
        notes=("two queries of dev have no relevant candidate",),
    )  # fmt: skip


CONFIG = "name: golden\ntrial: {depth: 20}\n"
COMMAND = "rerankbench run golden.yaml"


def rendered() -> str:
    """Two reports, one after the other: trials with claims, and a study."""
    first = render_markdown(results(), CONFIG, COMMAND, rulings())
    return f"{first}\n---\n\n{render_markdown([], CONFIG, COMMAND, (), study())}"


# ---------------------------------------------------------------------------------------------- byte for byte


def test_the_report_is_the_golden_one() -> None:
    made = rendered()
    if os.environ.get(RENEW):
        GOLDEN.write_text(made, encoding="utf-8")
    known = GOLDEN.read_text(encoding="utf-8")
    if made != known:
        changed = difflib.unified_diff(known.splitlines(), made.splitlines(), "golden.md", "now", lineterm="", n=1)
        pytest.fail(f"the report is another; if that is meant, renew it with {RENEW}=1:\n" + "\n".join(changed), False)
    assert GOLDEN.read_bytes() == made.encode()


# ---------------------------------------------------------------------------------------- every number is stored

_ONE = r"[+−-]?\d+(?:,\d{3})*(?:\.\d+)?"
_UNIT = r"\s?(?:%|points|µs|ms|[KMG]iB)(?!\w)"
_NUMBER = re.compile(rf"(?<![\w@.−-])(?P<number>{_ONE})(?:(?P<unit>{_UNIT})|(?![\d.]*\w))")
_INTERVAL = re.compile(
    rf"(?<![\w@.−-])({_ONE})({_UNIT})?\W* \((?:[▲▼] )?({_ONE})(?:{_UNIT})?(?:–| to )({_ONE})(?:{_UNIT})?\)"
)
_SCALES = {"%": 100.0, "points": 100.0, "µs": 1e6, "ms": 1e3, "KiB": 1 / 2**10, "MiB": 1 / 2**20, "GiB": 1 / 2**30}
_RAW = {"per_query", "latency_s", "stages_s", "offline_s", "warmup_s", "trial", "checksum"}
"""What a report sums up and never quotes: so many values that some number would always be among them."""

Three = tuple[float, float, float]


def plain(text: str) -> str:
    """Markdown without its escapes and stars."""
    return re.sub(r"\\([\\`*_{}\[\]<>|#~$&!])", r"\1", text.replace("**", ""))


def numbers(text: str) -> Iterator[tuple[str, str]]:
    """Each number of a text as it stands there, with its unit; names such as ``p50`` and ``@10`` hold none."""
    for found in _NUMBER.finditer(plain(text)):
        yield found["number"], (found["unit"] or "").strip()


def strings_and_numbers(value: Any) -> Iterator[str | float]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name not in _RAW:
                yield from strings_and_numbers(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from strings_and_numbers(each)
    elif isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield value


def kept_intervals(value: Any) -> Iterator[Three]:
    """Every value in the stored JSON that has a lower and an upper end."""
    if isinstance(value, Mapping):
        if {"low", "high"} <= value.keys():
            middle = next(value[name] for name in ("mean", "value", "expected") if name in value)
            yield middle, value["low"], value["high"]
        for each in value.values():
            yield from kept_intervals(each)
    elif isinstance(value, list):
        for each in value:
            yield from kept_intervals(each)


def derived_figures(result: TrialResult) -> Iterator[float | None]:
    """What ``bench.derived`` makes of raw measurements, and means, shares and widths of what was stored."""
    yield from (derived.latency(result, q) for q in (50, 95, 99))
    for of in (
        derived.offline_seconds, derived.queries_per_second, derived.pairs_per_second, derived.offline_variation,
        derived.rss_growth_bytes, derived.memory_bytes, derived.tokens_per_call,
    ):  # fmt: skip
        yield of(result)
    if result.quality:
        work = result.quality.work
        yield derived.padding_share(work)
        yield (work.truncated_pairs or 0) / work.pairs if work.pairs else None
        yield from (of.high - of.low for of in result.quality.ties.values())
    if result.cost:
        yield from map(fmean, (result.cost.latency_s, *result.cost.stages_s.values()))
        yield len(result.cost.latency_s)


def compared(of: Sequence[TrialResult]) -> Iterator[tuple[list[Three], list[float]]]:
    """What two trials of a set are to each other: differences with their intervals; p-values and ratios of latency."""
    for before, after in permutations(of, 2):
        if before.quality and after.quality:
            for name in MEASURES:
                a, b = (list(each.quality.per_query[name].values()) for each in (before, after) if each.quality)
                p, difference = paired_randomisation(a, b), paired_bootstrap(a, b)
                factors = [min(1.0, p * times) for times in (1, 2, 3)]  # Holm's
                yield [(difference.mean, difference.low, difference.high)], factors
        old, new = derived.latency(before, 95), derived.latency(after, 95)
        yield [], [new / old] if old and new else []


def counts(everything: Sequence[TrialResult]) -> Iterator[float]:
    statuses = [result.status for result in everything]
    yield from (len(everything), len(set(statuses)), *(statuses.count(each) for each in set(statuses)))
    groups = by_dataset(everything)
    yield from (len(groups), len(rulings()), *(len(group.results) for group in groups))
    yield from (sum(1 for _ in combinations(group.results, 2)) for group in groups)


@dataclass(frozen=True)
class Stored:
    """Every figure that the report may show, those with an interval, and the numbers that stand in stored text or in a
    sentence of ours."""

    figures: list[float]
    intervals: list[Three]
    said: set[str]


def stored() -> Stored:
    kept = json.loads(json.dumps([asdict(each) for each in (*results(), *rulings(), study())]))
    values = list(strings_and_numbers([*kept, [asdict(result.trial) for result in results()]]))
    figures = [value for value in values if not isinstance(value, str)]
    intervals = list(kept_intervals(kept))
    for result in results():
        figures += [value for value in derived_figures(result) if value is not None]
    for group in by_dataset(results()):
        for spans, others in compared(group.results):
            intervals += spans
            figures += others
    arms = study().arms
    figures += [*counts(results()), len(arms), len(study().contrasts), len(study().conclusions)]
    figures += [LEVEL, POWER, ALPHA, *(value for three in intervals for value in three)]
    texts = [value for value in values if isinstance(value, str)] + [CONFIG, COMMAND, *catalogue()]
    return Stored(figures, intervals, {number for text in texts for number, _ in numbers(text)})


def shows(number: str, value: float, unit: str) -> bool:
    """Whether a value, in its unit and rounded to as many digits, is that number."""
    shown = float(number.replace(",", "").replace("−", "-"))
    half_step = 0.5 * 10.0 ** -len(number.partition(".")[2]) * (1 + 1e-9)
    return abs(value * _SCALES.get(unit, 1.0) - shown) <= half_step


def not_found(text: str, known: Stored) -> list[str]:
    """The numbers of a text that no figure gives, and its intervals that are not of one figure."""
    lost = [
        f"{number} {unit}".strip()
        for number, unit in numbers(text)
        if number not in known.said and not any(shows(number, value, unit) for value in known.figures)
    ]
    for found in _INTERVAL.finditer(plain(text)):
        three, unit = found.group(1, 3, 4), (found[2] or "").strip()
        if not any(all(map(shows, three, values, [unit] * 3)) for values in known.intervals):
            lost.append(found[0])
    return lost


def test_every_number_of_the_report_is_in_what_was_stored() -> None:
    lost = not_found(GOLDEN.read_text(encoding="utf-8"), stored())
    assert not lost, f"no stored or derived figure gives {'; '.join(lost)}"


def raised(number: str) -> str:
    """Two more in the last digit; one could be the other way to round a half."""
    digits = len(number.partition(".")[2])
    value = float(number.replace(",", "").replace("−", "-")) + 2 * 10.0**-digits
    return f"{value:+.{digits}f}" if number[0] in "+−" else f"{value:.{digits}f}"


def test_a_number_that_is_wrong_is_found() -> None:
    """Each figure of three digits with its last one raised: by chance some are another stored figure, intervals never
    are."""
    known, text = stored(), GOLDEN.read_text(encoding="utf-8")
    shown = {(number, unit) for number, unit in numbers(text) if "." in number and len(re.sub(r"\D", "", number)) >= 3}
    wrong = [f"x {raised(number)} {unit}" for number, unit in sorted(shown)]
    missed = [each for each in wrong if not not_found(each, known)]
    assert len(wrong) > 60 and len(missed) < len(wrong) / 3, missed
    spans = {found[0]: found[1] for found in _INTERVAL.finditer(plain(text))}
    assert len(spans) > 15
    for span, number in spans.items():
        assert not not_found(span, known)
        assert not_found(span.replace(number, raised(number), 1), known), span
