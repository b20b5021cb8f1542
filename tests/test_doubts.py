"""Figures that cannot be trusted are said so: a score that is no number stops the trial, a doubt is told everywhere."""

from __future__ import annotations

import io
import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from bench.claims import measures as claimed_measures
from bench.claims.gather import evidence
from bench.claims.printed import parse_printed
from bench.claims.verdict import decide
from bench.claims.words import Claim, Evidence, Figure, Finding, Missing, Reach, Ruling, Source
from bench.judge import doubts, judge
from bench.keys import quality_key
from bench.machine.steadiness import doubts_of_time
from bench.pipeline import Pipeline
from bench.prepare import Prepared
from bench.publish import publish
from bench.report.doubted import warning, warnings_of
from bench.report.markdown import render_markdown
from bench.report.say import Language, speaking
from bench.report.terminal import print_claims, print_table, print_warnings
from bench.rerankers import ENGINES, engine_class, load_reranker
from bench.retrievers.bm25 import OkapiRetriever
from bench.retrievers.bm25s import Bm25sRetriever
from bench.retrievers.dense import DenseRetriever
from bench.retrievers.encoder import load_encoder
from bench.retrievers.given import GivenRetriever
from bench.store import Store
from bench.types import (
    Cost,
    DataError,
    Dataset,
    Document,
    Qrels,
    QualityPass,
    Query,
    Run,
    ScoreError,
    Trial,
    TrialResult,
    Work,
    rank,
)

QUERIES = tuple(f"q{n}" for n in range(20))
QRELS: Qrels = {query: {"a": 1, "b": 0} for query in QUERIES}
SHOWN = Trial("set", "Embedding + reranker", measures=("ndcg@10", "mrr@10"), depth=10, reranker="org/reranker")


def spread(*doc_ids: str) -> Any:
    return rank((doc_id, -place) for place, doc_id in enumerate(doc_ids))


SOUND: Run = {query: spread("a", "b") for query in QUERIES}
LEVEL: Run = {query: rank([("a", 0.5), ("b", 0.5)]) for query in QUERIES}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    corpus = tuple(Document(doc_id, "text") for doc_id in ("a", "b", "c"))
    return Dataset("set", "test", corpus, tuple(Query(q, "text") for q in QUERIES), QRELS, "sha256:0", Path("set"))


# ------------------------------------------------------------------------------------------ doubts, kind by kind


@dataclass(frozen=True)
class Kind:
    """A doubt: how it comes about, the words it is known by, what it advises, and a part of its Chinese."""

    made: Callable[[Dataset], Sequence[str]]
    known_by: str
    advice: str
    chinese: str


def of_run(run: Run, work: Work = Work(), **fields: Any) -> Callable[[Dataset], Sequence[str]]:  # noqa: B008
    """The doubts of a run that was judged."""

    def made(dataset: Dataset) -> Sequence[str]:
        trial = replace(SHOWN, **fields)
        result = TrialResult(trial, "ok", quality=judge(trial, dataset, run, run, work))
        return doubts(result, dataset, run)

    return made


def of_times(**fields: Any) -> Callable[[Dataset], Sequence[str]]:
    held = Cost(0.1, None, (), {}, (), 2, None, 1, 2, None, None, Work())
    return lambda dataset: doubts_of_time(replace(held, **fields))


def of_machine(load: float, cores: int) -> Callable[[Dataset], Sequence[str]]:
    environment = {"load_before": load, "cores_logical": cores}
    return lambda dataset: doubts(TrialResult(SHOWN, "ok", environment=environment), dataset, SOUND)


def some(found: Mapping[str, Any]) -> Run:
    """The sound run, but for these queries."""
    return {**SOUND, **found}


