"""Archives of strangers: what is needed comes out, and nothing else happens."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.fetch.unpack import LIMITS, Limits, unpack
from bench.types import DataError

WANTED = ("corpus.jsonl", "*/corpus.jsonl", "*/qrels/*.tsv")
TEXT = b'{"_id": "d1", "text": "words"}\n'
Maker = Callable[[dict[str, bytes]], bytes]


def a_zip(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo()
            info.filename = name  # as it stands: the constructor would mend it
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return held.getvalue()


def a_tar(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return held.getvalue()


def taken(tmp_path: Path, archive: bytes, limits: Limits = LIMITS) -> list[str]:
    (tmp_path / "a.bin").write_bytes(archive)
    (tmp_path / "out").mkdir(exist_ok=True)
    return unpack(tmp_path / "a.bin", tmp_path / "out", WANTED, lambda *_: None, limits)


def everything(tmp_path: Path) -> list[str]:
    return sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("make", [a_zip, a_tar, lambda files: a_tar(files, "w")], ids=["zip", "tar.gz", "tar"])
def test_only_what_is_needed_is_taken(tmp_path: Path, make: Maker) -> None:
    files = {
        "set/corpus.jsonl": TEXT,
        "set/qrels/test.tsv": b"x",
        "set/README.md": b"no",
        "set/evil.sh": b"no",
        "__MACOSX/set/._corpus.jsonl": b"no",
    }
    assert taken(tmp_path, make(files)) == ["set/corpus.jsonl", "set/qrels/test.tsv"]
    assert everything(tmp_path) == ["a.bin", "out/set/corpus.jsonl", "out/set/qrels/test.tsv"]
    assert (tmp_path / "out/set/corpus.jsonl").read_bytes() == TEXT


@pytest.mark.parametrize("make", [a_zip, a_tar], ids=["zip", "tar.gz"])
@pytest.mark.parametrize(
    "name",
    [
        "../corpus.jsonl",
        "set/../../corpus.jsonl",
        "/tmp/corpus.jsonl",
        "set\\corpus.jsonl",
        "..\\corpus.jsonl",
        "C:\\corpus.jsonl",
        "C:/corpus.jsonl",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_written(
    tmp_path: Path, make: Maker, name: str
) -> None:
    with pytest.raises(DataError, match="leads out of its folder"):
        taken(tmp_path, make({name: b"evil", "set/corpus.jsonl": TEXT}))
    assert everything(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("make", [a_zip, a_tar], ids=["zip", "tar.gz"])
@pytest.mark.parametrize("name", ["set\n/corpus.jsonl", "\x1b[2Jset/corpus.jsonl", "set/\u202ecorpus.jsonl", "a\tb"])
def test_a_name_that_nobody_can_see_is_refused(tmp_path: Path, make: Maker, name: str) -> None:
    with pytest.raises(DataError, match="a name that cannot be shown"):
        taken(tmp_path, make({name: b"evil", "set/corpus.jsonl": TEXT}))
    assert everything(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_of_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        info = tarfile.TarInfo("set/corpus.jsonl")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(DataError, match="a link or a device"):
        taken(tmp_path, held.getvalue())
    assert everything(tmp_path) == ["a.bin"]


def test_links_of_a_zip_are_refused(tmp_path: Path) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        info = zipfile.ZipInfo("set/corpus.jsonl")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="a link or a device"):
        taken(tmp_path, held.getvalue())


@pytest.mark.parametrize("make", [a_zip, a_tar], ids=["zip", "tar.gz"])
def test_a_bomb_stops_at_the_limit(tmp_path: Path, make: Maker) -> None:
    bomb = make({"set/corpus.jsonl": bytes(3_000_000)})
    assert len(bomb) < 10_000
    with pytest.raises(DataError, match=r"holds more than .* bytes, the most that is unpacked"):
        taken(tmp_path, bomb, Limits(small_bytes=1000))
    assert (tmp_path / "out/set/corpus.jsonl").stat().st_size <= 200 * len(bomb)
    with pytest.raises(DataError, match="holds more than 1,000 bytes"):
        taken(tmp_path / ".", make({"b/corpus.jsonl": bytes(3000)}), Limits(total_bytes=1000))


def test_a_bomb_that_nobody_asked_for_is_not_gone_through(tmp_path: Path) -> None:
    """In a tar what is not needed has to be read all the same."""
    bomb = a_tar({f"set/{number}.bin": bytes(300_000) for number in range(10)} | {"set/corpus.jsonl": TEXT})
    with pytest.raises(DataError, match=r"holds more than .* bytes, the most that is unpacked"):
        taken(tmp_path, bomb, Limits(small_bytes=1_000_000))
    assert everything(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_bomb_in_a_header_is_not_read(tmp_path: Path, kind: bytes) -> None:
    """The library reads such an entry whole, before anybody is told of it."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        info = tarfile.TarInfo("x")
        info.type, info.size = kind, 2_000_000
        archive.addfile(info, io.BytesIO(bytes(2_000_000)))
    with pytest.raises(DataError, match="a header says that 2000000 bytes follow"):
        taken(tmp_path, held.getvalue())


