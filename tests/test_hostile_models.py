"""Model folders made to do harm: nothing of them is run, and each is one error that says what to do."""

from __future__ import annotations

import json
import math
import pickle
import shutil
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bench.config.plan import load_plan
from bench.doctor.oracle import Oracle
from bench.hub import ASSETS, fingerprint, own_code, resolve_model
from bench.hub.modules import is_inside, is_library_class, modules
from bench.prepare import prepare
from bench.rerankers import ENGINES, choose_engine, load_reranker
from bench.retrievers.dense import DenseRetriever, load_dense
from bench.types import ConfigError, Document, ModelError, Query, Request, RerankBenchError, ScoreError, Trial

LOCAL = [name for name in ENGINES if name != "http"]
LOADED = [name for name in LOCAL if name != "vllm"]
TRUSTING = ["transformers", "sentence-transformers"]
REQUEST = Request("fire wall", ("the quick fox", "keeps the server safe"), "find")
PARTS = "sentence_transformers.models"
EMBEDDER: list[dict[str, Any]] = [
    {"idx": 0, "name": "0", "path": "", "type": f"{PARTS}.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{PARTS}.Pooling"},
]
Spoil = Callable[[Path], object]


class Evil:
    """What writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (running(self.marker),)


def running(marker: Path) -> str:
    return f"import pathlib; pathlib.Path({str(marker)!r}).write_text('x')\n"


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """The file that any code of a model's folder would write."""
    return tmp_path / "marker"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped reranker, to be spoilt."""
    return Path(shutil.copytree(ASSETS / "tracer-reranker", tmp_path / "model"))


@pytest.fixture(autouse=True)
def one_quiet_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    for name in [name for name in sys.modules if name.startswith("transformers_modules")]:
        del sys.modules[name]  # code that was trusted here; the doctor would find it in this process


@pytest.fixture(autouse=True)
def vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the package, which must never be reached."""

    def reached(**_: Any) -> None:
        raise AssertionError("the folder was handed to vLLM")

    package, platforms = ModuleType("vllm"), ModuleType("vllm.platforms")
    package.LLM, package.PoolingParams = reached, SimpleNamespace  # type: ignore[attr-defined]
    platforms.current_platform = SimpleNamespace(device_type="cpu")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", package)
    monkeypatch.setitem(sys.modules, "vllm.platforms", platforms)


def edit(path: Path, **more: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    held = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(held | more))


def embeds(folder: Path, **more: Any) -> Path:
    """The folder as an embedding model: the same transformer, its mean, and perhaps a third part."""
    (folder / "modules.json").write_text(json.dumps([*EMBEDDER, *([more] if more else [])]))
    edit(folder / "1_Pooling" / "config.json", word_embedding_dimension=128, pooling_mode_mean_tokens=True)
    return folder


def load(kind: str, folder: Path, *, trusted: bool = False) -> Any:
    if kind == "embedder":
        trial = Trial("d", "p", retriever="dense", embedder=str(folder), trust_remote_code=trusted, dtype="fp32")
        return load_dense(trial, "cpu", None, lambda *_: None)
    trial = Trial("d", "p", reranker=str(folder), engine=kind, trust_remote_code=trusted)
    return load_reranker(trial, "cpu", "fp32")


# ------------------------------------------------------------------------------------- what no engine and no user gets


def write_pickle(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps(Evil(path.parents[1 if path.parent.name == "model" else 2] / "marker")))


