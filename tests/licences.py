"""Writes LICENCES.md: every pinned package, its licence by its own metadata, and why it is here. ``make licences``."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "LICENCES.md"
OURS = "rerankbench"

WORDS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "Apache2.0": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT, BSD": "MIT AND BSD",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""What metadata says -> its SPDX name; ``BSD`` where it does not say which of them."""
READ_BY_EYE = {"axe-playwright-python": "MIT", "torchao": "BSD-3-Clause"}
"""Packages whose metadata says nothing: their licence file was read."""

COPYLEFT = frozenset({"MPL-2.0"})
ALLOWED = COPYLEFT | {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "CNRI-Python", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Zlib",
}  # fmt: skip
"""None of them asks anything of a program that imports the package; see the text below on the copyleft one."""

HEAD = """# Licences of what is installed beside RerankBench

RerankBench itself is under [Apache-2.0](LICENSE). It ships no other project's code: what it needs is installed from a
package index, each package under its own licence. The table has every version that `constraints.txt` pins, and is made
by `make licences` from the packages' own metadata; a test fails where a package is missing, has another version, or has
a licence that is not on the list of `tests/licences.py`.

- **Copyleft**: {copyleft} are under MPL-2.0, in part or whole. It is copyleft
  by file: who passes on a *changed file* of such a package passes on its source too. They are imported unchanged here,
  which asks nothing of this program, of your data or of your results.
- **In the wheels**: those of numpy and scipy bring the GCC runtime (GPL-3.0 with its runtime exception, which lets
  programs under any licence use it; libquadmath is LGPL-2.1), scikit-learn's brings GCC's OpenMP. Each package lists
  what it brings in its own licence files.
- **CUDA**: on Linux a package index's own torch takes NVIDIA's libraries along (`nvidia-*`, `cuda-*`; `triton` is MIT).
  They are proprietary, under NVIDIA's terms, not pinned and not in the table. PyTorch's CPU build has none of them.
- **Not pinned**, hence not in the table: the extras {unpinned}.
- **Models and data** that you fetch have licences of their own: `rerankbench datasets show NAME` tells a set's.

| package | version | licence | why it is here |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Row:
    package: str
    version: str
    licence: str
    why: str


def pins() -> dict[str, tuple[str, str]]:
    """Canonical name -> the name as pinned, and the version."""
    lines = (line.strip() for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): (name, version) for name, version in pairs}


def installed() -> dict[str, Distribution]:
    """Of this environment and of the extras beside it, where `make` has put them; of two the pinned version."""
    pinned, found = pins(), dict[str, Distribution]()
    for each in (*distributions(), *distributions(path=[str(ROOT / ".extras")])):
        name = canonicalize_name(each.name)
        wanted = pinned.get(name, ("", each.version))[1]
        if name not in found or Version(each.version).public == wanted:
            found[name] = each
    return found


def licence(found: Distribution) -> str:
    """By its metadata. Raises KeyError for words that stand in no table here."""
    if expression := found.metadata.get("License-Expression"):
        return str(expression)
    told = [str(found.metadata.get("License") or "")]
    told += [
        line.split(" :: ")[-1] for line in found.metadata.get_all("Classifier") or () if line.startswith("License")
    ]
    for words in told:
        if words in WORDS or words in ALLOWED or (words and set(names(words)) <= ALLOWED):
            return WORDS.get(words, words)
    return READ_BY_EYE[canonicalize_name(found.name)]


def names(expression: str) -> list[str]:
    """The licences of an SPDX expression; one WITH an exception is a name of its own."""
    return [part.strip(" ()") for part in re.split(r"\s+(?:AND|OR)\s+", expression) if part.strip(" ()")]


def groups() -> dict[str, list[str]]:
    """What asks for packages: the program itself, work on it, and each optional part; and what they ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional: Mapping[str, list[str]] = project["optional-dependencies"]
    further = {("work on it" if name == "dev" else f"extra {name}"): wanted for name, wanted in optional.items()}
    return {"the program": project["dependencies"], **further}


def needed(wanted: Iterable[str], found: Mapping[str, Distribution]) -> dict[str, set[str]]:
    """Everything that these requirements bring along here: name -> who asks for it, beside the requirements."""
    reasons: dict[str, set[str]] = {}
    left: list[tuple[Requirement, str]] = [(Requirement(each), "") for each in wanted]
    seen: set[tuple[str, str]] = set()
    while left:
        requirement, by = left.pop()
        name = canonicalize_name(requirement.name)
        reasons.setdefault(name, set()).update({by} - {""})
        for extra in ("", *requirement.extras):
            if (name, extra) in seen or name not in found:
                continue
            seen.add((name, extra))
            for line in found[name].requires or ():
                further = Requirement(line)
                if further.marker is None or further.marker.evaluate({"extra": extra}):
                    left.append((further, name))
    return reasons


def rows(found: Mapping[str, Distribution]) -> tuple[Row, ...]:
    """One for each pin, by name. Raises LookupError for one that is not installed, not needed or of unknown licence."""
    reached = {group: needed(wanted, found) for group, wanted in groups().items()}
    made = []
    for name, (spelled, version) in pins().items():
        if name not in found or Version(found[name].version).public != version:
            raise LookupError(
                f"{spelled}=={version} is not installed; run `make licences`, which installs the extras too"
            )
        group = next((group for group, names_ in reached.items() if name in names_), None)
        if group is None:
            raise LookupError(f"nothing needs {spelled}; take its pin out")
        made.append(Row(spelled, version, licence(found[name]), f"{group}{_by(reached[group][name], group, name)}"))
    return tuple(sorted(made, key=lambda row: canonicalize_name(row.package)))


def _by(askers: set[str], group: str, name: str) -> str:
    if name in {canonicalize_name(Requirement(each).name) for each in groups()[group]}:
        return ""
    first, more = sorted(askers)[:3], len(askers) - 3
    return f", by {', '.join(first)}" + (f" and {more} more" if more > 0 else "")


def text(found: Mapping[str, Distribution]) -> str:
    made = rows(found)
    copyleft = [f"`{row.package}`" for row in made if COPYLEFT & set(names(row.licence))]
    pinned = pins()
    unpinned = [
        f"`{group.removeprefix('extra ')}`"
        for group, wanted in groups().items()
        if any(canonicalize_name(Requirement(each).name) not in pinned for each in wanted)
    ]
    head = HEAD.format(copyleft=", ".join(copyleft), unpinned=", ".join(unpinned))
    return head + "".join(f"| {row.package} | {row.version} | {row.licence} | {row.why} |\n" for row in made)


if __name__ == "__main__":
    try:
        TARGET.write_text(text(installed()), encoding="utf-8")
    except LookupError as error:
        sys.exit(f"error: {error.args[0]}")