@pytest.mark.parametrize("said", [b"\xff" * 12, b"\xff" + b"\0" * 11, b"-0000000001\0", b"zzzzzzzzzzz\0"])
def test_a_tar_entry_of_an_impossible_size_is_an_error(tmp_path: Path, said: bytes) -> None:
    """A negative size sends some versions of the library round in a circle."""
    plain = bytearray(a_tar({"set/corpus.jsonl": TEXT}, "w"))
    plain[124:136] = said
    plain[148:156] = b" " * 8
    plain[148:156] = b"%06o\0 " % sum(plain[:512])
    with pytest.raises(DataError, match=r"a\.bin"):
        taken(tmp_path, bytes(plain))
    assert everything(tmp_path) == ["a.bin"]


def test_an_archive_in_an_archive_stays_one(tmp_path: Path) -> None:
    inner = a_zip({"set/corpus.jsonl": bytes(1_000_000)})
    assert taken(tmp_path, a_zip({"set/corpus.jsonl": inner, "more.zip": inner})) == ["set/corpus.jsonl"]
    assert (tmp_path / "out/set/corpus.jsonl").read_bytes() == inner


def test_a_zip_whose_entries_lie_over_one_another_is_bounded_as_any_other(tmp_path: Path) -> None:
    """Many names in the directory for the same few bytes: counted as often as they come out."""
    names = [f"s{number}/corpus.jsonl" for number in range(50)]
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(names[0], bytes(100_000))
        first = archive.filelist[0]
        for name in names[1:]:
            again = zipfile.ZipInfo(name)
            again.compress_type, again.header_offset = first.compress_type, first.header_offset
            again.CRC, again.compress_size, again.file_size = first.CRC, first.compress_size, first.file_size
            archive.filelist.append(again)
            archive.NameToInfo[name] = again
    with pytest.raises(DataError):
        taken(tmp_path, held.getvalue(), Limits(small_bytes=1000, ratio=20))
    written = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert written <= 20 * len(held.getvalue())


def test_a_zip_that_lies_about_its_sizes_is_counted_as_it_comes(tmp_path: Path) -> None:
    archive = a_zip({"set/corpus.jsonl": bytes(500_000)})
    size = (500_000).to_bytes(4, "little")
    assert archive.count(size) >= 2
    with pytest.raises(DataError):
        taken(tmp_path, archive.replace(size, (20).to_bytes(4, "little")), Limits(small_bytes=1000))
    assert (tmp_path / "out/set/corpus.jsonl").stat().st_size <= 200 * len(archive)


@pytest.mark.parametrize("make", [a_zip, a_tar], ids=["zip", "tar.gz"])
def test_too_many_entries_are_refused(tmp_path: Path, make: Maker) -> None:
    with pytest.raises(DataError, match="entries"):
        taken(tmp_path, make({f"x/{number}": b"" for number in range(30)}), Limits(files=20))


@pytest.mark.parametrize("again", ["set/corpus.jsonl", "set/Corpus.jsonl", "set//corpus.jsonl", "set/./corpus.jsonl"])
def test_a_file_that_is_there_twice_is_refused(tmp_path: Path, again: str) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for name in ("set/corpus.jsonl", again):
            info = tarfile.TarInfo(name)
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
    with pytest.raises(DataError, match="twice"):
        taken(tmp_path, held.getvalue())


@pytest.mark.parametrize(
    "damage",
    [
        lambda good: good[: len(good) // 2],
        lambda good: b"<html>not found</html>",
        lambda good: b"",
        lambda good: good[:60] + bytes(20) + good[80:],
    ],
    ids=["cut", "a page", "empty", "overwritten"],
)
@pytest.mark.parametrize("make", [a_zip, a_tar], ids=["zip", "tar.gz"])
def test_a_damaged_archive_is_one_error(tmp_path: Path, make: Maker, damage: Callable[[bytes], bytes]) -> None:
    text = b"".join(b'{"_id": "d%d", "text": "%d"}\n' % (n, n * 7919) for n in range(300))
    with pytest.raises(DataError, match=r"a\.bin"):
        taken(tmp_path, damage(make({"set/corpus.jsonl": text})))


def test_an_archive_of_something_else_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of its 1 files is one of corpus\.jsonl"):
        taken(tmp_path, a_zip({"photo.jpg": b"x"}))


def test_memory_stays_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No read of the archive's contents asks for more than one buffer."""
    sizes: list[int] = []
    read = zipfile.ZipExtFile.read

    def counted(self: Any, n: int | None = -1) -> bytes:
        sizes.append(-1 if n is None else n)
        return read(self, n)

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    taken(tmp_path, a_zip({"set/corpus.jsonl": TEXT * 100_000}))
    assert 0 < min(sizes) <= max(sizes) <= 1 << 20
