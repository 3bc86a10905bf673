"""The one way in which files and folders are written: built beside, flushed to disk, renamed into place.

A file or folder written here is whole or absent, also after `kill -9` or on a full disk.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmcare.errors import Finding, MMCareError

__all__ = ["new_folder", "write_bytes", "write_text"]

_CURES = {
    errno.ENOSPC: "The disk is full: free some space, or write elsewhere.",
    errno.EACCES: "Allow writing there, or write elsewhere.",
    errno.EPERM: "Allow writing there, or write elsewhere.",
    errno.EROFS: "The disk is read-only: write elsewhere.",
    errno.ENAMETOOLONG: "Use a shorter name.",
}


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all; its folder is made where it is missing.

    Raises:
        MMCareError: It cannot be written; the message names the path, the reason and the bytes needed.
    """
    with _said(path, len(data)):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).chmod(0o644)
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
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
    with _said(path, None):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name[:40]}."))
        try:
            yield beside
            beside.chmod(0o755)  # as mkdir would have it: mkdtemp makes folders private
            if path.is_dir():
                path.rmdir()
            beside.replace(path)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def _said(path: Path, size: int | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _CURES:
            raise
        needed = f" ({size:,} bytes)" if size is not None else ""
        what = f"cannot be written{needed}: {error.strerror}."
        raise MMCareError(Finding(file=path, what=what, todo=_CURES[error.errno], code="not-written")) from error
