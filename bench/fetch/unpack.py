"""Taking the files that are needed out of an archive that somebody else made: a zip, a tar, or a tar in gzip.

Nothing is written outside the folder given, and nothing but plain files. An archive with a name that leads elsewhere
(``/etc/passwd``, ``../x``, ``C:\\x``) or that nobody can see, with a link, a device or the same name twice is refused
whole, also where the entry would not have been needed: such an archive is not what its publisher made. What an entry
says of its own size is not believed; bytes are counted as they come out. An archive inside an archive is a file like
any other, and is not opened. Every byte of an unpacked tar counts, also those of headers and of what is passed over; a
zip is asked for nothing that is not needed.
"""

from __future__ import annotations

import errno
import gzip
import io
import shutil
import stat
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from bench.fetch.tar import Entry, Source, tar_entries
from bench.types import DataError, Progress, RerankBenchError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_CHUNK_BYTES = 1 << 20
_LONGEST_NAME_BYTES = 1024
_LONGEST_PART_BYTES = 255
"""Of a name, between two slashes: what the usual file systems take."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DIRECTORY_BYTES = 512
"""Of a zip's directory, for each entry that it may have at most; the library reads all of it before anything else."""
_GZIP = b"\x1f\x8b"
_NOT_THE_DISKS = (None, errno.EINVAL, errno.EOVERFLOW)
"""Numbers of an OSError that says no more than that a library was led astray by what it read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``files`` counts every entry. ``ratio`` is unpacked over packed; text of real sets stays below 20."""

    files: int = 10_000
    total_bytes: int = 64 * 2**30
    ratio: int = 200
    small_bytes: int = 16 * 2**20
    """Up to here no ratio is looked at: a file of blanks is no bomb."""


LIMITS = Limits()


def is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVES)


def unpack(archive: Path, folder: Path, wanted: Sequence[str], tell: Progress, limits: Limits = LIMITS) -> list[str]:
    """Write the files of ``archive`` that match one of ``wanted`` beneath ``folder``; their names, in order.

    Raises DataError for an archive that is damaged, hostile or larger than the limits, and leaves what it has written
    to the caller to throw away; an OSError is the disk's own. One buffer is held in memory.
    """
    most = min(limits.total_bytes, max(limits.small_bytes, archive.stat().st_size * limits.ratio))
    allowed = min(most, shutil.disk_usage(folder).free)
    seen: set[str] = set()
    written: list[str] = []
    room = allowed
    with closing(_entries(archive, limits.files, most)) as entries:
        while (entry := _next(archive, entries)) is not None:
            path = _safe(archive, entry)
            if path is None:
                continue
            key = path.as_posix().casefold()
            if key in seen:
                raise DataError(f"the archive has {entry.name!r} twice; which one is meant cannot be told", archive)
            seen.add(key)
            if entry.stream is None or not any(fnmatchcase(path.as_posix(), pattern) for pattern in wanted):
                continue
            with _new_file(archive, folder / path).open("xb") as file:
                while chunk := _read(archive, entry.stream):
                    room -= len(chunk)
                    if room < 0:
                        raise _too_large(archive, allowed)
                    file.write(chunk)
                    tell(f"unpack {archive.name}", allowed - room, 0)
            written.append(path.as_posix())
    if not written:
        raise DataError(f"none of its {len(seen)} files is one of {', '.join(wanted)}", archive)
    return written


def _too_large(archive: Path, allowed: int) -> DataError:
    return DataError(
        f"the archive of {archive.stat().st_size:,} bytes holds more than {allowed:,} bytes, the most that is "
        "unpacked; it is no archive of texts, or the disk has no room for it",
        archive,
    )


def _next(archive: Path, entries: Iterator[Entry]) -> Entry | None:
    with _damage(archive):
        return next(entries, None)


def _read(archive: Path, stream: Source) -> bytes:
    with _damage(archive):
        return stream.read(_CHUNK_BYTES)


