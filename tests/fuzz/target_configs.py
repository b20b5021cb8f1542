"""Every kind of config that people write, and what they put behind a command."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from rerankbench_fuzz_engine import AWKWARD, Target, in_file

from bench.types import RerankBenchError, Trial

ROOT = Path(__file__).resolve().parent.parent.parent
_BLOCK = re.compile(rb"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)

FIELDS = tuple(field.name.encode() for field in fields(Trial))
VALUES = tuple(
    b"bm25 bm25s dense given packed transformers reference http auto max cpu cuda cuda:1 all fp32 fp16 bf16 qwen3 none "
    b"qwen3-eval single_stream offline server ndcg@10 map huggingface modelscope int8 true false null 1 16 0.5 "
    b"[] {}".split()
)  # fmt: skip
KEYS = {
    "plan": b"name description datasets trial pipelines axes include exclude time_limit_s path split candidates drawn "
    b"use_fp16 pipeline queries documents median_tokens sigma",
    "claims": b"name description source claims experiments id statement figures experiment examples evidence tolerance "
    b"resolution hardware setup deviations untestable title date where url measure expected pipeline minus dataset "
    b"document with query documents trial same subset proxy 96.5% points ms probability datasets pipelines",
    "study": b"name baseline instructions datasets description trial study time_limit_s text template field compare "
    b"split looks effect sd calibration precision relevant_from unjudged dev test of dev_share seed official "
    b"none legal-en",
    "engines": b"name model revision hub template instruction max_length dtype device threads rounds search_pairs "
    b"warmup_pairs time_limit_s keep_loaded check_scores workload engines batch_sizes token_budgets dataset queries",
    "sets": b"name corpus queries qrels trec reranking hf file id text title query document grade delimiter quoted "
    b"docs topics field config split repository revision hub positive negative description narrative card: ir: test "
    b"dev",
}


def _seeds(kind: str) -> tuple[bytes, ...]:
    return tuple(text for text in _texts() if _kind(text) == kind)


def _texts() -> Iterator[bytes]:
    for path in sorted((ROOT / "configs").rglob("*.yaml")):
        yield path.read_bytes()
    for readme in ("README.md", "README.zh.md"):
        yield from _BLOCK.findall((ROOT / readme).read_bytes())


def _kind(text: bytes) -> str:
    keys = re.findall(rb"^(\w+):", text, re.MULTILINE)
    for key, kind in ((b"workload", "engines"), (b"claims", "claims"), (b"instructions", "study")):
        if key in keys:
            return kind
    return "plan"


def _loads(name: str, data: bytes, folder: Path, load: Callable[..., Any], *overrides: str) -> Any:
    """The file is read as the command ``run`` does: first to see of what kind it is, then in earnest."""
    from bench.claims import is_claims
    from bench.engines import is_benchmark
    from bench.study import is_study

    path = in_file(folder / name, data)
    for asks in (is_benchmark, is_claims, is_study):
        assert asks(path) in (True, False)
    return load(path, overrides)


def _fit(trial: Trial, text: str) -> None:
    """Nothing comes out that later steps could trip over: ids can be made, texts written, names read back."""
    from bench.sources.spec import is_name, label, parse_name, spec_name
    from bench.synthetic import is_drawn, parse_drawn

    assert len(trial.id) == 16
    assert text.encode() is not None
    for name in (trial.pipeline, label(trial.dataset), trial.instruction or "", trial.split):
        name.encode()
        assert "\x00" not in name
    if is_drawn(trial.dataset):
        parse_drawn(trial.dataset)
    elif is_name(trial.dataset) and "{" in trial.dataset:
        assert spec_name(parse_name(trial.dataset)) == trial.dataset


def _plan(data: bytes, folder: Path) -> None:
    from bench.config.plan import load_plan

    with patch("bench.machine.device.all_devices", lambda: ("cpu", "cuda:0")):  # asking would import torch
        plan = _loads("study.yaml", data, folder, load_plan)
    assert plan.trials
    for trial in plan.trials[:50]:
        _fit(trial, plan.text)


def _claims(data: bytes, folder: Path) -> None:
    from bench.claims.file import load_claims

    file = _loads("claims.yaml", data, folder, load_claims)
    assert all(claim.figures for claim in file.claims)
    for trial in [each for trials in file.trials.values() for each in trials][:50]:
        _fit(trial, file.text)


def _study(data: bytes, folder: Path) -> None:
    from bench.study.file import load_study

    file = _loads("study.yaml", data, folder, load_study)
    assert file.baseline in [arm.name for arm in file.arms]
    for trial in file.dev_trials[:50]:
        _fit(trial, file.text)


def _engines(data: bytes, folder: Path) -> None:
    from bench.engines.config import load_benchmark, reference_entrant

    plan = _loads("engines.yaml", data, folder, load_benchmark)
    reference_entrant(plan.benchmark)
    for entrant in plan.entrants:
        _fit(entrant.trial, plan.text)


def _overrides(kind: str, base: bytes) -> Callable[[bytes, Path], None]:
    """Each line of an input is one ``key=value``."""

    def run(data: bytes, folder: Path) -> None:
        from bench.claims.file import load_claims
        from bench.config.plan import load_plan
        from bench.engines.config import load_benchmark
        from bench.study.file import load_study

        load: Any = {"plan": load_plan, "claims": load_claims, "study": load_study, "engines": load_benchmark}[kind]
        items = data.decode("utf-8", "surrogateescape").split("\n")
        path = folder / "base.yaml"
        if not path.exists():
            in_file(path, base)
        with patch("bench.machine.device.all_devices", lambda: ("cpu", "cuda:0")):
            load(path, [item for item in items if item])

    return run


def _entry(data: bytes, folder: Path) -> None:
    """An entry of ``datasets``, as a mapping is read, and as the command line gives it."""
    from bench.reading import yaml_value
    from bench.sources import default_split
    from bench.sources.spec import is_mapped, label, parse_name, read_entry, spec_name, with_paths_from_here

    try:
        entry = yaml_value(data.decode("utf-8", "surrogateescape"), "entry")
    except RerankBenchError:
        raise RerankBenchError("config: not YAML") from None
    if not isinstance(entry, dict) or not is_mapped(entry):
        raise RerankBenchError("config: no mapping of a set")
    name = spec_name(read_entry(entry, "config"))
    assert spec_name(parse_name(name)) == name
    assert default_split(name)
    assert label(name)
    spec_name(read_entry(with_paths_from_here(entry, folder), "config"))


PLAN = b"""name: study
datasets: [sets/a, {path: sets/b, split: dev}]
trial: {depth: 20}
pipelines:
  BM25: {retriever: bm25}
  Both: {retriever: bm25, reranker: ./model, batch_size: 4}
