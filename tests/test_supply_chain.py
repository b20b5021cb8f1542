"""Pins are whole, licences are known, and no version with a known hole is let in."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

HOLES = [
    ("torch", "2.10.0", "CVE-2026-24747: a checkpoint corrupts memory in spite of weights_only"),
    ("transformers", "5.3.0", "CVE-2026-4372: config.json names code of a hub that is run without being trusted"),
    ("transformers", "5.5.0", "CVE-2026-5241: a nested config turns trust_remote_code on"),
    ("transformers", "5.10.0", "CVE-2026-9856: names of chat templates lead out of the folder that is written"),
    ("filelock", "3.20.1", "CVE-2025-68146: a link in a lock's place empties the file that it leads to"),
    ("filelock", "3.20.3", "CVE-2026-22701: the same of SoftFileLock"),
    ("pyarrow", "23.0.1", "CVE-2026-25087: memory that is used after it was freed, reading IPC files"),
    ("ray", "2.55.0", "CVE-2026-41486: code in the metadata of a Parquet column"),
]
"""Package, the first version without the hole, the hole. Of what is asked for directly, as read in November 2026."""

OF_A_CUDA_BUILD = re.compile(r"nvidia-|cuda-|triton$")


def beside(name: str) -> ModuleType:
    """A script of this folder, which is no package."""
    found = importlib.util.spec_from_file_location(f"rerankbench_{name}", Path(__file__).with_name(f"{name}.py"))
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module
    found.loader.exec_module(module)
    return module


licences = beside("licences")
audit = beside("audit")


@pytest.fixture(scope="module")
def table(root: Path) -> dict[str, tuple[str, str, str]]:
    """Package -> version, licence and reason, as LICENCES.md has them."""
    lines = (root / "LICENCES.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][1:]
    return {name: (version, licence, why) for name, version, licence, why in cells}


# ---------------------------------------------------------------------------------------------------------- the pins


def test_pins_are_sorted_exact_and_once(root: Path) -> None:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    names = [line.split("==")[0] for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.!]+", line) for line in lines if not line.startswith("#"))
    assert names == sorted(names, key=str.lower)
    assert len({canonicalize_name(name) for name in names}) == len(names)


def test_everything_that_is_needed_and_installed_is_pinned_as_installed() -> None:
    """The closure of the program and of work on it, as this environment has it."""
    pins, found = licences.pins(), licences.installed()
    groups = licences.groups()
    closure = licences.needed([*groups["the program"], *groups["work on it"]], found)
    here = {name for name in closure if name in found and not OF_A_CUDA_BUILD.match(name)}
    assert {"torch", "setuptools", "numpy", "pytest"} <= here
    assert {name: Version(found[name].version).public for name in here} == {
        name: pins.get(name, "")[1] for name in here
    }


def test_pins_and_ranges_agree() -> None:
    pins = licences.pins()
    asked = [Requirement(line) for lines in licences.groups().values() for line in lines]
    for each in asked:
        name = canonicalize_name(each.name)
        if name in pins:
            assert each.specifier.contains(pins[name][1], prereleases=True), each
    assert {canonicalize_name(each.name) for each in asked} - set(pins) == {"nvidia-ml-py", "modelscope", "vllm"}


@pytest.mark.parametrize(("package", "mended", "hole"), HOLES, ids=[hole.split(":")[0] for *_, hole in HOLES])
def test_no_range_and_no_pin_lets_a_known_hole_in(package: str, mended: str, hole: str) -> None:
    (asked,) = (
        requirement
        for lines in licences.groups().values()
        for requirement in map(Requirement, lines)
        if canonicalize_name(requirement.name) == package
    )
    floors = [Version(each.version) for each in asked.specifier if each.operator == ">="]
    assert floors and floors[0] >= Version(mended), hole
    assert Version(licences.pins()[package][1]) >= Version(mended), hole


def test_the_makefiles_extras_are_pinned(root: Path) -> None:
    """`.extras` is filled with what these patterns find in constraints.txt; one that finds nothing is a slip."""
    makefile = (root / "Makefile").read_text(encoding="utf-8").replace("$\\\n  ", "")
    pinned = [name for name, _ in licences.pins().values()]
    for group in ("QUANTISATION", "RAY", "MLFLOW", "BROWSER"):
        (pattern,) = re.findall(rf"^{group} := (.+)$", makefile, re.MULTILINE)
        for part in re.split(r"\|(?![^(]*\))", pattern):
            assert any(re.fullmatch(part, name) for name in pinned), part


# ------------------------------------------------------------------------------------------------------ the licences


def test_every_pin_is_in_the_table_with_its_version(table: dict[str, tuple[str, str, str]]) -> None:
    assert {name: version for name, (version, *_) in table.items()} == dict(licences.pins().values())


def test_no_licence_is_outside_the_list(table: dict[str, tuple[str, str, str]], root: Path) -> None:
    for name, (_, licence, _) in table.items():
        assert set(licences.names(licence)) <= licences.ALLOWED, (name, licence)
    told = (root / "LICENCES.md").read_text(encoding="utf-8")
    copyleft = [name for name, (_, licence, _) in table.items() if licences.COPYLEFT & set(licences.names(licence))]
    assert f"{', '.join(f'`{name}`' for name in copyleft)} are under MPL-2.0" in told


def test_the_table_is_what_the_packages_say(table: dict[str, tuple[str, str, str]], root: Path) -> None:
    """Of what is installed; where the extras are beside the environment too, the whole file to the letter."""
    pins, found = licences.pins(), licences.installed()
    here = [name for name, (_, pin) in pins.items() if name in found and Version(found[name].version).public == pin]
    assert len(here) > 60
    for name in here:
        assert licences.licence(found[name]) == table[pins[name][0]][1]
    if len(here) == len(pins) and sys.version_info[:2] == (3, 11):
        assert licences.text(found) == (root / "LICENCES.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("MIT", ["MIT"]),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", ["MPL-2.0", "Apache-2.0", "MIT"]),
        ("BSD-2-Clause AND Apache-2.0 WITH LLVM-exception", ["BSD-2-Clause", "Apache-2.0 WITH LLVM-exception"]),
        ("GPL-3.0-only", ["GPL-3.0-only"]),
    ],
)
def test_an_expression_is_read_part_by_part(expression: str, names: list[str]) -> None:
    assert licences.names(expression) == names
    assert (set(names) <= licences.ALLOWED) == (expression != "GPL-3.0-only")


# --------------------------------------------------------------------------------------------------------- the audit


def test_an_audit_passes_only_what_was_looked_up_in_full() -> None:
    clean = {"name": "a", "version": "1", "vulns": []}
    hole = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2"]}
    skipped = {"name": "b", "skip_reason": "Dependency not found on PyPI and could not be audited: b (1)"}
    assert audit.judged({"dependencies": [clean]}, "pypi")[0] == 0
    assert audit.judged({"dependencies": [clean, skipped]}, "pypi")[0] == 2
    assert audit.judged({"dependencies": []}, "pypi")[0] == 2
    code, said = audit.judged({"dependencies": [{**clean, "vulns": [hole]}, skipped]}, "osv")
    assert code == 1 and "a 1: PYSEC-1 (CVE-1), mended in 2" in said


def test_an_audit_that_could_ask_nobody_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """pip-audit is not part of this environment, so each service fails in the same way as one out of reach."""
    monkeypatch.setattr(audit.sys, "executable", "false")
    assert audit.main(tmp_path / "pins.txt") == 2
    said = capsys.readouterr()
    assert "was not audited, so nothing is known either way" in said.err and not said.out