KINDS = {
    "beyond the depth": Kind(
        of_run(SOUND, measures=("recall@100",)), "recall@100: nothing is ranked below depth 10", "raise depth",
        "recall@100：候选深度为 10，其后没有排名",
    ),
    "no results": Kind(
        of_run(some({"q1": ()})), "1 of 20 queries have no results and count 0", "take another first stage",
        "20 个查询中有 1 个没有结果，按 0 计",
    ),
    "a whole run alike": Kind(
        of_run(LEVEL), "every candidate of every query has one and the same score: the reranker has decided nothing",
        "see `rerankbench doctor`", "所有查询的所有候选得分全都相同：重排序器什么也没有决定",
    ),
    "a query's candidates alike": Kind(
        of_run(some({"q3": LEVEL["q3"]})),
        "every candidate of 1 of 20 queries has the same score: the reranker has decided nothing",
        "see `rerankbench doctor`", "20 个查询中有 1 个，其全部候选得分相同：重排序器",
    ),
    "every query alike, each otherwise": Kind(
        of_run({query: rank([("a", place), ("b", place)]) for place, query in enumerate(QUERIES)}),
        "every candidate of 20 of 20 queries has the same score: the reranker has decided nothing",
        "see `rerankbench doctor`", "20 个查询中有 20 个，其全部候选得分相同：重排序器",
    ),
    "a first stage alike": Kind(
        of_run(LEVEL, reranker=None),
        "every candidate of every query has one and the same score: the first stage has decided nothing",
        "take another one", "所有查询的所有候选得分全都相同：第一阶段什么也没有决定",
    ),
    "a first stage's candidates alike": Kind(
        of_run(some({query: LEVEL[query] for query in QUERIES[:2]}), reranker=None),
        "every candidate of 2 of 20 queries has the same score: the first stage has decided nothing",
        "take another one", "20 个查询中有 2 个，其全部候选得分相同：第一阶段",
    ),
    "ties": Kind(
        of_run(LEVEL), "100% of neighbours in the top 10 tie; ids decide their order; quote figures", "with the range",
        "前 10 名中相邻文档有 100% 得分相同，先后由 id 决定；引用数值时",
    ),
    "ties of half precision": Kind(
        of_run(LEVEL, dtype="bf16"), "100% of neighbours in the top 10 tie; ids decide their order; score in fp32",
        "quote figures with the range", "前 10 名中相邻文档有 100% 得分相同，先后由 id 决定；请用 fp32 评分",
    ),
    "decided by ties": Kind(
        of_run(LEVEL),
        "in other orders of tied scores, which ids decide, figures could be: mrr@10 0.500 to 1.000, ndcg@10 0.631 to",
        "quote them with that", "数值可能是：mrr@10 0.500 至 1.000、ndcg@10 0.631 至 1.000；",
    ),
    "unjudged": Kind(
        of_run({query: spread("a", "c", "d", "e") for query in QUERIES}),
        "75% of the top 10 are unjudged and count as not relevant", "compare, do not quote alone",
        "前 10 名中有 75% 未经标注",
    ),
    "truncation": Kind(
        of_run(SOUND, Work(pairs=100, truncated_pairs=11)), "11% of the documents were cut to fit max_length 8192",
        "raise it", "11% 的文档为适应 max_length 8192 而被截断",
    ),
    "a busy machine": Kind(
        of_machine(1.2, 2), "the machine was busy before the run (load 1.2 on 2 cores)", "on an idle one",
        "运行之前机器已经繁忙（2 个核心，负载 1.2）",
    ),
    "not warmed up": Kind(
        of_times(warmup_s=(1.0, 2.0, 3.0), warmed_up=False), "not warmed up: after 3 passes", "raise warmup_queries",
        "尚未预热：3 遍之后时间仍在变化",
    ),
    "not warmed up in one pass": Kind(
        of_times(warmup_s=(1.0,), warmed_up=False), "not warmed up: after 1 pass", "raise warmup_queries",
        "尚未预热：1 遍之后时间仍在变化",
    ),
    "noisy rounds": Kind(
        of_times(offline_s=(1.0, 1.3, 1.0)), "noisy: rounds of the same queries vary by 16%", "measure again",
        "噪声大：同一批查询的各轮的时间波动达 16%",
    ),
    "noisy queries": Kind(
        of_times(warmup_s=(9.0, 9.0, 9.0, 1.0, 1.4, 1.0)), "noisy: the same query, asked again and again vary by",
        "measure again", "噪声大：反复提交同一个查询的时间波动达",
    ),
    "slower and slower": Kind(
        of_times(latency_s=tuple(1 + 0.01 * n for n in range(30))),
        "drifts: the last third of the single queries is 19% slower", "let it cool",
        "有漂移：单个查询的后三分之一比前三分之一慢 19%",
    ),
    "faster and faster": Kind(
        of_times(latency_s=tuple(2 - 0.02 * n for n in range(30))),
        "drifts: the last third of the single queries is 21% faster", "raise warmup_queries",
        "有漂移：单个查询的后三分之一比前三分之一快 21%",
    ),
    "drifting rounds": Kind(
        of_times(offline_s=tuple(1 + 0.02 * n for n in range(12))), "drifts: the last third of the rounds is", "let it",
        "有漂移：各轮的后三分之一比前三分之一慢",
    ),
    "a quota": Kind(
        of_times(throttled={"quota_periods": 90, "quota_throttled": 12, "quota_throttled_s": 1.25}),
        "throttled: the CPU quota of its container held the trial up in 12 of 90 periods, 1.2 s in all",
        "raise the quota or set fewer threads", "被限速：容器的 CPU 配额在 90 个周期中的 12 个里拦住了试验，共 1.2 秒",
    ),
    "heat": Kind(
        of_times(throttled={"cores": 8, "heat_cores": 3}), "throttled: 3 of 8 cores were slowed down for heat",
        "let the machine cool", "被限速：计时期间 8 个核心中有 3 个因过热而降速",
    ),
    "a GPU's heat": Kind(
        of_times(throttled={"seconds": 10, "gpu_heat_s": 2}), "throttled: heat held the GPU's clock back for 2 of 10 s",
        "let it cool", "被限速：10 秒中有 2 秒 GPU 因过热而降频",
    ),
    "a GPU's power": Kind(
        of_times(throttled={"seconds": 10, "gpu_power_s": 2}),
        "throttled: the limit of power held the GPU's clock back for 2 of 10 s", "under the same limit alone",
        "被限速：10 秒中有 2 秒 GPU 因功率上限而降频",
    ),
    "a GPU's own reasons": Kind(
        of_times(throttled={"gpu: hardware slowdown": 1, "gpu: power brake": 1}),
        "throttled: the GPU's driver gives as reasons for a lower clock: hardware slowdown, power brake", "measure",
        "被限速：GPU 驱动给出的降频原因：硬件降速、功率制动",
    ),
}  # fmt: skip


