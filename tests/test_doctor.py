"""The doctor finds nothing in a sound engine and finds each known fault when it is planted."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from bench.cli import main
from bench.doctor import CHECKS, Examined, Patient, distinct_setups, examine, resolve
from bench.doctor.checks_effect import batch_size, instruction, max_length
from bench.doctor.checks_prompt import answers, marks_in_data, template, truncation
from bench.doctor.checks_scores import batching, finite, padding, precision, prefix_sharing, published_scores, ties
from bench.doctor.findings import Finding, Scale, compared
from bench.doctor.oracle import Oracle
from bench.doctor.published import GOLDENS, PROMPTS, Golden, goldens
from bench.doctor.show import show_examined, show_verdict
from bench.hub import ASSETS
from bench.rerankers import ENGINES, engine_class, load_reranker
from bench.rerankers.padded import PaddedReranker, left_padded
from bench.rerankers.template import TEMPLATES
from bench.types import ConfigError, ModelError, Request, RerankBenchError, Scored, Trial, Work

ASSET = ASSETS / "tracer-reranker"
KNOWN_FAULTS = {"reference": {"marks in data", "truncation"}, "sentence-transformers": {"marks in data"}}
"""Faults that an engine has on purpose, or that its library has."""
QUICK = (answers, template, marks_in_data, truncation, padding, prefix_sharing, precision, instruction, max_length)


@pytest.fixture(scope="module", autouse=True)
def one_thread_and_one_oracle() -> Iterator[None]:
    """The oracle of a checkpoint says the same to every patient, so it is asked once."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.doctor.patient.Oracle", lru_cache(Oracle))
        yield
    torch.set_num_threads(before)


def setup(**fields: Any) -> Trial:
    chosen: dict[str, Any] = {"reranker": "asset:tracer-reranker", "engine": "transformers", "device": "cpu"}
    return resolve(Trial(dataset="", pipeline="", **(chosen | {"dtype": "fp32"} | fields)))


def failures(examined: Examined) -> set[str]:
    return {finding.name for finding in examined.findings if finding.status == "fail"}


def measured(examined: Examined, name: str) -> str:
    return next(finding.measured for finding in examined.findings if finding.name == name)


def planted(engine: type[PaddedReranker], checks: Sequence[Any] = CHECKS, **fields: Any) -> Examined:
    """The checks on an engine of the test's own, loaded as the table's would be."""

    def load(trial: Trial, device: str, dtype: Any) -> PaddedReranker:
        own = {"batch_size": trial.batch_size, "max_length": trial.max_length, "template": trial.template}
        return engine(trial.reranker or "", device=device, dtype=dtype, **own)

    return examine(Patient(setup(**fields), load), checks=checks)


# ---------------------------------------------------------------------------------------------- sound engines


@pytest.mark.parametrize("name", [name for name in ENGINES if engine_class(name).local])
def test_an_engine_has_its_known_faults_and_no_others(name: str) -> None:
    try:
        patient = Patient(setup(engine=name))
        assert patient.engine.name == name
    except RerankBenchError as error:
        if name in ("packed", "transformers", "reference"):
            raise
        pytest.skip(f"not to be had here: {error}")
    examined = examine(patient)
    assert failures(examined) == KNOWN_FAULTS.get(name, set()), [f for f in examined.findings if f.status == "fail"]
    assert len(examined.findings) == len(CHECKS)
    for finding in examined.findings:
        assert finding.measured
        assert bool(finding.advice) == (finding.status == "fail")


@pytest.mark.parametrize("name", ["qwen3-eval", "none"])
def test_the_other_templates_pass_too(name: str) -> None:
    examined = examine(Patient(setup(template=name)))
    assert not failures(examined)
    skipped = {finding.name for finding in examined.findings if finding.status == "skip"}
    assert skipped == {"published scores"} | ({"instruction"} if name == "none" else set())


def test_half_precision_passes_where_the_answers_are_read_in_fp32() -> None:
    assert not failures(examine(Patient(setup(dtype="bf16"))))


def test_a_small_max_length_is_no_fault() -> None:
    assert not failures(examine(Patient(setup(max_length=130))))