def pickle_alone(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    write_pickle(folder / "pytorch_model.bin")


def sharded(*names: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        write_pickle(folder / "shard.bin")
        edit(folder / "model.safetensors.index.json", metadata={}, weight_map=dict(enumerate(names)))

    return spoil


def a_shard_in_a_folder(folder: Path) -> None:
    sharded("deeper/model.safetensors")(folder)
    (folder / "deeper").mkdir()
    shutil.copy(ASSETS / "tracer-reranker" / "model.safetensors", folder / "deeper")


def loader_told(**options: Any) -> Spoil:
    """A pickle beside the safetensors, and the library told to read it."""

    def spoil(folder: Path) -> None:
        write_pickle(folder / "pytorch_model.bin")
        write_pickle(folder / "adapter_model.bin")
        edit(embeds(folder) / "sentence_bert_config.json", **options)

    return spoil


def part(path: str, kind: str, then: Spoil = lambda _: None) -> Spoil:
    return lambda folder: then(embeds(folder, idx=2, name="2", path=path, type=kind))


def dense_pickle(folder: Path) -> None:
    edit(folder / "2_Dense" / "config.json", in_features=128, out_features=2, activation_function="torch.nn.Tanh")
    write_pickle(folder / "2_Dense" / "pytorch_model.bin")


def routed(place: str) -> Spoil:
    def spoil(folder: Path) -> None:
        edit(folder / "router_config.json", types={place: f"{PARTS}.Dense"}, structure={}, parameters={})
        (folder / "modules.json").write_text(json.dumps([EMBEDDER[0] | {"type": f"{PARTS}.Router"}]))
        dense_pickle(folder)

    return spoil


def config(**more: Any) -> Spoil:
    return lambda folder: edit(folder / "config.json", **more)


def text(name: str, content: str) -> Spoil:
    return lambda folder: (folder / name).write_text(content)


REFUSED: dict[str, tuple[Spoil, str]] = {
    "a pickle alone": (pickle_alone, "only pickled weights .*convert them"),
    "a pickle as a shard": (sharded("shard.bin"), "a shard is a .safetensors file beside it"),
    "a shard above": (sharded("../model/shard.bin"), "names shards that are missing"),
    "a shard by its full name": (sharded("/etc/passwd"), "names shards that are missing"),
    "a shard that is a number": (sharded(7), "names shards that are missing"),  # type: ignore[arg-type]
    "a shard in a folder": (a_shard_in_a_folder, "a shard is a .safetensors file beside it"),
    "other weights": (config(transformers_weights="adapter_model.bin"), "read from model.safetensors"),
    "other weights, deeper": (config(text_config={"transformers_weights": "x"}), "read from model.safetensors"),
    "a loader told": (loader_told(model_args={"use_safetensors": False, "weights_only": False}), "take it out"),
    "a loader told anew": (loader_told(model_kwargs={"gguf_file": "x.gguf"}), "take it out"),
    "a tokenizer told": (loader_told(tokenizer_args={"state_dict": {}}), "take it out"),
    "an adapter": (text("adapter_config.json", '{"base_model_name_or_path": "/x"}'), "merge_and_unload"),
    "a kernel": (config(attn_implementation="org/kernel"), "leave attn_implementation out"),
    "a part above": (part("../model", f"{PARTS}.Dense"), "not one of its own"),
    "a part by its full name": (part("/etc", f"{PARTS}.Dense"), "not one of its own"),
    "a part on a drive": (part("C:\\x", f"{PARTS}.Dense"), "not one of its own"),
    "a part that is a pickle": (part("2_Dense", f"{PARTS}.Dense", dense_pickle), "are a pickle .*save the model again"),
    "a route to a pickle": (routed("2_Dense"), "are a pickle"),
    "a route above": (routed("../../x"), "not one of its own"),
    "too many parts": (
        lambda folder: (folder / "modules.json").write_text(json.dumps(EMBEDDER[:1] * 65)),
        "more than 64 parts",
    ),
    "parts that are no list": (text("modules.json", '{"a": 1}'), "not a list of modules"),
    "a list for a configuration": (text("config.json", "[]"), "not a JSON object"),
    "a configuration without end": (text("config.json", "[" * 100_000), "cannot be read as JSON"),
    "a configuration that is none": (
        lambda folder: (folder / "config.json").write_bytes(b"\xff\xfe\0"),
        "cannot be read as JSON",
    ),
}


@pytest.mark.parametrize("trusted", [False, True], ids=["", "trusted"])
@pytest.mark.parametrize("case", REFUSED)
def test_a_folder_that_leads_elsewhere_is_refused_before_a_library_sees_it(
    case: str, trusted: bool, folder: Path, marker: Path
) -> None:
    """By ``resolve_model``, which every engine and the embedder go through."""
    spoil, message = REFUSED[case]
    spoil(folder)
    with pytest.raises(ModelError, match=message):
        resolve_model(str(folder), trusted=trusted)
    assert not marker.exists()


@pytest.mark.parametrize("kind", [*LOCAL, "embedder"])
@pytest.mark.parametrize("case", ["a loader told", "a part that is a pickle", "other weights", "an adapter"])
def test_every_way_to_load_a_model_asks_first(case: str, kind: str, folder: Path, marker: Path) -> None:
    spoil, message = REFUSED[case]
    spoil(folder)
    with pytest.raises(ModelError, match=message):
        load(kind, folder)
    assert not marker.exists()


def test_a_huge_configuration_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.hub.modules.LARGEST_JSON_BYTES", 100)
    with pytest.raises(ModelError, match="a model's JSON has at most 100"):
        resolve_model(str(folder))


def test_routes_in_a_circle_end(folder: Path) -> None:
    """A folder that is a link to itself, and a router in it that routes to itself."""
    (folder / "r").symlink_to(folder)
    edit(folder / "router_config.json", types={"r": f"{PARTS}.Router", "r/r": f"{PARTS}.Router"})
    (folder / "modules.json").write_text(json.dumps([{"path": "", "type": f"{PARTS}.Router"}]))
    with pytest.raises(ModelError, match="more than 64 parts"):
        resolve_model(str(folder))


def test_a_link_to_a_file_elsewhere_is_how_a_hubs_cache_is_made(folder: Path, tmp_path: Path) -> None:
    before = resolve_model(str(folder)).fingerprint
    (folder / "model.safetensors").rename(tmp_path / "blob")
    (folder / "model.safetensors").symlink_to(tmp_path / "blob")
    assert resolve_model(str(folder)).fingerprint == before


@pytest.mark.parametrize("name", ["", ".", "a", "a/b.json", "a b", "如何", "..a", "a..b"])
def test_names_inside(name: str) -> None:
    assert is_inside(name)


@pytest.mark.parametrize(
    "name", ["..", "../a", "a/../b", "/a", "a\\..\\b", "\\a", "C:a", "C:/a", "a\0b", "a\nb", "//h/s"]
)
def test_names_that_lead_elsewhere(name: str) -> None:
    assert not is_inside(name)


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("sentence_transformers.models.Dense", True),
        ("sentence_transformers.sentence_transformer.modules.static_embedding.StaticEmbedding", True),
        ("sentence_transformers.base.modules.transformer.Transformer", True),
        ("sentence_transformers.cross_encoder.modules.logit_score.LogitScore", True),
        ("sentence_transformers.SentenceTransformer", False),
        ("sentence_transformers.util.import_from_string", False),
        ("sentence_transformers_evil.models.Dense", False),
        ("evil.models.Dense", False),
        ("sentence_transformers.models.Dense; import os", False),
    ],
)
def test_which_classes_are_the_librarys_own(kind: str, known: bool) -> None:
    assert is_library_class(kind) is known