def plain(text: str) -> str:
    """Without line breaks, and without the spaces beside them that Chinese does not have."""
    return "".join(text.split())


@pytest.fixture(scope="module")
def told(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where a reader may meet a doubt -> the text there, of one stored result that has every doubt there is."""
    every = tuple(dict.fromkeys(text for kind in KINDS.values() for text in kind.made(dataset)))
    result = TrialResult(SHOWN, "ok", dataset={"name": "set"}, warnings=every)
    store = Store(tmp_path_factory.mktemp("doubts"))
    store.write_result(result)
    (kept,) = store.results()
    page = publish(store, [kept], "name: doubts\n", "rerankbench run doubts.yaml", language="en")
    return {
        "stored": "\n".join(kept.warnings),
        "html": unescape(page.read_text(encoding="utf-8")),
        "markdown en": page.with_name("report.md").read_text(encoding="utf-8").replace("\\", ""),
        "markdown zh": render_markdown([kept], language="zh").replace("\\", ""),
        **{f"terminal {language}": of_terminal(kept, language) for language in ("en", "zh")},
    }


def of_terminal(result: TrialResult, language: Language) -> str:
    """What is printed of a result; a long list is printed in parts, for a terminal is shown the first few."""
    said = io.StringIO()
    console = Console(file=said, width=100)
    with speaking(language):
        print_table([result], console)
        for start in range(0, len(result.warnings), 8):
            print_warnings([replace(result, warnings=result.warnings[start : start + 8])], console)
    return said.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_doubt_is_found_stored_and_told_in_both_languages(
    kind: str, dataset: Dataset, told: Mapping[str, str]
) -> None:
    case = KINDS[kind]
    (stored,) = [text for text in case.made(dataset) if text.startswith(case.known_by)]
    assert case.advice in stored[len(case.known_by) :]
    assert stored in told["stored"].split("\n")
    for place in ("html", "markdown en", "terminal en"):
        assert plain(stored) in plain(told[place]), place
    with speaking("zh"):
        chinese = warning(stored)
    assert case.chinese in chinese
    for place in ("html", "markdown zh", "terminal zh"):
        assert plain(chinese) in plain(told[place]), place
    assert case.known_by not in told["markdown zh"] and case.known_by not in told["terminal zh"]


def test_a_sound_trial_has_no_doubts(dataset: Dataset) -> None:
    assert of_run(SOUND)(dataset) == () == of_run(SOUND, reranker=None)(dataset) == of_times()(dataset)
    assert of_machine(0.9, 2)(dataset) == ()


@pytest.mark.parametrize(
    ("run", "fields"),
    [
        ({query: rank([("a", 1.0)]) for query in QUERIES}, {}),  # of one candidate there is nothing to decide
        (some({"q0": LEVEL["q0"]}), {"reranker": None}),  # what BM25 does to a query of one common word
        (some({"q0": rank([("a", 0.5), ("b", np.nextafter(np.float32(0.5), np.float32(1)).item())])}), {}),
    ],
)
def test_what_is_no_sign_of_a_reranker_that_decides_nothing(run: Run, fields: Any, dataset: Dataset) -> None:
    assert not any("has decided nothing" in text for text in of_run(run, **fields)(dataset))


def test_a_terminal_is_shown_the_first_few_and_told_of_the_rest() -> None:
    said = io.StringIO()
    result = TrialResult(SHOWN, "ok", warnings=tuple(f"oddity {n}" for n in range(10)))
    print_warnings([result, replace(result, trial=replace(SHOWN, depth=5))], Console(file=said, width=100))
    lines = said.getvalue().strip().splitlines()
    assert lines[0] == "Warnings:" and len(lines) == 10 and lines[-1].strip() == "and 2 more, in the report"
    assert lines[1].strip().startswith("oddity 0 (Embedding + reranker") and lines[1].endswith("and 1 other trial)")
    quiet = io.StringIO()
    print_warnings([replace(result, warnings=())], Console(file=quiet, width=100))
    assert quiet.getvalue() == ""


def test_a_busy_machine_is_told_of_times_without_quality_too(dataset: Dataset) -> None:
    """Random weights and drawn pairs are not judged, so that nobody stored it; the load is stored all the same."""
    timed = TrialResult(SHOWN, "ok", environment={"load_before": 5.0, "cores_logical": 4})
    assert warnings_of(timed) == list(doubts(timed, dataset, SOUND))
    assert warnings_of(replace(timed, warnings=doubts(timed, dataset, SOUND))) == warnings_of(timed)
    assert warnings_of(replace(timed, trial=replace(SHOWN, scenarios=()))) == []


@pytest.mark.parametrize(
    ("stored", "chinese"),
    [
        ("2 of 9 queries have no results and count 0", "9 个查询中有 2 个没有结果，按 0 计"),
        (
            "7% of neighbours in the top 10 tie; ids decide their order",
            "前 10 名中相邻文档有 7% 得分相同，先后由 id 决定",
        ),
        ("batch_size max: 37 is the largest that fits", "batch_size max：放得下的最大值是 37"),
        ("code of org/m from 0f3c was run on this machine", "在本机运行了 org/m 自带的代码（来自 0f3c）"),
        ("a message of some library", "a message of some library"),
    ],
)
def test_what_earlier_versions_and_others_have_stored(stored: str, chinese: str) -> None:
    with speaking("zh"):
        assert warning(stored) == chinese
    assert warning(stored) == stored


# -------------------------------------------------------------------------------- a claim above the ceiling


FOUND = {"q0": ("a", "b", "c"), "q1": ("b", "c", "a"), "q2": ("c", "d", "e")}  # relevant: a, of every query


def claimed(tmp_path: Path, expected: str, deepest: int = 3, **fields: Any) -> Finding:
    """A printed recall@2 put to the test of a reranker that has the first two candidates of each query."""
    item, tested = (put_to_test(tmp_path, deepest, **fields) for _ in range(2))
    figure = Figure("recall", "recall@2", parse_printed(expected), item[0].trial.pipeline)
    claim = Claim("c", "It is so.", Source("A paper"), (figure,))
    found = evidence(claim, figure, [item[0].trial], {item[0].trial.id: tested[1]})
    return decide(figure, found)


def put_to_test(tmp_path: Path, deepest: int, **fields: Any) -> tuple[Prepared, claimed_measures.Tested]:
    trial = Trial("set", "Reranked", depth=2, measures=("recall@2",), reranker="org/m", **fields)
    corpus = tuple(Document(doc_id, "text") for doc_id in "abcde")
    qrels: Qrels = {query: {"a": 1} for query in FOUND}
    held = Dataset("set", "test", corpus, tuple(Query(q, "t") for q in FOUND), qrels, "sha256:1", Path("set"))
    first_stage = {query: spread(*doc_ids[:deepest]) for query, doc_ids in FOUND.items()}
    run = {query: ranking[:2] for query, ranking in first_stage.items()}
    store, inputs = Store(tmp_path / "out"), {"dataset": "sha256:1"}
    made = QualityPass(quality_key(trial), inputs, deepest, "logit", Work(), run=run, first_stage=first_stage)
    store.write_quality(made)
    item = Prepared(trial, held, {}, inputs)
    quality = judge(trial, held, run, first_stage, Work())
    return item, claimed_measures.Tested(item, TrialResult(trial, "ok", inputs=inputs, quality=quality), store)


def test_a_figure_above_the_first_stages_ceiling_says_that_no_reranker_could_reach_it(tmp_path: Path) -> None:
    finding = claimed(tmp_path, "60%")
    assert finding.verdict == "refuted"
    assert finding.reason.endswith(
        "; no reranker could reach it, as the best order of the first stage's 2 candidates gives 33.3%; depth 3 would "
        "do"
    )
    assert finding.evidence is not None and finding.evidence.reach == Reach(pytest.approx(1 / 3), 2, 3)


@pytest.mark.parametrize(("expected", "deepest"), [("90%", 3), ("60%", 2), ("> 60%", 2)])
def test_where_no_known_depth_would_do(tmp_path: Path, expected: str, deepest: int) -> None:
    finding = claimed(tmp_path, expected, deepest)
    assert finding.reason.endswith("2 candidates gives 33.3%; raise depth, or take a better first stage")
    assert finding.evidence is not None and finding.evidence.reach == Reach(pytest.approx(1 / 3), 2)


@pytest.mark.parametrize("expected", ["33%", "20%", "< 60%"])
def test_nothing_is_said_of_a_figure_within_reach(tmp_path: Path, expected: str) -> None:
    assert "no reranker" not in claimed(tmp_path, expected).reason


def test_without_a_reranker_there_is_none_to_blame(tmp_path: Path) -> None:
    item, tested = put_to_test(tmp_path, 3)
    bare = Prepared(replace(item.trial, reranker=None), item.dataset, {}, item.inputs)
    figure = Figure("recall", "recall@2", parse_printed("60%"), item.trial.pipeline)
    claim = Claim("c", "It is so.", Source("A paper"), (figure,))
    found = evidence(claim, figure, [bare.trial], {bare.trial.id: replace(tested, item=bare)})
    assert not isinstance(found, Missing) and found.reach is None


def test_an_unreachable_claim_is_told_everywhere_in_both_languages(tmp_path: Path) -> None:
    figure = Figure("recall", "recall@2", parse_printed("60%"))
    findings = [
        decide(figure, Evidence(1 / 3, 0.1, 0.4, 300, "same", reach=Reach(1 / 3, 50, enough))) for enough in (120, None)
    ]
    rulings = tuple(
        Ruling(Claim(f"c{n}", "It is so.", Source("A paper"), (figure,)), each.verdict, each.reason, (each,))
        for n, each in enumerate(findings)
    )
    page = publish(Store(tmp_path / "out"), [], "name: c\n", "rerankbench run c.yaml", rulings)
    english = [page.read_text(encoding="utf-8"), page.with_name("report.md").read_text(encoding="utf-8")]
    chinese = [page.read_text(encoding="utf-8"), render_markdown([], rulings=rulings, language="zh")]
    for language, texts in (("en", english), ("zh", chinese)):
        said = io.StringIO()
        with speaking(language):  # type: ignore[arg-type]
            print_claims(rulings, Console(file=said, width=100))
        texts.append(said.getvalue())
    for text in english:
        assert plain("candidates gives 33.3%; depth 120 would do") in plain(unescape(text))
        assert plain("raise depth, or take a better first stage") in plain(unescape(text))
    for text in chinese:
        assert plain("偏差 26.7 points") not in plain(text)
        assert plain(
            "任何重排序器都达不到它，因为第一阶段的 50 个候选即使按最佳次序排列也只有 33.3%；depth 设为 120 即可"
        ) in (plain(unescape(text)))
        assert "换用更好的第一阶段" in plain(unescape(text))
    assert "depth 120 would do" in page.with_name("claims.csv").read_text(encoding="utf-8")
    kept = json.loads(page.with_name("claims.json").read_text(encoding="utf-8"))
    assert kept[0]["findings"][0]["evidence"]["reach"] == {"ceiling": 1 / 3, "depth": 50, "enough": 120}


# ------------------------------------------------------------------------------ a score that is no number


CORPUS = [
    Document("d1", "protect a server with a firewall"), Document("d2", "steal data from a server"),
    Document("d3", "server rooms are cold"), Document("d4", "bread and yeast"),
]  # fmt: skip
ASKED = [Query("q1", "yeast"), Query("q2", "protect server data")]
PAIR = r"query 'q2', document 'd\d'"


def reranking(reranker: Any) -> Pipeline:
    retriever = OkapiRetriever()
    retriever.index(CORPUS)
    return Pipeline(retriever, reranker, {document.id: document.content for document in CORPUS}, 3, "find")


class Spoilt:
    """An engine that gives one wrong number, and does not look at what it gives."""

    def __init__(self, value: float) -> None:
        self.value = value

    def score_many(self, requests: Any, stages: Any = None, progress: Any = None) -> Any:
        from bench.types import Scored

        rows = [[float(len(text)) for text in request.documents] for request in requests]
        rows[1][1] = self.value
        return Scored(rows, Work())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e39, -1e300])
def test_a_pipeline_names_query_and_document_whoever_did_not_look(value: float) -> None:
    with pytest.raises(ScoreError, match=PAIR) as raised:
        reranking(Spoilt(value)).answer(ASKED)
    second = reranking(None).answer(ASKED).run["q2"][1].doc_id
    assert f"document {second!r}" in str(raised.value)


@pytest.fixture(scope="module")
def broken_model(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """The tiny reranker, one of whose words is no number: that of d3 alone."""
    import torch
    from safetensors.torch import load_file, save_file
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("model") / "broken"
    shutil.copytree(root / "bench/assets/tracer-reranker", folder)
    ids = AutoTokenizer.from_pretrained(folder)(" cold", add_special_tokens=False)["input_ids"]
    weights = load_file(folder / "model.safetensors")
    weights["model.embed_tokens.weight"][ids[-1]] = torch.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


LOCAL = [name for name in ENGINES if engine_class(name).local and name != "vllm"]


@pytest.mark.parametrize("engine", LOCAL)
def test_every_engine_stops_at_a_score_that_is_no_number_and_names_the_pair(engine: str, broken_model: Path) -> None:
    trial = Trial("set", "p", reranker=str(broken_model), engine=engine, batch_size=1, max_length=512)
    with pytest.raises(ScoreError, match=rf"query 'q2', document 'd\d': .*{'protect server data'!r} is nan"):
        reranking(load_reranker(trial, "cpu", "fp32")).answer(ASKED)


class Server(BaseHTTPRequestHandler):
    """Speaks all three forms; the document that speaks of cold gets ``Server.worth``, as JSON has it."""

    worth = "NaN"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = body.get("documents") or body.get("text_2") or body.get("texts")
        name = "relevance_score" if "documents" in body else "score"
        rows = ", ".join(
            f'{{"index": {n}, "{name}": {self.worth if "cold" in text else n}}}' for n, text in enumerate(texts)
        )
        answer = {"documents": f'{{"results": [{rows}]}}', "text_2": f'{{"data": [{rows}]}}', "texts": f"[{rows}]"}
        payload = next(text for form, text in answer.items() if form in body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    held = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    Thread(target=held.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{held.server_port}"
    held.shutdown()
    held.server_close()


@pytest.mark.parametrize("worth", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("form", ["/rerank", "/score", "/rerank#tei"])
@pytest.mark.parametrize("size", [None, 1])
def test_a_server_that_answers_with_no_number_is_stopped_at_with_the_pair_named(
    worth: str, form: str, size: int | None, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Server, "worth", worth)
    trial = Trial("set", "p", reranker="m", engine="http", url=server + form, batch_size=size)
    with pytest.raises(ScoreError, match=r"query 'q2', document 'd3': .*the score of index \d is -?(nan|inf)"):
        reranking(load_reranker(trial, "cpu", "fp32")).answer(ASKED)


def spoilt_okapi() -> Any:
    retriever = OkapiRetriever()
    retriever.index(CORPUS)
    assert retriever._index is not None
    index = retriever._index
    values = index.values.copy()
    values[index.starts[index.words["server"]]] = math.nan
    retriever._index = replace(index, values=values)
    return retriever


def spoilt_bm25s() -> Any:
    retriever = Bm25sRetriever()
    retriever.index(CORPUS)
    held = retriever._model.scores
    held["data"] = held["data"].copy()
    held["data"][held["indptr"][retriever._model.vocab_dict["server"]]] = math.nan
    return retriever


def spoilt_dense() -> Any:
    from bench.hub import resolve_model

    files = resolve_model("asset:tracer-embedder")
    encoder = load_encoder(files.path, "cpu", "fp32", None, None)
    retriever = DenseRetriever(encoder, files)
    retriever.index(CORPUS)
    encode = encoder.encode

    def spoil(texts: Sequence[str], prompt: str) -> Any:
        vectors = encode(texts, prompt)
        vectors[[place for place, text in enumerate(texts) if "protect" in text]] = math.nan
        return vectors

    encoder.encode = spoil  # type: ignore[method-assign]
    return retriever


@pytest.mark.parametrize("made", [spoilt_okapi, spoilt_bm25s, spoilt_dense])
@pytest.mark.parametrize("depth", [1, 2, 100])
def test_every_retriever_stops_at_a_score_that_is_no_number_and_names_the_pair(
    made: Callable[[], Any], depth: int
) -> None:
    with pytest.raises(ScoreError, match=r"query 'q2': document 'd\d' has the score nan"):
        Pipeline(made(), None, {}, depth, "").answer(ASKED)


def test_a_given_run_with_no_number_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "first.run").write_text("q1 Q0 d1 1 2.5 x\nq2 Q0 d2 1 nan x\n")
    with pytest.raises(DataError, match=r"first.run:2: "):
        GivenRetriever(tmp_path / "first.run").index(CORPUS)


@pytest.mark.long
def test_a_run_with_such_a_model_fails_and_says_which_pair(
    broken_model: Path, small_set: Path, tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    corpus = small_set / "corpus.jsonl"
    corpus.write_text(corpus.read_text(encoding="utf-8").replace("steal data", "steal cold data"), encoding="utf-8")
    (tmp_path / "c.yaml").write_text(
        f"name: c\ndatasets: ['{small_set}']\ntrial: {{depth: 5, scenarios: [], measures: [ndcg@10]}}\n"
        f"pipelines: {{Reranked: {{reranker: '{broken_model}'}}}}\n"
    )
    code, out, _ = command("run", tmp_path / "c.yaml", "--out", tmp_path / "out")
    (result,) = Store(tmp_path / "out").results()
    assert (code, result.status, result.quality) == (1, "failed", None)
    assert "query 'q1', document 'd2'" in result.message and "is nan" in result.message
    assert "query 'q1', document 'd2'" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "failed" in out