def test_the_published_prompts_are_those_of_the_templates() -> None:
    """Written twice on purpose; here they meet."""
    assert set(PROMPTS) == set(TEMPLATES)
    for name, published in PROMPTS.items():
        said = "in {braces}" if name != "none" else ""
        assert published.text(said, "a {query}?", "a document\n") == TEMPLATES[name].text(
            said, "a {query}?", "a document\n"
        )


# ------------------------------------------------------------------------------------------- faults, planted


def test_trap_the_tutorials_way_in_half_precision_ties() -> None:
    examined = examine(Patient(setup(engine="reference", dtype="bf16")), checks=(*QUICK, ties))
    assert failures(examined) == {"truncation", "marks in data", "ties"}
    assert "last 9 tokens are cut off" in measured(examined, "truncation")
    assert "100% are bf16 numbers" in measured(examined, "ties")


def test_trap_a_head_in_half_precision() -> None:
    class HalfHead(PaddedReranker):
        def _forward(self, rows: Sequence[Sequence[int]]) -> Any:
            return super()._forward(rows).bfloat16().float()

    assert failures(planted(HalfHead, (*QUICK, ties), dtype="bf16")) == {"ties"}


def test_trap_another_variant_of_the_template() -> None:
    class WrongTemplate(PaddedReranker):
        def __init__(self, model: str, **options: Any) -> None:
            super().__init__(model, **options | {"template": "qwen3-eval"})

    examined = planted(WrongTemplate, [template, precision])
    assert failures(examined) == {"template", "precision"}
    assert "first at token" in measured(examined, "template")


def test_trap_a_token_of_the_tokenizers_own() -> None:
    class Extra(PaddedReranker):
        def _forward(self, rows: Sequence[Sequence[int]]) -> Any:
            return super()._forward([[self._pad, *row] for row in rows])

    assert failures(planted(Extra, [template])) == {"template"}


def _right(rows: Sequence[Sequence[int]], pad: int) -> Any:
    ids, mask, positions = left_padded(rows, pad)
    for row, tokens in enumerate(rows):
        for tensor in (ids, mask, positions):
            tensor[row] = tensor[row].roll(len(tokens) - len(ids[row]))
    return ids, mask, positions


def _unmasked(rows: Sequence[Sequence[int]], pad: int) -> Any:
    ids, mask, positions = left_padded(rows, pad)
    return ids, mask.fill_(1), positions


def _no_positions(rows: Sequence[Sequence[int]], pad: int) -> Any:
    ids, mask, positions = left_padded(rows, pad)
    return ids, mask, positions.zero_()


def _from_the_padding(rows: Sequence[Sequence[int]], pad: int) -> Any:
    ids, mask, positions = left_padded(rows, pad)
    positions[:] = positions.new_tensor(range(positions.shape[1]))
    return ids, mask, positions