# --------------------------------------------------------------------------------------------------- broken weights


def header(said: Any, then: bytes = b"") -> bytes:
    held = said if isinstance(said, bytes) else json.dumps(said).encode()
    return struct.pack("<Q", len(held)) + held + then


def tensor(start: int, end: int, shape: list[int]) -> dict[str, Any]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}


BROKEN = {
    "empty": b"",
    "no header": b"\x10",
    "a header of 2^63 bytes": struct.pack("<Q", 2**63) + b"{}",
    "a header of 2^64 - 1 bytes": b"\xff" * 8 + b"{}",
    "a header longer than the file": struct.pack("<Q", 10_000) + b"{}",
    "a header that is no JSON": header(b"\x80\x04evil"),
    "a header that nests": header(b"[" * 50_000),
    "a header that is a list": header([]),
    "tensors over one another": header({"a": tensor(0, 8, [2]), "b": tensor(4, 12, [2])}, bytes(12)),
    "a tensor beyond the end": header({"a": tensor(0, 4_000, [1000])}, bytes(8)),
    "a tensor of another size": header({"a": tensor(0, 8, [1000])}, bytes(8)),
    "a tensor of 2^62 numbers": header({"a": tensor(0, 2**64 - 1, [2**31, 2**31])}, bytes(8)),
    "offsets backwards": header({"a": tensor(8, 0, [2])}, bytes(8)),
    "a hole": header({"a": tensor(0, 4, [1]), "b": tensor(8, 12, [1])}, bytes(12)),
    "no tensor": header({}),
    "a pickle by another name": pickle.dumps({}),
}


@pytest.mark.parametrize("kind", ["transformers", "sentence-transformers", "embedder"])  # packed loads as the first
@pytest.mark.parametrize("case", BROKEN)
def test_broken_weights_are_one_error(case: str, kind: str, folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(BROKEN[case])
    with pytest.raises(ModelError, match=str(folder)):
        load(kind, embeds(folder) if kind == "embedder" else folder)


@pytest.mark.parametrize("case", [case for case in BROKEN if "header" in case])
def test_numbers_of_a_broken_header_are_not_counted(case: str, folder: Path) -> None:
    """The engine benchmark counts a model's numbers by the headers of its files."""
    from bench.engines.prepare import parameters

    (folder / "model.safetensors").write_bytes(BROKEN[case])
    with pytest.raises((ValueError, AttributeError, RecursionError, struct.error)):
        parameters(folder)


@pytest.mark.parametrize("kind", [*LOADED, "embedder"])
def test_cut_weights_are_one_error(kind: str, folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-1])
    with pytest.raises(ModelError, match=str(folder)):
        load(kind, embeds(folder) if kind == "embedder" else folder)


