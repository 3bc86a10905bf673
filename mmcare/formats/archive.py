"""The one function that unpacks an archive: nothing outside of the folder, no link, no more bytes than declared."""

from __future__ import annotations

import errno
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn

from mmcare.errors import CohortError, Finding, cut
from mmcare.formats.atomic import new_folder

__all__ = ["is_archive", "unpack"]

LARGEST_RATIO = 200
"""Unpacked bytes for each byte of the archive; images reach 10."""
SMALL = 1 << 30
"""Bytes up to which any ratio is fine."""
MOST_MEMBERS = 5_000_000
_CHUNK = 1 << 20
_NAMES = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)
"""Too long, or a file is to lie in a file."""
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, ValueError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class _Member:
    """One member: its name as it stands there, its kind, the bytes that it declares, and how to read them."""

    name: str
    kind: str
    size: int
    content: IO[bytes] | None


def is_archive(path: Path) -> bool:
    """Whether a file is a zip, or a tar of any compression, told by its content."""
    try:
        return path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))
    except (OSError, *_DAMAGED):
        return False


def unpack(archive: Path, folder: Path) -> int:
    """Unpack a zip or tar (`.tar`, `.tar.gz`, `.tar.xz`, `.tar.bz2`) into a new folder, all or nothing.

    Links, devices, names that lead out of the folder and names that stand twice refuse the whole archive, for an
    archive of images holds none of them. So do more bytes than a member declares, than the disk has room for, or than
    images can be compressed to.

    Returns:
        Number of files.

    Raises:
        CohortError: The archive is refused or damaged; the message names the member.
        MMCareError: `folder` exists and is not empty, or cannot be written.
    """
    try:
        with new_folder(folder) as target:
            return _unpack(archive, target)
    except (*_DAMAGED, RuntimeError) as error:  # zipfile raises RuntimeError for a member that needs a password
        what = f"cannot be unpacked ({cut(f'{type(error).__name__}: {error}')})."
        todo = "Copy it again, or unpack it with the program that made it and name the folder."
        raise CohortError(Finding(file=archive, what=what, todo=todo, code="damaged-archive")) from error


def _unpack(archive: Path, target: Path) -> int:
    size = archive.stat().st_size
    free = shutil.disk_usage(target).free
    most = min(free, max(SMALL, size * LARGEST_RATIO))
    total = n_files = 0
    members = _zip(archive) if zipfile.is_zipfile(archive) else _tar(archive)
    for n_members, member in enumerate(members, start=1):
        total += member.size
        if total > most or n_members > MOST_MEMBERS:
            _refuse_size(archive, member, total, n_members, most, free)
        try:
            _check(archive, target, member)
            n_files += _place(archive, member, target)
        except OSError as error:
            if error.errno not in _NAMES:
                raise
            _refuse(archive, member, f"has a name that no file can have there ({error.strerror})")
    return n_files


def _place(archive: Path, member: _Member, target: Path) -> int:
    """Make a folder or a file; how many files."""
    path = target.joinpath(*PurePosixPath(member.name).parts)
    if member.kind == "folder":
        path.mkdir(parents=True, exist_ok=True)
        return 0
    _write(archive, member, path)
    return 1


def _zip(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
            if info.is_dir() or is_link:
                yield _Member(info.filename, "link" if is_link else "folder", 0, None)
            else:
                with opened.open(info) as content:
                    yield _Member(info.filename, "file", info.file_size, content)


def _tar(archive: Path) -> Iterator[_Member]:
    """In the order of the file, so that a compressed archive is read once."""
    with tarfile.open(archive, "r|*") as opened:
        for info in opened:
            if info.isfile():
                yield _Member(info.name, "file", info.size, opened.extractfile(info))
            else:
                kind = "folder" if info.isdir() else "link" if info.issym() or info.islnk() else "device"
                yield _Member(info.name, kind, 0, None)


def _check(archive: Path, target: Path, member: _Member) -> None:
    name = PurePosixPath(member.name)
    leads_out = name.is_absolute() or ".." in name.parts or "\\" in member.name or ":" in member.name[:2]
    if leads_out or "\0" in member.name:
        _refuse(archive, member, "leads out of the folder that it is unpacked to")
    if member.kind in ("link", "device"):
        _refuse(archive, member, f"is a {member.kind}")
    if member.kind == "file" and (not name.parts or target.joinpath(*name.parts).exists()):
        _refuse(archive, member, "stands there twice, or has no name")


def _refuse(archive: Path, member: _Member, what: str) -> NoReturn:
    text = f"the member '{cut(member.name)}' {what}; nothing is unpacked."
    todo = "Ask where the archive comes from; if you trust it, unpack it yourself and name the folder."
    raise CohortError(Finding(file=archive, what=text, todo=todo, code="unsafe-archive"))


def _refuse_size(archive: Path, member: _Member, total: int, n: int, most: int, free: int) -> NoReturn:
    if n > MOST_MEMBERS:
        _refuse(archive, member, f"is number {n:,}; an archive has at most {MOST_MEMBERS:,}")
    room = "the disk has room for" if most == free else f"images compressed to {archive.stat().st_size:,} bytes make"
    _refuse(archive, member, f"brings the unpacked bytes to {total:,}; at most {most:,} are what {room}")


def _write(archive: Path, member: _Member, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert member.content is not None, "a file has content"
    left = member.size
    with path.open("xb") as file:
        while chunk := member.content.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                _refuse(archive, member, f"holds more than the {member.size:,} bytes that it declares")
            file.write(chunk)
    if left:
        _refuse(archive, member, f"holds {member.size - left:,} of the {member.size:,} bytes that it declares")
