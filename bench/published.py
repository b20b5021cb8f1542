"""What of a results folder is published, as under reports/: ``python -P -m bench.published RESULTS TARGET``.

The report in its forms, its figures, the tables, what it takes to run it again, and every trial with its raw samples.
Not published: the cache, rankings, judgements, texts of documents and single queries, logs and locks. A file that names
a folder of this machine is refused.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.finished import finished_run
from bench.types import RerankBenchError, StoreError

PUBLISHED = (
    "report.html", "report.md", "figures/*", "summary.csv", "claims.csv", "claims.json", "ab.csv", "ab.json",
    "run.json",
)  # fmt: skip
"""Beside the trials of the last finished run."""


def publish_copy(results: Path, target: Path) -> list[Path]:
    """Put what is published of ``results`` in place of ``target``, whole or not at all; returns the files.

    Raises StoreError for a folder without a finished run, for a target that is something else than a folder of results,
    and for a file that names a folder of this machine.
    """
    run = finished_run(results)
    files = [results / f"trials/{result.trial.id}.json" for result in run.results]
    files += [path for pattern in PUBLISHED for path in sorted(results.glob(pattern))]
    if named := [f"{path}: {place}" for path in files for place in _places_in(path)]:
        raise StoreError(f"a folder of this machine is named in {'; '.join(named)}; nothing was published")
    if target.exists() and not (target / "trials").is_dir():
        raise StoreError(f"{target} is no folder of results, and is not replaced; move it away")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as held:
        made, old = Path(held) / "made", Path(held) / "old"
        for path in files:
            copy = made / path.relative_to(results)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        if target.exists():
            target.rename(old)
        made.rename(target)
    return [target / path.relative_to(results) for path in files]


def _places_in(path: Path) -> Iterator[str]:
    """Folders of this machine that a text file names: the user's, the temporary one, and the one that this runs in."""
    if path.suffix in (".png",):
        return
    text = path.read_text(encoding="utf-8")
    for place in {Path.cwd(), Path.home(), Path(tempfile.gettempdir())}:
        if len(place.parts) > 1 and f"{place}/" in text:
            yield str(place)


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(f"{str(__doc__).splitlines()[0]}")
    try:
        files = publish_copy(Path(sys.argv[1]), Path(sys.argv[2]))
    except RerankBenchError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    size = sum(path.stat().st_size for path in files)
    print(f"{len(files)} files, {size / 1024:,.0f} KiB, in {sys.argv[2]}")


if __name__ == "__main__":
    main()