@pytest.mark.parametrize("kind", ["packed", "sentence-transformers"])
@pytest.mark.parametrize(
    "more",
    [
        {"architectures": "Qwen3ForCausalLM"},
        {"architectures": {"a": 1}},
        {"architectures": [7]},
        {"hidden_size": "128"},
        {"hidden_size": -1},
        {"num_hidden_layers": 5},
        {"rope_parameters": [1]},
        {"vocab_size": 10**14},
        {"model_type": 3},
    ],
    ids=str,
)
def test_a_configuration_of_nonsense_is_one_error(more: dict[str, Any], kind: str, folder: Path) -> None:
    edit(folder / "config.json", **more)
    try:
        scored = load(kind, folder).score_many([REQUEST])
    except RerankBenchError:
        return
    assert all(math.isfinite(score) for score in scored.scores[0])  # what a library makes nothing of does no harm


@pytest.mark.parametrize(
    "more", [{"architectures": "Qwen3ForCausalLM"}, {"architectures": {"a": 1}}, {"rope_parameters": [1]}]
)
def test_the_choice_of_an_engine_survives_nonsense(more: dict[str, Any], folder: Path) -> None:
    edit(folder / "config.json", **more)
    chosen, note = choose_engine(Trial("d", "p", reranker=str(folder)))
    assert chosen.engine == "transformers"
    assert "has something else where" in note


def drop(folder: Path, *names: str) -> None:
    from safetensors.torch import load_file, save_file

    held = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in held.items() if name not in names}
    assert len(kept) == len(held) - len(names)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("kind", ["sentence-transformers", "embedder"])
def test_a_tensor_that_the_library_would_make_up_is_missed(kind: str, folder: Path) -> None:
    """sentence-transformers fills it with random numbers and goes on."""
    drop(embeds(folder) if kind == "embedder" else folder, "model.layers.1.mlp.up_proj.weight")
    with pytest.raises(ModelError, match=r"lacks 1 tensors .*layers\.1\.mlp\.up_proj\.weight.*random numbers"):
        load(kind, folder)


def test_a_pooler_that_gives_the_vectors_nothing_is_not_missed(tmp_path: Path) -> None:
    """Many an embedding model was published without it."""
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertModel(BertConfig(vocab_size=4096, **shape))
    model.save_pretrained(tmp_path / "bert")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(ASSETS / "tracer-reranker" / "tokenizer.json"))
    tokenizer.add_special_tokens({"pad_token": "<|endoftext|>"})
    tokenizer.save_pretrained(tmp_path / "bert")
    drop(tmp_path / "bert", "pooler.dense.weight", "pooler.dense.bias")
    folder = embeds(tmp_path / "bert")
    edit(folder / "1_Pooling" / "config.json", word_embedding_dimension=16)
    assert load("embedder", folder)._encoder.encode(["fox"], "").shape == (1, 16)


def spoilt_weights(folder: Path, value: float) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    held = load_file(path)
    name = next(each for each in sorted(held) if each.endswith("down_proj.weight"))
    held[name][0, 0] = value
    save_file(held, path, metadata={"format": "pt"})


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("kind", LOADED)
def test_a_weight_that_is_no_number_is_an_error_that_names_the_pair(kind: str, value: float, folder: Path) -> None:
    spoilt_weights(folder, value)
    engine = load(kind, folder)
    with pytest.raises(ScoreError, match=r"request 0, document 0.*'fire wall'"):
        engine.score_many([REQUEST])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_embedding_that_is_no_number_is_an_error_that_names_the_text(value: float, folder: Path) -> None:
    healthy: DenseRetriever = load("embedder", embeds(folder))
    healthy.index([Document("d1", "fox")])
    spoilt_weights(folder, value)
    faulty: DenseRetriever = load("embedder", folder)
    with pytest.raises(ScoreError, match="'d1'"):
        faulty.index([Document("d1", "fox")])
    healthy._encoder = faulty._encoder
    with pytest.raises(ScoreError):
        healthy.search([Query("q1", "fox")], 1)


