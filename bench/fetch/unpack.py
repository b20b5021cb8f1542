"""Taking the files that are needed out of an archive that somebody else made: a zip, a tar, or a tar in gzip.

Nothing is written outside the folder given, and nothing but plain files. An archive with a name that leads elsewhere
(``/etc/passwd``, ``../x``, ``C:\\x``) or that nobody can see, with a link, a device or the same name twice is refused
whole, also where the entry would not have been needed: such an archive is not what its publisher made. What an entry
says of its own size is not believed; bytes are counted as they come out. An archive inside an archive is a file like
any other, and is not opened.
"""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO

from bench.types import DataError, Progress

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_CHUNK_BYTES = 1 << 20
_LONGEST_HEADER_BYTES = 1 << 20
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
"""Entries of a tar that say more of the next one; the library reads them whole."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``files`` counts every entry. ``ratio`` is unpacked over packed; text of real sets stays below 20."""

    files: int = 10_000
    total_bytes: int = 64 * 2**30
    ratio: int = 200
    small_bytes: int = 16 * 2**20
    """Up to here no ratio is looked at: a file of blanks is no bomb."""


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class _Entry:
    """``stream`` gives the bytes, None where it is a folder or has a ``fault``; ``to_skip`` are read to get past it."""

    name: str
    stream: IO[bytes] | None
    fault: str = ""
    to_skip: int = 0


def is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVES)


def unpack(archive: Path, folder: Path, wanted: Sequence[str], tell: Progress, limits: Limits = LIMITS) -> list[str]:
    """Write the files of ``archive`` that match one of ``wanted`` beneath ``folder``; their names, in order.

    What is passed over counts against the limits too, for in a tar it has to be read. Raises DataError for an archive
    that is damaged, hostile or larger than the limits, and leaves what it has written to the caller to throw away. One
    buffer is held in memory.
    """
    most = min(limits.total_bytes, max(limits.small_bytes, archive.stat().st_size * limits.ratio))
    allowed = min(most, shutil.disk_usage(folder).free)
    seen: set[str] = set()
    written: list[str] = []
    room, passed = allowed, 0
    with _damage(archive):
        for entry in _entries(archive, limits.files):
            path = _safe(archive, entry)
            if path is None:
                continue
            key = path.as_posix().casefold()
            if key in seen:
                raise DataError(f"the archive has {entry.name!r} twice; which one is meant cannot be told", archive)
            seen.add(key)
            if entry.stream is None or not any(fnmatchcase(path.as_posix(), pattern) for pattern in wanted):
                passed += entry.to_skip
                if passed > most:
                    raise _too_large(archive, most)
                continue
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                while chunk := entry.stream.read(_CHUNK_BYTES):
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


def _safe(archive: Path, entry: _Entry) -> PurePosixPath | None:
    """The entry's path inside the folder, None for a folder. Raises DataError for an entry nobody should unpack."""
    name = entry.name
    path = PurePosixPath(name)
    drive = ":" in path.parts[0] if path.parts else False
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or drive:
        raise DataError(f"the archive has {name!r}, which leads out of its folder; it is not unpacked", archive)
    if not name.isprintable():
        raise DataError(f"the archive has {name!r}, a name that cannot be shown; it is not unpacked", archive)
    if entry.fault:
        raise DataError(f"the archive has {name!r}, {entry.fault}; it is not unpacked", archive)
    return None if entry.stream is None or not path.parts else path


def _entries(archive: Path, most: int) -> Iterator[_Entry]:
    kind = _zip_entries if zipfile.is_zipfile(archive) else _tar_entries
    for number, entry in enumerate(kind(archive, most), 1):
        if number > most:
            raise DataError(f"the archive has more than {most:,} entries, the most that is unpacked", archive)
        yield entry


def _zip_entries(archive: Path, most: int) -> Iterator[_Entry]:
    with zipfile.ZipFile(archive) as held:
        infos = held.infolist()
        if len(infos) > most:
            raise DataError(f"the archive has {len(infos):,} entries; at most {most:,} are unpacked", archive)
        for info in infos:
            mode = info.external_attr >> 16
            if info.flag_bits & 1:
                yield _Entry(info.orig_filename, None, "which needs a password")
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                yield _Entry(info.orig_filename, None, "which is a link or a device")
            elif info.is_dir():
                yield _Entry(info.orig_filename, None)
            else:
                with held.open(info) as stream:
                    yield _Entry(info.orig_filename, stream)


def _tar_entries(archive: Path, _most: int) -> Iterator[_Entry]:
    """In one pass, as the bytes come."""
    with tarfile.open(archive, "r|*", tarinfo=_Bounded) as held:
        for member in held:
            if member.isdir():
                yield _Entry(member.name, None)
            elif member.isreg() and not member.issparse():
                stream = held.extractfile(member)
                yield _Entry(member.name, stream, to_skip=member.size)
            else:
                yield _Entry(member.name, None, "which is a link or a device")


class _Bounded(tarfile.TarInfo):
    """An entry whose size is possible, and whose further headers fit a buffer: the library would read any."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.size < 0 or (self.type in _HEADERS and self.size > _LONGEST_HEADER_BYTES):
            raise tarfile.ReadError(f"a header says that {self.size} bytes follow")
        following: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        if following.size < 0:
            raise tarfile.ReadError(f"{following.name!r} has {following.size} bytes")
        return following


@contextmanager
def _damage(archive: Path) -> Iterator[None]:
    """What the libraries say of a damaged archive, as a DataError."""
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError) as error:
        raise DataError(f"not an archive that can be read: {error}", archive) from error
    except RuntimeError as error:  # zipfile's word for a password
        raise DataError(f"not an archive that can be read: {error}", archive) from error