axes: {max_length: [512, 1024]}
include: [{batch_size: 64, pipeline: Both}]
exclude: [{max_length: 512, batch_size: [4]}]
"""
MERGED = b"""name: merged
shared: &shared {retriever: bm25, reranker: ./model}
datasets: [sets/a]
trial: {<<: {depth: 5}, dtype: fp32}
pipelines:
  One: &one {retriever: bm25, reranker: ./model, batch_size: 4}
  Two: {<<: *one, batch_size: 8}
""".replace(b"shared: &shared {retriever: bm25, reranker: ./model}\n", b"")
ENGINES = b"""name: small
model: shape:qwen3-tiny
workload: {queries: 1, documents: 4}
engines: {one: {engine: transformers, batch_sizes: [1, 2]}, two: {engine: reference}}
"""
STUDY = b"""name: which
datasets: [{path: first, split: {of: test, dev_share: 0.25, seed: 3}}]
trial: {reranker: ./model, depth: 5}
baseline: official
instructions: [official, {name: mine, text: {first: Find it}}, {name: q, field: instruction}]
study: {compare: [ndcg@10], split: {dev: dev, test: test}, calibration: {precision: 0.8}}
"""
CLAIMS = b"""name: small
source: {title: A paper, date: 2025-06}
experiments: {e: {datasets: [a], trial: {measures: [ndcg@10]}, pipelines: {B: {retriever: bm25}, R: {reranker: x/y}}}}
claims:
  - {id: gain, statement: It helps, experiment: e, tolerance: 1 points, setup: {dtype: fp16},
     figures: [{name: g, measure: ndcg@10, expected: +5 points, pipeline: R, minus: B, where: {dtype: fp32}}]}
  - {id: share, statement: It is right, experiment: e, evidence: proxy,
     figures: [{name: s, measure: relevant_share, expected: 94%, pipeline: R, with: {at: 0.94, width: 0.03}}]}
  - {id: long, statement: Long ones fare worse, experiment: e, untestable: because,
     figures: [{name: l, measure: long_minus_short, expected: < 5%, pipeline: R, with: {long: 4, short: [1, 2]}}]}
  - {id: one, statement: First, examples: {query: q, documents: [a, b], trial: {reranker: x/y}},
     figures: [{name: f, measure: probability, expected: "0.94", document: 1}]}