# -------------------------------------------------------------------------------------------------- code of its own

OWN = """
from transformers import Qwen3Config, Qwen3ForCausalLM

class OwnConfig(Qwen3Config):
    model_type = "own"

class OwnForCausalLM(Qwen3ForCausalLM):
    config_class = OwnConfig
"""
AUTO_MAP = {"AutoConfig": "modeling_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}


def own_model(folder: Path, marker: Path) -> Path:
    """A model that transformers does not know without the code that lies beside it."""
    (folder / "modeling_own.py").write_text(running(marker) + OWN)
    edit(folder / "config.json", model_type="own", architectures=["OwnForCausalLM"], auto_map=AUTO_MAP)
    return folder


def own_part(folder: Path, marker: Path) -> Path:
    """A part that runs code when its class is imported, and does nothing to the vectors."""
    code = "from sentence_transformers.sentence_transformer.modules import Normalize\nclass Own(Normalize):\n    pass\n"
    (folder / "own_part.py").write_text(running(marker) + code)
    return embeds(folder, idx=2, name="2", path="2_Own", type="own_part.Own")


def own_tokenizer(folder: Path, marker: Path) -> Path:
    (folder / "tokenization_own.py").write_text(running(marker) + "class Own:\n    pass\n")
    edit(
        folder / "tokenizer_config.json",
        tokenizer_class="Own",
        auto_map={"AutoTokenizer": ["tokenization_own.Own", None]},
    )
    return folder


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copies of a model's code that transformers makes go into a folder of the test's own."""
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "copies"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in sys.modules if name.startswith("transformers_modules")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("kind", [*LOADED, "embedder"])
@pytest.mark.parametrize("make", [own_model, own_part])
def test_code_that_came_with_a_model_is_not_run(
    make: Callable[[Path, Path], Path], kind: str, folder: Path, marker: Path
) -> None:
    make(folder, marker)
    with pytest.raises(ModelError, match=r"asks for code of its own \(.*own.*trust_remote_code: true"):
        load(kind, folder if make is own_part or kind != "embedder" else embeds(folder))
    assert not marker.exists()


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("kind", [*LOADED, "embedder"])
def test_code_beside_a_model_that_the_library_knows_is_not_run(kind: str, folder: Path, marker: Path) -> None:
    (folder / "modeling_own.py").write_text(running(marker))
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate" / "generate.py").write_text(running(marker))
    edit(folder / "config.json", auto_map=AUTO_MAP)
    edit(folder / "generation_config.json", custom_generate="./")
    own_tokenizer(folder, marker)
    load(kind, embeds(folder) if kind == "embedder" else folder)
    assert not marker.exists()


@pytest.mark.usefixtures("apart")
def test_the_doctor_neither_runs_code_nor_asks_whether_to(
    folder: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal transformers would ask, where nobody has said what it is to do."""
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("somebody was asked"))
    with pytest.raises(ValueError, match="trust_remote_code"):
        Oracle(own_model(folder, marker), "qwen3", "cpu")
    assert not marker.exists()


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("kind", TRUSTING)
def test_trusted_code_is_run_fingerprinted_and_said(kind: str, folder: Path, marker: Path) -> None:
    plain = load(kind, folder)
    own_model(folder, marker)
    engine = load(kind, folder, trusted=True)
    assert marker.exists()
    assert engine.score_many([REQUEST]).scores[0] == pytest.approx(plain.score_many([REQUEST]).scores[0], abs=1e-5)
    assert f"code of {folder} from local was run on this machine" in engine.notes
    before = engine.files.fingerprint
    assert before == resolve_model(str(folder), trusted=True).fingerprint != fingerprint(folder)
    (folder / "modeling_own.py").write_text(OWN + "# another\n")
    assert engine.files.fingerprint != before


@pytest.mark.usefixtures("apart")
def test_an_embedders_trusted_code_is_run_and_fingerprinted(folder: Path, marker: Path) -> None:
    retriever = load("embedder", own_part(folder, marker), trusted=True)
    assert marker.exists()
    assert retriever.files.fingerprint == fingerprint(folder, code=True)
    retriever.index([Document("d1", "fox")])


@pytest.mark.parametrize("kind", TRUSTING)
def test_trust_where_there_is_no_code_says_nothing(kind: str, folder: Path) -> None:
    assert not [note for note in load(kind, folder, trusted=True).notes if "code of" in note]