@pytest.mark.parametrize(
    ("wrong", "seen_by"),
    [
        (_right, {"padding", "batching", "prefix sharing", "precision"}),
        (_unmasked, {"padding", "batching", "prefix sharing", "precision"}),
        (_no_positions, {"precision"}),  # the same wherever a document stands, so only the oracle knows
        (_from_the_padding, set()),  # only differences of positions reach a Qwen3 model: rounding apart, no fault
    ],
)
def test_trap_padding(wrong: Any, seen_by: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.rerankers.padded.left_padded", wrong)
    checks = [padding, batching, prefix_sharing, precision]
    assert failures(examine(Patient(setup()), checks=checks)) == seen_by


def test_trap_weights_that_are_not_numbers(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = copied(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][0] = float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    examined = examine(Patient(setup(reranker=str(folder))), checks=(*CHECKS[:2], precision, finite))
    assert failures(examined) == {"precision", "finite"}
    assert "NotFiniteError" in measured(examined, "finite")


def test_trap_scores_that_are_not_numbers_and_that_nobody_refuses() -> None:
    class Silent(PaddedReranker):
        def score_many(self, requests: Sequence[Request], *rest: Any) -> Scored:
            scores, work, _ = super().score_many(requests, *rest)
            return Scored(
                [
                    [v if d.strip() else float("nan") for v, d in zip(row, request.documents, strict=True)]
                    for row, request in zip(scores, requests, strict=True)
                ],
                work,
            )

    examined = planted(Silent, (*QUICK, batching, ties, finite))
    assert failures(examined) == {"finite"}
    assert "14 of 17" in measured(examined, "finite")


def test_trap_marks_that_are_not_special_are_read_as_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """``<think>`` is an added token but not a special one, so ``split_special_tokens`` does not break it up."""
    monkeypatch.setattr("bench.rerankers.prompt._make_special", lambda tokenizer, added: None)
    monkeypatch.setattr("bench.rerankers.prompt.PromptBuilder._without_control", lambda self, ids: tuple(ids))
    examined = examine(Patient(setup()), checks=QUICK)
    assert failures(examined) == {"marks in data"}
    assert "+2 marks" in measured(examined, "marks in data")


def test_trap_scores_that_depend_on_the_batch() -> None:
    class Batchy(PaddedReranker):
        def _forward(self, rows: Sequence[Sequence[int]]) -> Any:
            return super()._forward(rows) + 0.01 * len(rows)

    checks = [padding, batching, prefix_sharing]
    assert failures(planted(Batchy, checks)) == {"padding", "batching", "prefix sharing"}


def test_trap_a_query_that_hears_the_one_before() -> None:
    class Leaky(PaddedReranker):
        def score_many(self, requests: Sequence[Request], *rest: Any) -> Scored:
            heard = [replace(request, query=requests[0].query) for request in requests]
            return super().score_many(heard, *rest)

    assert failures(planted(Leaky, QUICK)) == {"prefix sharing"}


def test_trap_a_batch_size_that_does_nothing() -> None:
    class Deaf(PaddedReranker):
        def __init__(self, model: str, **options: Any) -> None:
            super().__init__(model, **options | {"batch_size": 4})

    examined = planted(Deaf, (*QUICK, batching, batch_size))
    assert failures(examined) == {"batch_size"}
    assert measured(examined, "batch_size").startswith("4 → 4 → 4 → 4")


def test_trap_a_max_length_that_does_nothing() -> None:
    class Deaf(PaddedReranker):
        def __init__(self, model: str, **options: Any) -> None:
            super().__init__(model, **options | {"max_length": 8192})

    assert failures(planted(Deaf, QUICK)) == {"max_length", "truncation"}


def test_trap_an_instruction_that_does_nothing() -> None:
    class Deaf(PaddedReranker):
        def score_many(self, requests: Sequence[Request], *rest: Any) -> Scored:
            default = self.template.default_instruction
            return super().score_many([replace(request, instruction=default) for request in requests], *rest)

    assert failures(planted(Deaf, QUICK)) == {"instruction"}


def test_trap_yes_and_no_changed_places() -> None:
    class Mirrored(PaddedReranker):
        def _forward(self, rows: Sequence[Sequence[int]]) -> Any:
            return -super()._forward(rows)

    examined = planted(Mirrored, [answers, precision])
    assert failures(examined) == {"answers", "precision"}
    assert "higher means no" in measured(examined, "answers")


def test_trap_an_engine_that_breaks_off_says_how() -> None:
    class Broken(PaddedReranker):
        def score_many(self, *_: Any, **__: Any) -> Scored:
            raise RuntimeError("the kernel\nwent away")

    examined = planted(Broken)
    assert measured(examined, "loads") == "RuntimeError: the kernel"
    assert failures(examined) == {"loads"}
    assert measured(examined, "padding") == "the engine did not load"


def test_an_option_that_the_engine_refuses_is_an_error() -> None:
    with pytest.raises(ConfigError, match="leaves no room"):
        examine(Patient(setup(max_length=20)))


# ---------------------------------------------------------------------------------------- files and loading


def copied(tmp_path: Path, name: str = "model", **config: Any) -> Path:
    folder = tmp_path / name
    shutil.copytree(ASSET, folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    return folder


def without_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def nothing(folder: Path) -> None:
    """Leaves the folder as it is."""


@pytest.mark.parametrize("engine", ["auto", "transformers"])
@pytest.mark.parametrize(
    ("config", "damage", "said"),
    [
        ({"tie_word_embeddings": False}, nothing, "lm_head.weight (the head)"),
        ({"architectures": ["Qwen3ForSequenceClassification"]}, nothing, "with 2 labels"),
        ({}, without_tensor, "model.layers.1.mlp.up_proj.weight"),
        ({}, pickled, "pickled weights"),
    ],
)
def test_trap_checkpoints_that_only_look_like_one(
    tmp_path: Path, config: dict[str, Any], damage: Callable[[Path], None], said: str, engine: str
) -> None:
    folder = copied(tmp_path, **config)
    damage(folder)
    examined = examine(Patient(setup(reranker=str(folder), engine=engine)))
    assert failures(examined) == {"files", "loads"}
    assert said in measured(examined, "files")
    assert all(finding.status == "skip" for finding in examined.findings[2:])


def test_trap_an_engine_that_fills_gaps_is_found_out_by_the_files(tmp_path: Path) -> None:
    """A peer's loader may start the missing tensor from random numbers and say nothing."""
    folder = copied(tmp_path)
    without_tensor(folder)
    patient = Patient(setup(reranker=str(folder)), lambda trial, device, dtype: PaddedReranker(str(ASSET)))
    assert failures(examine(patient, checks=CHECKS[:2])) == {"files"}


def test_trap_an_engine_that_needs_the_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def load(trial: Trial, device: str, dtype: str) -> Any:
            with socket.create_connection(server.getsockname(), timeout=5):
                return load_reranker(trial, device, dtype)

        examined = examine(Patient(setup(), load), checks=CHECKS[:3])
        assert failures(examined) == {"offline"}
        assert "refuses the network" in measured(examined, "offline")
        with socket.create_connection(server.getsockname(), timeout=5):
            """The network is there again."""


def test_trap_code_that_came_with_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers_modules.own", sys)
    assert failures(examine(Patient(setup()), checks=CHECKS[:2])) == {"loads"}


# ----------------------------------------------------------------------------------------- published scores


def test_published_scores_are_those_of_the_model_alone(tmp_path: Path) -> None:
    folder = copied(tmp_path, "Qwen3-Reranker-0.6B")
    examined = examine(Patient(setup(reranker=str(folder))), checks=[published_scores])
    assert failures(examined) == {"published scores"}
    assert "sentence-transformers" in measured(examined, "published scores")
    assert not goldens("Qwen/Qwen3-Reranker-4B")
    other = examine(Patient(setup(reranker=str(folder), template="qwen3-eval")), checks=[published_scores])
    assert other.findings[0].status == "skip"


def test_published_scores_that_agree_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = tuple(load_reranker(setup(), "cpu", "fp32").score_many([Request("q", ("a", "b"), "i")]).scores[0])
    own = Golden("maker/tracer-reranker", "qwen3", "i", "q", ("a", "b"), logits, "this test")
    monkeypatch.setattr("bench.doctor.published.GOLDENS", (own, replace(own, logits=None)))
    examined = examine(Patient(setup(reranker=str(ASSET))), checks=[published_scores])
    assert examined.findings[0].status == "pass"
    assert all(len(golden.documents) == len(golden.logits) for golden in GOLDENS if golden.logits)


# -------------------------------------------------------------------------------------- what cannot be seen


class Server(PaddedReranker):
    """Scores out of sight: no weights here, no tokens, no count of them."""

    name, local, unit = "http", False, "probability"

    def score_many(self, requests: Sequence[Request], *rest: Any) -> Scored:
        scores, work, _ = super().score_many(requests, *rest)
        from bench.rerankers.scores import sigmoid

        seen = Work(pairs=work.pairs, forward_calls=work.forward_calls, tokens=None, forward_tokens=None,
                    padding_tokens=None, truncated_pairs=None, truncated_tokens=None)  # fmt: skip
        return Scored([[sigmoid(value) for value in row] for row in scores], seen)


@pytest.mark.parametrize("weights_are_here", [True, False])
def test_a_server_is_examined_by_its_scores(weights_are_here: bool, tmp_path: Path) -> None:
    name = str(ASSET) if weights_are_here else str(tmp_path / "elsewhere")
    trial = replace(setup(), reranker=name, url="http://127.0.0.1:1", engine="http")

    def load(asked: Trial, device: str, dtype: Any) -> Server:
        return Server(str(ASSET), dtype=dtype, batch_size=asked.batch_size, max_length=8192)

    examined = examine(Patient(trial, load))
    status = {finding.name: finding.status for finding in examined.findings}
    assert not failures(examined)
    assert {status[name] for name in ("offline", "template", "truncation", "max_length")} == {"skip"}
    assert {status[name] for name in ("padding", "batching", "prefix sharing", "ties", "instruction")} == {"pass"}
    assert status["precision"] == status["marks in data"] == ("pass" if weights_are_here else "skip")


def test_scores_without_a_unit_are_compared_within_their_range() -> None:
    scale = Scale("score", "fp32", "none")
    assert scale.gap([0.0, 100.0], [1.0, 100.0]) == pytest.approx(0.01)
    assert scale.gap([3.0, 3.0], [3.0, 3.0]) == 0
    assert "of the range" in scale.tell([0.0, 100.0], [1.0, 100.0])


def test_a_comparison_with_what_is_no_number_fails() -> None:
    scale = Scale("logit", "fp32", "none")
    assert compared("x", scale, [float("nan")], [0.0], 1.0, "advice").status == "fail"
    assert compared("x", scale, [10.0], [10.5], 1.0, "advice").measured == "Δlogit 0.5, Δp 2e-5"


# ------------------------------------------------------------------------------------------ the command line


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["rerankbench", "doctor", *map(str, arguments)])
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("RERANKBENCH_DEBUG", raising=False)
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


def test_the_command_shows_a_table_that_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--model", "asset:tracer-reranker", "--device", "cpu") == 0
    said = capsys.readouterr().out
    assert "✓ 16 checks passed, 1 did not apply" in said
    assert all(f" {name.__name__.replace('_', ' ')} " in said.replace("_", " ") for name in CHECKS)
    assert max(map(len, said.splitlines())) <= 80
    assert "✗" not in said


def test_a_failure_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    findings = (
        Finding("padding", "fail", "Δp 0.2 [sic]", "≤ 1e-4", "mask the [padding]", 0.2, 1e-4),
        Finding("template", "skip", "out of sight"),
        Finding("finite", "pass", "all"),
    )
    examined = Examined(setup(), findings)
    console = Console(width=60)
    show_examined(console, examined)
    show_verdict(console, [examined])
    said = capsys.readouterr().out
    assert "✗  padding   Δp 0.2 [sic]" in said
    assert "What to do:\n padding  mask the [padding]" in said
    assert "✗ 1 of 2 checks failed, 1 did not apply" in said


def test_json_holds_every_finding_of_every_setup_of_a_config(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "study.yaml"
    config.write_text(
        f"name: study\ndatasets: [{root}/datasets/tracer]\n"
        "trial: {reranker: 'asset:tracer-reranker', device: cpu}\npipelines:\n"
        "  first: {batch_size: 2}\n  again: {batch_size: 4, depth: 7, instruction: other}\n"
        "  other: {engine: reference}\n  none: {reranker: null}\n"
    )
    assert run(monkeypatch, config, "--json") == 1
    tree = json.loads(capsys.readouterr().out)
    assert [each["engine"] for each in tree["setups"]] == ["packed", "reference"]
    assert (tree["ok"], [each["ok"] for each in tree["setups"]]) == (False, [True, False])
    padding = next(f for f in tree["setups"][0]["findings"] if f["name"] == "padding")
    assert padding["status"] == "pass"
    assert 0 <= padding["value"] <= padding["limit"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["configs/quickstart.yaml", "--dtype", "fp32"], 2, "--dtype"),
        (["nowhere.yaml"], 2, "no config"),
        (["--model", "asset:tracer-reranker", "--template", "gwen"], 2, "qwen3"),
        (["--model", "asset:tracer-reranker", "--engine", "fast"], 2, "known"),
        (["--model", "asset:tracer-reranker", "--hub", "gitee"], 2, "modelscope"),
        (["--model", "asset:nothing"], 4, "asset:nothing"),
        (["--model", "asset:tracer-reranker", "--device", "cuda:99"], 5, "cuda:99"),
    ],
)
def test_mistakes_are_one_line(
    root: Path, arguments: list[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(root)
    assert run(monkeypatch, *arguments) == code
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_a_config_without_a_reranker_has_nothing_to_examine(tmp_path: Path) -> None:
    from bench.config.plan import Plan

    with pytest.raises(ConfigError, match="none to examine"):
        distinct_setups(Plan("p", (Trial(dataset="d", pipeline="BM25"),), tmp_path, ""))


def test_a_model_that_is_not_to_be_had_is_an_error_and_no_finding(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        setup(reranker=str(tmp_path / "nowhere"))
    with pytest.raises(ModelError):
        setup(reranker=str(tmp_path / "nowhere"), engine="auto")
