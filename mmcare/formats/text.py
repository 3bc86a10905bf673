"""Text files as text: UTF-8 with or without a mark; anything else is named with the place where it shows."""

from __future__ import annotations

import codecs
from pathlib import Path

from mmcare.errors import CohortError, Finding

__all__ = ["nearest", "read_text"]

_OTHER_FORMATS = {
    b"PK\x03\x04": "an Excel workbook (.xlsx) or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a gzip archive",
}
"""By the bytes at the start; the name of a file says nothing."""
_MARKS = ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, a leading mark removed; line ends as they are.

    Raises:
        CohortError: The file is absent or empty, or holds a NUL byte or another encoding than UTF-8.
    """
    data = _bytes(path)
    if not data.strip():
        raise CohortError(Finding(file=path, what="the file is empty.", todo="Export it again.", code="empty-file"))
    for start, kind in _OTHER_FORMATS.items():
        if data.startswith(start):
            todo = "Save the table as CSV (UTF-8), one sheet a file."
            raise CohortError(Finding(file=path, what=f"is {kind}, no text.", todo=todo, code="no-text"))
    for mark, name in _MARKS:
        if data.startswith(mark):
            raise _encoding(path, None, f"is written in {name} (by its byte order mark)")
    if b"\0" in data:
        raise _nul(path, data)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        what = f"is not UTF-8: byte 0x{byte:02X} at byte offset {error.start:,} is not allowed there"
        raise _encoding(path, line, f"{what} (in Windows-1252 it would be {_windows_1252(byte)})") from error


def nearest(name: str, names: list[str]) -> str:
    """`did you mean …?` with the name most like `name`; empty where none is like it."""
    from difflib import get_close_matches

    folded = {n.strip().casefold(): n for n in names}
    found = get_close_matches(name.strip().casefold(), folded, n=1)
    return f"did you mean '{folded[found[0]]}'?" if found else ""


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        what = "there is no such file."
    except IsADirectoryError:
        what = "is a folder, not a file."
    except OSError as error:
        what = f"cannot be read: {error.strerror}."
    raise CohortError(Finding(file=path, what=what, todo="Name a file that can be read.", code="not-readable"))


def _nul(path: Path, data: bytes) -> CohortError:
    offset = data.index(b"\0")
    line = data.count(b"\n", 0, offset) + 1
    what = f"a NUL byte at byte offset {offset:,}: this is no text file, or a damaged one."
    return CohortError(Finding(file=path, line=line, what=what, todo="Export it again as text.", code="nul-byte"))


def _encoding(path: Path, line: int | None, what: str) -> CohortError:
    todo = "Save it as UTF-8 (in Excel: CSV UTF-8)."
    return CohortError(Finding(file=path, line=line, what=f"{what}.", todo=todo, code="not-utf-8"))


def _windows_1252(byte: int) -> str:
    return f"'{bytes([byte]).decode('cp1252', errors='replace')}'"
