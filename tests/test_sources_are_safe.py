"""Nothing that a stranger wrote is run: the sources have no way to, but for what is listed here with a reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CALLS = {
    "eval", "exec", "compile", "__import__", "breakpoint", "os.system", "os.popen", "yaml.load", "yaml.load_all",
    "yaml.full_load", "yaml.unsafe_load", "yaml.safe_load", "yaml.safe_load_all", "pickle.load", "pickle.loads",
    "marshal.load", "marshal.loads", "shelve.open", "joblib.load", "torch.load", "dill.load", "jsonpickle.decode",
    "pandas.read_pickle", "pd.read_pickle", "importlib.import_module", "runpy.run_path", "runpy.run_module",
    "tempfile.mktemp", "tarfile.open", "zipfile.ZipFile", "shutil.unpack_archive", "xml.etree.ElementTree.parse",
}  # fmt: skip
"""Calls that can run code, or write where an archive says, or read YAML otherwise than ``bench.strict_yaml`` does."""
MODULES = {
    "pickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "jsonpickle",
    "code",
    "pty",
    "telnetlib",
}
FORMATS = {"format", "format_map"}
"""Of a text that is not in the source: ``{0.__class__}`` in it would reach into the program."""

ALLOWED = {
    ("fetch/card.py", "yaml.load"): "cards, by a safe loader; libyaml's, for there are many",
    ("report/say.py", "yaml.safe_load"): "the catalogues that come with the package",
    ("tracer/grammar.py", "yaml.safe_load"): "the grammar that comes with the package",
    ("rerankers/__init__.py", "importlib.import_module"): "modules that the table of engines names",
    ("machine/energy.py", "importlib.import_module"): "one module, by a name in the source",
    ("machine/throttling.py", "importlib.import_module"): "one module, by a name in the source",
    ("report/say.py", "format"): "sentences of the source and of the catalogues; values are put in, not read",
    ("doctor/published.py", "format"): "a template of the source",
    ("serve/shell.py", "format"): "a file that comes with the package",
    ("fetch/unpack.py", "zipfile.ZipFile"): "reads entries by name and writes none where an archive says",
    ("sources/convert.py", "format"): "a sentence of the source",
    ("trial.py", "format"): "a sentence of the source",
}  # fmt: skip


def sources(root: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((root / "bench").rglob("*.py")):
        yield path.relative_to(root / "bench").as_posix(), ast.parse(path.read_text(encoding="utf-8"), str(path))


def suspects(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Name and line of everything in a file that the lists above hold, whatever the module was imported as."""
    names = dict(_imports(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for module in _modules(node):
                if module in MODULES:
                    yield module, node.lineno
        if not isinstance(node, ast.Call):
            continue
        called = _dotted(node.func, names)
        if called in CALLS:
            yield called, node.lineno
        for option in node.keywords:
            if option.arg == "shell" and not (isinstance(option.value, ast.Constant) and option.value.value is False):
                yield "shell=", node.lineno
            if option.arg in ("allow_pickle", "trust_remote_code") and not _is_harmless(option):
                yield f"{option.arg}=", node.lineno
            if option.arg == "weights_only" and _is_false(option.value):
                yield "weights_only=False", node.lineno
        if isinstance(node.func, ast.Attribute) and node.func.attr in FORMATS:
            holder = node.func.value
            if not (isinstance(holder, ast.Constant) and isinstance(holder.value, str)):
                yield node.func.attr, node.lineno


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((each.asname, each.name) for each in node.names if each.asname)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((each.asname or each.name, f"{node.module}.{each.name}") for each in node.names)


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    return [str(node.module), *(f"{node.module}.{each.name}" for each in node.names)]


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    return f"{_dotted(node.value, names)}.{node.attr}" if isinstance(node, ast.Attribute) else "?"


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _is_harmless(option: ast.keyword) -> bool:
    """False, or (for code of a model) a choice that is handed on: whose it is, is tested where it is made."""
    return _is_false(option.value) or (option.arg == "trust_remote_code" and not isinstance(option.value, ast.Constant))


@pytest.fixture(scope="module")
def found() -> list[tuple[str, int, str]]:
    """File, line and name of each suspect."""
    root = Path(__file__).resolve().parent.parent
    return [(file, line, name) for file, tree in sources(root) for name, line in suspects(tree)]


def test_nothing_new_in_the_sources_runs_what_it_reads(found: list[tuple[str, int, str]]) -> None:
    unknown = [f"{file}:{line}: {name}" for file, line, name in found if (file, name) not in ALLOWED]
    assert not unknown, f"say why it is safe in {Path(__file__).name}, or do it otherwise: {unknown}"


def test_what_is_allowed_is_there(found: list[tuple[str, int, str]]) -> None:
    """Nobody can hide behind a line that nothing needs any more."""
    assert not set(ALLOWED) - {(file, name) for file, _, name in found}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("eval('1')", "eval"),
        ("import yaml\nyaml.load(x)", "yaml.load"),
        ("import yaml as y\ny.safe_load(x)", "yaml.safe_load"),
        ("from yaml import unsafe_load as read\nread(x)", "yaml.unsafe_load"),
        ("import pickle", "pickle"),
        ("from os import system\nsystem(x)", "os.system"),
        ("import subprocess\nsubprocess.run(x, shell=True)", "shell="),
        ("import subprocess\nsubprocess.run(x, shell=y)", "shell="),
        ("import numpy as np\nnp.load(x, allow_pickle=True)", "allow_pickle="),
        ("from_pretrained(x, trust_remote_code=True)", "trust_remote_code="),
        ("import torch\ntorch.load(x)", "torch.load"),
        ("f(x, weights_only=False)", "weights_only=False"),
        ("text.format(a=1)", "format"),
        ("'{a}'.format(a=1).format(b=2)", "format"),
    ],
)
def test_what_runs_code_is_found(source: str, name: str) -> None:
    assert [found for found, _ in suspects(ast.parse(source))] == [name]


@pytest.mark.parametrize(
    "source", ["'{a}'.format(a=1)", "f(shell=False)", "json.load(x)", "np.load(x, allow_pickle=False)", "model.eval()"]
)
def test_what_runs_none_is_not(source: str) -> None:
    assert not list(suspects(ast.parse(source)))
