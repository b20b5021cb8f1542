"""Archives of strangers: what is needed comes out, and nothing else happens."""

from __future__ import annotations

import errno
import gzip
import io
import random
import stat
import tarfile
import tracemalloc
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


# ------------------------------------------------------------------------------------------- what stands in headers


def a_block(name: str, content: bytes, kind: bytes, size: int | None = None) -> bytes:
    """A header of that kind with what follows it."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content) if size is None else size
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


def a_record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    length = next(n for n in range(len(body), len(body) + 12) if len(str(n)) + len(body) == n)
    return str(length).encode() + body


def pax(*records: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    return a_block("pax", b"".join(records), kind)


CORPUS = a_block("set/corpus.jsonl", TEXT, tarfile.REGTYPE)
LARGE = a_record(b"comment", bytes(100_000))


@pytest.mark.parametrize("how", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_long_names_and_odd_sizes_come_out_as_they_went_in(tmp_path: Path, how: int, mode: str) -> None:
    files = {f"{'a' * 90}/{'b' * 60}/corpus.jsonl": TEXT * 11, "x/qrels/t.tsv": b"", "set/qrels/a.tsv": b"1" * 512}
    if how != tarfile.USTAR_FORMAT:
        files[f"{'set/' * 60}{'é' * 100}/corpus.jsonl"] = TEXT * 1000
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode, format=how, pax_headers={"comment": "0" * 40}) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uname = len(content), 1.5, "é"
            archive.addfile(info, io.BytesIO(content))
            folder = tarfile.TarInfo(f"{name}.d/")
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
    assert taken(tmp_path, held.getvalue()) == list(files)
    assert {name: (tmp_path / "out" / name).read_bytes() for name in files} == files


HEADERS = {
    "a sparse file": (a_block("set/corpus.jsonl", b"", tarfile.GNUTYPE_SPARSE) + bytes(600_000), "a sparse file"),
    "a sparse file, 0.0": (pax(a_record(b"GNU.sparse.size", b"9" * 5000)) + CORPUS, "a sparse file"),
    "a sparse file, 0.1": (pax(a_record(b"GNU.sparse.map", b"0,1,x")) + CORPUS, "a sparse file"),
    "a sparse file, 1.0": (
        pax(a_record(b"GNU.sparse.major", b"1"), a_record(b"GNU.sparse.minor", b"0"))
        + a_block("set/corpus.jsonl", b"9000000000\n" + b"0\n" * 300_000, tarfile.REGTYPE, 0),
        "a sparse file",
    ),
    "a sparse file, for all": (pax(a_record(b"GNU.sparse.name", b"x"), kind=tarfile.XGLTYPE) + CORPUS, "a sparse file"),
    "many large headers": (pax(LARGE, kind=tarfile.XGLTYPE) * 12 + CORPUS, "header 11 before one entry"),
    "many small headers": (pax() * 20 + CORPUS, "header 17 before one entry"),
    "no entry after a header": (pax(LARGE) + bytes(1024), "belongs to no entry"),
    "digits without end": (a_block("x", b"1" * 1_000_000, tarfile.XHDTYPE) + CORPUS, "no length"),
    "a record of no length": (pax(b"0 a=b\n") + CORPUS, "another length"),
    "a record that is too long": (pax(b"99 a=b\n") + CORPUS, "another length"),
    "a record without =": (pax(b"5 ab\n") + CORPUS, "another length"),
    "a size that is none": (pax(a_record(b"size", b"-1")) + CORPUS, "no number of bytes"),
    "a size of many digits": (pax(a_record(b"size", b"9" * 5000)) + CORPUS, "no number of bytes"),
    "a size that is too large": (pax(a_record(b"size", b"9" * 18)) + CORPUS, "bytes too early"),
    "one name for all": (pax(a_record(b"path", b"a"), kind=tarfile.XGLTYPE) + CORPUS, "all entries the same path"),
    "two names": (pax(a_record(b"path", b"a")) + a_block("x", b"b\0", tarfile.GNUTYPE_LONGNAME) + CORPUS, "say twice"),
    "a name nobody can read": (pax(a_record(b"path", b"\xff\xfe")) + CORPUS, "cannot be shown"),
    "a name without end": (pax(a_record(b"path", b"set/" * 2000 + b"corpus.jsonl")) + CORPUS, "8,012 characters"),
    "a part without end": (pax(a_record(b"path", b"s" * 300 + b"/corpus.jsonl")) + CORPUS, "longer than names of"),
    "a volume": (a_block("set/corpus.jsonl", TEXT, b"V") + CORPUS, "a link or a device"),
    "a damaged header": (CORPUS + b"\1" + a_block("set/qrels/a.tsv", b"1", tarfile.REGTYPE)[1:], "bad checksum"),
    "a header cut short": (CORPUS + CORPUS[:200], "bytes too early"),
    "an entry cut short": (CORPUS + a_block("set/qrels/a.tsv", bytes(9000), tarfile.REGTYPE)[:6000], "bytes too early"),
    "an entry cut short that nobody needs": (CORPUS + a_block("x", bytes(9000), tarfile.REGTYPE)[:6000], "too early"),
}  # fmt: skip


@pytest.mark.parametrize("case", HEADERS)
def test_what_a_header_of_a_tar_can_say_is_one_error_at_once_and_in_little_memory(tmp_path: Path, case: str) -> None:
    archive, said = HEADERS[case]
    (tmp_path / "a.bin").write_bytes(gzip.compress(archive))
    del archive
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=said):
            taken(tmp_path, (tmp_path / "a.bin").read_bytes())
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_headers_count_and_are_not_kept(tmp_path: Path) -> None:
    """They were read whole, before every entry anew, and none of their bytes counted."""
    packed = gzip.compress(b"".join(pax(LARGE, kind=tarfile.XGLTYPE) + a_block(f"d{n}", b"", b"5") for n in range(200)))
    assert len(packed) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"holds more than 2,000,000 bytes, the most that is unpacked"):
            taken(tmp_path, packed, Limits(total_bytes=2_000_000))
        with pytest.raises(DataError, match="none of its 0 files"):
            taken(tmp_path, packed, Limits(small_bytes=30_000_000))
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_the_checksum_of_a_packed_tar_is_looked_at(tmp_path: Path) -> None:
    """What is needed may lie before the damage, and the library does not read as far as the checksum."""
    good = a_tar({"set/corpus.jsonl": TEXT})
    with pytest.raises(DataError, match="CRC check failed"):
        taken(tmp_path, good[:-8] + bytes(4) + good[-4:])


# ------------------------------------------------------------------------------------------- zips, and any damage


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_zip_packed_in_another_way_is_refused(tmp_path: Path, method: int) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        archive.writestr("set/corpus.jsonl", TEXT)
    with pytest.raises(DataError, match=f"packed by method {method}, where deflate"):
        taken(tmp_path, held.getvalue())
    assert everything(tmp_path) == ["a.bin"]


def test_a_directory_without_end_is_not_read(tmp_path: Path) -> None:
    """The library would make an object of each of its entries before anybody can count them."""
    with pytest.raises(DataError, match=r"its directory has .* bytes, more than"):
        taken(tmp_path, a_zip({f"{number:0200}": b"" for number in range(9000)}), Limits(files=20))


def test_a_name_that_says_utf8_and_is_not(tmp_path: Path) -> None:
    archive = a_zip({"set/é/corpus.jsonl": TEXT}).replace("é".encode(), b"\xff\xff")
    with pytest.raises(DataError, match="not an archive that can be read: 'utf-8' codec"):
        taken(tmp_path, archive)


@pytest.mark.parametrize("make", [a_zip, a_tar], ids=["zip", "tar.gz"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_file_that_is_a_folder_too(tmp_path: Path, make: Maker, turned: bool) -> None:
    names = sorted(["a/corpus.jsonl", "a/corpus.jsonl/corpus.jsonl"], reverse=turned)
    with pytest.raises(DataError, match=r"corpus\.jsonl' (both as a file and as|in) a folder"):
        taken(tmp_path, make(dict.fromkeys(names, TEXT)))


@pytest.mark.parametrize("mode", ["w:bz2", "w:xz"])
def test_a_tar_packed_in_another_way_is_no_fault_of_the_disk(tmp_path: Path, mode: str) -> None:
    with pytest.raises(DataError, match="not an archive that can be read"):
        taken(tmp_path, a_tar({"set/corpus.jsonl": TEXT}, mode)[:-9])


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (OSError("Invalid data stream"), DataError),
        (OSError(errno.EINVAL, "Invalid argument"), DataError),
        (ValueError("x"), DataError),
        (IndexError(), DataError),
        (OSError(errno.EIO, "Input/output error"), OSError),
    ],
)
def test_the_disks_own_faults_are_told_from_the_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, told: type[Exception]
) -> None:
    def broken(*_: Any) -> bytes:
        raise fault

    monkeypatch.setattr(gzip.GzipFile, "read", broken)
    with pytest.raises(told) as raised:
        taken(tmp_path, a_tar({"set/corpus.jsonl": TEXT}))
    assert type(raised.value) is told


def test_archives_damaged_at_random_are_read_or_told(tmp_path: Path) -> None:
    """600 of them, the same in every run."""
    drawn = random.Random(7)
    text = TEXT * 40
    makers = [a_zip, a_tar, lambda files: a_tar(files, "w"), lambda files: a_tar(files, "w:bz2")]
    archives = [make({"set/corpus.jsonl": text, f"set/{'x' * 150}/qrels/é.tsv": b"a\tb\t1\n"}) for make in makers]
    archives += [pax(a_record(b"mtime", b"1.5"), a_record(b"path", b"set/corpus.jsonl")) + CORPUS] * 2
    outcomes = {"read": 0, "told": 0}
    for _ in range(600):
        spoilt = bytearray(drawn.choice(archives))
        for _ in range(drawn.randint(1, 4)):
            place = drawn.randrange(min(len(spoilt), drawn.choice([60, 600, 10**6])))
            spoilt[place] = drawn.choice([0, 255, drawn.randrange(256), ord("9"), ord("-"), spoilt[place] ^ 1])
        (tmp_path / "out").mkdir(exist_ok=True)
        try:
            taken(tmp_path, bytes(spoilt if drawn.random() < 0.9 else spoilt[: drawn.randrange(len(spoilt))]))
        except DataError:
            outcomes["told"] += 1
        else:
            outcomes["read"] += 1
        (tmp_path / "out").rename(tmp_path / f"out{sum(outcomes.values())}")
    assert min(outcomes.values()) > 20, outcomes