def _new_file(archive: Path, target: Path) -> Path:
    """Where to write, in a folder that is there. Raises DataError where another entry has taken the place."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise DataError(f"the archive has {target.name!r} in a folder that is one of its files", archive) from error
    if target.exists():
        raise DataError(f"the archive has {target.name!r} both as a file and as a folder", archive)
    return target


def _safe(archive: Path, entry: Entry) -> PurePosixPath | None:
    """The entry's path inside the folder, None for a folder. Raises DataError for an entry nobody should unpack."""
    name = entry.name
    if len(name.encode(errors="replace")) > _LONGEST_NAME_BYTES:
        raise DataError(f"the archive has a name of {len(name):,} characters; it is not unpacked", archive)
    path = PurePosixPath(name)
    drive = ":" in path.parts[0] if path.parts else False
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or drive:
        raise DataError(f"the archive has {name!r}, which leads out of its folder; it is not unpacked", archive)
    if not name.isprintable():
        raise DataError(f"the archive has {name!r}, a name that cannot be shown; it is not unpacked", archive)
    if any(len(part.encode()) > _LONGEST_PART_BYTES for part in path.parts):
        raise DataError(f"the archive has {name!r}, longer than names of files can be; it is not unpacked", archive)
    if entry.fault:
        raise DataError(f"the archive has {name!r}, {entry.fault}; it is not unpacked", archive)
    return None if entry.stream is None or not path.parts else path


def _entries(archive: Path, files: int, most: int) -> Generator[Entry, None, None]:
    held = _zip_entries(archive, files) if zipfile.is_zipfile(archive) else _tar_entries(archive, most)
    for number, entry in enumerate(held, 1):
        if number > files:
            raise DataError(f"the archive has more than {files:,} entries, the most that is unpacked", archive)
        yield entry


def _zip_entries(archive: Path, files: int) -> Iterator[Entry]:
    with _Bounded(archive, files * _DIRECTORY_BYTES) as file, zipfile.ZipFile(file) as held:
        infos = held.infolist()
        if len(infos) > files:
            raise DataError(f"the archive has {len(infos):,} entries; at most {files:,} are unpacked", archive)
        for info in infos:
            mode = info.external_attr >> 16
            if info.flag_bits & 1:
                yield Entry(info.orig_filename, None, "which needs a password")
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                yield Entry(info.orig_filename, None, "which is a link or a device")
            elif info.is_dir():
                yield Entry(info.orig_filename, None)
            elif info.compress_type not in _METHODS:
                said = f"packed by method {info.compress_type}, where deflate (8) and none (0) are read"
                yield Entry(info.orig_filename, None, said)
            else:
                with held.open(info) as stream:
                    yield Entry(info.orig_filename, stream)


def _tar_entries(archive: Path, most: int) -> Iterator[Entry]:
    """In one pass, as the bytes come. A tar in gzip is read to its end, where the checksum is."""
    with archive.open("rb") as file:
        is_packed = file.read(2) == _GZIP
        file.seek(0)
        source = _Counted(archive, gzip.GzipFile(fileobj=file) if is_packed else file, most)
        yield from tar_entries(source)
        while is_packed and source.read(_CHUNK_BYTES):
            pass


class _Counted:
    """A tar's bytes, all of which count."""

    def __init__(self, archive: Path, held: Source, most: int) -> None:
        self._archive, self._held, self._most, self._left = archive, held, most, most

    def read(self, size: int, /) -> bytes:
        found = self._held.read(size)
        self._left -= len(found)
        if self._left < 0:
            raise _too_large(self._archive, self._most)
        return found


class _Bounded(io.BufferedReader):
    """A zip's file, of which nobody takes more than a bounded piece at once: the library takes its directory whole."""

    def __init__(self, archive: Path, most: int) -> None:
        super().__init__(io.FileIO(archive))
        self._most = max(most, 2 * _CHUNK_BYTES)

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self._most:
            raise zipfile.BadZipFile(f"its directory has {size:,} bytes, more than for the most entries unpacked")
        return super().read(size)


@contextmanager
def _damage(archive: Path) -> Iterator[None]:
    """What the libraries say of a damaged archive, as a DataError. They are not made for strangers' bytes and fail in
    any way; only what the disk says of itself is left to be told as that."""
    try:
        yield
    except RerankBenchError:
        raise
    except OSError as error:
        if error.errno not in _NOT_THE_DISKS:
            raise
        raise DataError(f"not an archive that can be read: {error}", archive) from error
    except Exception as error:
        raise DataError(f"not an archive that can be read: {error or type(error).__name__}", archive) from error