"""
ENTRIES = (
    b"{name: t, corpus: {file: docs.csv, id: i, text: b}, queries: {file: q.csv, id: q, text: t}, qrels: {file: j.csv, "
    b"query: q, document: d, grade: g}, split: dev, candidates: run.trec}",
    b"name: x\ntrec: {docs: [a, b], topics: t, qrels: {test: q, dev: r}, field: description}\n",
    b"{name: x, reranking: rows.jsonl, split: dev}",
    b"{name: x, reranking: {file: r.jsonl, query: q, positive: p, negative: n, id: i, delimiter: ';'}}",
    b"{name: x, hf: {repository: a/b, revision: abc, corpus: {config: c}, queries: {}, qrels: {test: {grade: ~}}}}",
)


def _changed_tree(rng: random.Random, data: bytes, tokens: Sequence[bytes]) -> bytes:
    """The input as YAML, of which one thing is taken out, put twice, called otherwise or replaced by another."""
    try:
        tree = yaml.safe_load(data)
    except Exception:  # not all that PyYAML raises is its own: !!timestamp x is an AttributeError
        return data
    places = list(_places(tree))
    if not places:
        return data
    holder, key = rng.choice(places)
    other, part = rng.choice(places)
    new = rng.choice(
        (other[part], _value(rng, tokens), _value(rng, tokens), [holder[key]], {str(part): holder[key]}, [], {}, None)
    )
    kind = rng.randrange(4)
    if kind == 0:
        del holder[key]
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(new)) if kind == 1 else holder.__setitem__(key, copy.deepcopy(new))
    elif kind == 1:
        holder[_value(rng, tokens)] = holder.pop(key)
    else:
        holder[key if kind == 2 else _value(rng, tokens)] = copy.deepcopy(new)
    try:
        return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")
    except (yaml.YAMLError, RecursionError):
        return data


def _places(tree: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in list(keys)[:200]:
        yield tree, key
        if depth < 20:
            yield from _places(tree[key], depth + 1)


def _value(rng: random.Random, tokens: Sequence[bytes]) -> Any:
    numbers = (0, 1, -1, 2, 3, 1.5, 0.5, -0.0, 1e300, float("inf"), float("nan"), 2**40, 2**63, True, False)
    text = rng.choice(tokens if rng.random() < 0.6 else AWKWARD).decode("utf-8", "surrogateescape")
    return rng.choice(numbers) if rng.random() < 0.3 else text


def _words(kind: str) -> tuple[bytes, ...]:
    return (*KEYS[kind].split(), *FIELDS, *VALUES)


TARGETS = (
    Target(
        "config", _plan, (PLAN, MERGED, *_seeds("plan")), (*_words("plan"), *KEYS["sets"].split()), "study.yaml", 40,
        (_changed_tree,),
    ),
    Target("claims", _claims, (CLAIMS, *_seeds("claims")), _words("claims"), "claims.yaml", 12, (_changed_tree,)),
    Target("study", _study, (STUDY, *_seeds("study")), _words("study"), "study.yaml", 30, (_changed_tree,)),
    Target("engines", _engines, (ENGINES, *_seeds("engines")), _words("engines"), "engines.yaml", 40, (_changed_tree,)),
    Target("set mapping", _entry, ENTRIES, _words("sets"), "config", 60, (_changed_tree,)),
    Target(
        "overrides", _overrides("plan", PLAN),
        (b"depth=10\nbatch_size=1,4", b"datasets=a,b", b"datasets={drawn: {queries: 2}}", b"measures=map,ndcg@10",
         b"use_fp16=true", b"device=all", b"embedder=./x\nretriever=dense", b"server_qps=1,2.5\nscenarios=server",
         b"instruction=Find, it", b"datasets={name: x, trec: {docs: d, topics: t, qrels: q}}", b"candidates=~/x",
         b"time_limit_s=9\nsplit=dev", b"reranker=./a,b/c", b"datasets=card:scifact"),
        (*_words("plan"), b"=", b","), quick=40,
    ),
    Target(
        "engine overrides", _overrides("engines", ENGINES),
        (b"rounds=2", b"workload.queries=2", b"engines=one", b"engines.one.batch_size=3", b"model=./x",
         b"workload={dataset: x}", b"workload.dataset=./y"),
        (*_words("engines"), b"=", b"."), quick=40,
    ),
    Target(
        "claims overrides", _overrides("claims", min(_seeds("claims"), key=len)),
        (b"depth=10", b"dtype=fp32\nbatch_size=2", b"datasets=x"), (*_words("plan"), b"="), quick=20,
    ),
    Target(
        "study overrides", _overrides("study", STUDY),
        (b"depth=10", b"measures=map", b"time_limit_s=3", b"datasets=first,second", b"device=cpu"),
        (*_words("study"), b"="), quick=30,
    ),
)  # fmt: skip
