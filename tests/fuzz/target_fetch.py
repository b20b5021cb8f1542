"""What a publisher sends: archives, and the head of a repository's README."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from pathlib import Path

from rerankbench_fuzz_engine import Target, in_file

TEXT = b'{"_id": "d1", "text": "words"}\n'
FILES = {"set/corpus.jsonl": TEXT, f"set/{'x' * 120}/qrels/\u00e9.tsv": b"a\tb\t1\n"}
WORDS = (
    b"ustar\x0000", b"ustar  \0", b"././@LongLink", b"../", b"/", b"\\", b"C:", b"\0" * 512, b"0000000", b"7777777",
    b"11 path=ab\n", b"20 size=99999999999\n", b"22 GNU.sparse.major=1\n", b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06",
    b"PK\x06\x06", b"\xff\xff\xff\xff",
)  # fmt: skip
README = b"""---
configs:
- config_name: corpus
  data_files:
  - {split: corpus, path: corpus/*.jsonl}
- config_name: default
  data_files: [{split: test, path: data/test-*.jsonl}]
---
# A set
"""


def _tar(form: int) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=form) as archive:
        for name, content in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return held.getvalue()[: 512 * 12]


def _zip() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in FILES.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return held.getvalue()


def _unpacked(data: bytes, folder: Path) -> None:
    """What comes out lies in the folder that it is for, and is not much."""
    from bench.fetch.unpack import unpack

    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    try:
        unpack(
            in_file(folder / "a.bin", data), out, ("corpus.jsonl", "*/corpus.jsonl", "*/qrels/*.tsv"), lambda *_: None
        )
    finally:
        assert {path.name for path in folder.iterdir()} <= {"out", "a.bin"}
        found = [path for path in out.rglob("*") if not path.is_dir()]
        assert not [path for path in found if path.is_symlink() or not path.is_file()]
        assert sum(path.stat().st_size for path in found) <= 16 * 2**20


def _readme(data: bytes, folder: Path) -> None:
    from bench.fetch.parts import contents

    for name in ("corpus/a.jsonl", "data/test-0.jsonl"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(TEXT)
    in_file(folder / "README.md", data)
    contents(folder)


TARGETS = (
    Target("tar", _unpacked, tuple(map(_tar, (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT))), WORDS,
           "a.bin", 60),
    Target("zip", _unpacked, (_zip(),), WORDS, "a.bin", 60),
    Target("readme", _readme, (README,), (b"config_name", b"data_files", b"split", b"path", b"<<: *a"), "", 60),
)  # fmt: skip
