"""The one way in which files and folders are written: built beside, flushed to disk, renamed into place.

A file or folder written here is whole or absent, also after `kill -9` or on a full disk. Who may read it is what the
user's umask says: it may hold patient data.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from mmcare.errors import Finding, MMCareError

__all__ = ["flush_folder", "new_folder", "write_bytes", "write_text"]

_FULL = (errno.ENOSPC, errno.EDQUOT)
_CURES = {
    errno.ENOSPC: "The disk is full: free some space, or write elsewhere.",
    errno.EDQUOT: "Your share of the disk is used up: free some space, or write elsewhere.",
    errno.EACCES: "Allow writing there, or write elsewhere.",
    errno.EPERM: "Allow writing there, or write elsewhere.",
    errno.EFBIG: "Files of that size are not allowed there (`ulimit -f` says the limit): write elsewhere.",
    errno.EROFS: "The disk is read-only: write elsewhere.",
    errno.ENAMETOOLONG: "Use a shorter name.",
    errno.ENOTDIR: "What should be a folder on the way is a file: write elsewhere.",
    errno.EEXIST: "What should be a folder on the way is a file: write elsewhere.",
    errno.EISDIR: "It is a folder: use another name.",
}


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all; its folder is made where it is missing.

    Raises:
        MMCareError: It cannot be written; the message names the path, the reason and the bytes needed.
    """
    beside = _beside(path)
    with _said(path, len(data)):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of UTF-8 text with line feeds."""
    write_bytes(path, text.encode())


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill; it appears under `path` when the block ends well, and vanishes when it does not.

    Raises:
        MMCareError: `path` exists and is not empty, or it cannot be written.
    """
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        what = "is a file." if path.is_file() else "exists and is not empty; nothing is ever overwritten."
        raise MMCareError(Finding(file=path, what=what, todo="Name another folder, or remove this one.", code="exists"))
    beside = _beside(path)
    with _said(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir()
    try:
        with _said(path, only=_FULL):  # any other trouble of the block is with files of its own
            yield beside
        with _said(path):
            _flush(beside)
            if path.is_dir():
                path.rmdir()
            beside.replace(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk: until then, a power cut may undo a rename."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush(folder: Path) -> None:
    for root, _, files in os.walk(folder):
        for name in files:
            with (Path(root) / name).open("rb") as file:
                os.fsync(file.fileno())
        flush_folder(Path(root))


def _beside(path: Path) -> Path:
    """A hidden neighbour; opened as any file is, so that the umask decides who may read it."""
    return path.with_name(f".{path.name[:40]}.{secrets.token_hex(6)}")


@contextmanager
def _said(path: Path, size: int | None = None, only: Collection[int] | None = None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if only is not None and error.errno not in only:
            raise
        needed = f" ({size:,} bytes)" if size is not None else ""
        what = f"cannot be written{needed}: {error.strerror or error}."
        todo = _CURES.get(error.errno or 0, "Write elsewhere.")
        raise MMCareError(Finding(file=path, what=what, todo=todo, code="not-written")) from error