@pytest.mark.parametrize("kind", [*TRUSTING, "vllm"])
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("org/other--modeling_own.OwnConfig", "its code in another place"),
        ("modeling_gone.Own", "has no modeling_gone.py"),
    ],
)
def test_trusted_code_that_is_not_in_the_folder_is_refused(code: str, message: str, kind: str, folder: Path) -> None:
    edit(folder / "config.json", auto_map={"AutoConfig": code})
    with pytest.raises(ModelError, match=message):
        load(kind, folder, trusted=True)


@pytest.mark.parametrize("kind", ["packed", "reference", "http"])
def test_engines_that_run_no_code_refuse_to_be_told_to(kind: str, folder: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"has no trust_remote_code.*belongs to: transformers, sentence-transformers, vllm"
    ):
        load(kind, folder, trusted=True)


def test_auto_takes_the_engine_that_runs_the_code(folder: Path, marker: Path) -> None:
    trial = Trial("d", "p", reranker=str(folder), trust_remote_code=True)
    assert choose_engine(trial)[0] == Trial("d", "p", reranker=str(folder), engine="packed")
    edit(folder / "config.json", auto_map=AUTO_MAP)
    (folder / "modeling_own.py").write_text(running(marker))
    chosen, note = choose_engine(trial)
    assert (chosen.engine, chosen.trust_remote_code) == ("transformers", True)
    assert "code of its own, which is trusted" in note
    assert not marker.exists()


def test_what_code_a_folder_names(folder: Path) -> None:
    assert own_code(folder) == ()
    assert modules(folder) == {"": ""}
    edit(folder / "tokenizer_config.json", auto_map=["a.Slow", None])
    edit(folder / "config.json", auto_map={"AutoConfig": "b.C", "AutoModel": 7})
    assert own_code(folder) == ("b.C", "a.Slow")


# ------------------------------------------------------------------------------------------- from a config to a report

PLAN = """
name: trusted
datasets: [{set}]
trial: {{device: cpu, depth: 3}}
pipelines:
  Embedded: {{retriever: dense, embedder: {model}, trust_remote_code: true}}
  Both: {{retriever: dense, embedder: {model}, reranker: asset:tracer-reranker, trust_remote_code: true}}
  Plain: {{trust_remote_code: true}}
"""


def test_the_warning_is_said_beforehand_and_stands_beside_the_figures(
    folder: Path, marker: Path, small_set: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own_part(folder, marker)
    (tmp_path / "plan.yaml").write_text(PLAN.format(set=small_set, model=folder))
    plan = load_plan(tmp_path / "plan.yaml")
    embedded, both, plain = prepare(plan, lambda *_: None)
    said = f"code of {folder} from local was run on this machine"
    assert said in embedded.notes
    assert said in both.notes
    assert plain.notes == ()
    assert not plain.trial.trust_remote_code  # it decides nothing there
    assert caplog.text.count(f"code of {folder} from local is run on this machine") == 1
    assert embedded.inputs["embedder"] == fingerprint(folder, code=True)
    assert both.inputs["reranker"] == resolve_model("asset:tracer-reranker").fingerprint
    assert not marker.exists()  # it is run in the trial's own process, not by whoever looks for it


def test_ids_of_earlier_results_stay() -> None:
    """As version 1 had them; another id would be another name of its file, and a published result would be lost."""
    assert Trial("set", "BM25").id == "169fa5049df1f273"
    assert Trial("set", "BM25", trust_remote_code=True).id != Trial("set", "BM25").id
    assert "trust_remote_code" not in Trial("set", "BM25").said
    with_run = Trial("set", "G", retriever="given", candidates="runs/a.trec", instruction_field="how")
    assert with_run.id == "5333c7c27869a72b"


# ------------------------------------------------------------------------------------------------------- templates


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.system('touch MARKER') }}",
        "{{ messages.__init__.__globals__ }}",
        "{{ (messages | map(attribute='__class__') | first).__mro__ }}",
        "{% for x in range(10 ** 12) %}x{% endfor %}",
    ],
)
def test_a_prompt_template_gets_nothing_but_its_messages(template: str, folder: Path, marker: Path) -> None:
    """sentence-transformers renders the checkpoint's own template, in jinja's sandbox."""
    (folder / "chat_template.jinja").write_text(template.replace("MARKER", str(marker)))
    (folder / "config_sentence_transformers.json").write_text('{"model_type": "CrossEncoder"}')
    try:
        load("sentence-transformers", folder).score_many([REQUEST])
    except ModelError as error:
        assert "sentence-transformers" in str(error)
    assert not marker.exists()
