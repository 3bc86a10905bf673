"""Text files as text: UTF-8 with or without a mark, or the encoding asked for; what else it is, is named."""

from __future__ import annotations

import codecs
from pathlib import Path

from mmcare.errors import CohortError, Finding

__all__ = ["is_text_encoding", "nearest", "other_format", "read_text"]

_OTHER_FORMATS = {
    b"PK\x03\x04": "an Excel workbook (.xlsx) or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a gzip archive",
    b"$FL2": "an SPSS file (.sav)",
    b"$FL3": "a compressed SPSS file (.zsav)",
    b"<stata_dta>": "a Stata file (.dta)",
}
"""By the bytes at the start; the name of a file says nothing."""
_MARKS = ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))


def read_text(path: Path, encoding: str | None = None) -> str:
    """The text of a file, a leading mark removed; line ends as they are.

    Args:
        path: The file.
        encoding: What it is written in; None: UTF-8.

    Raises:
        CohortError: The file is absent or empty, is no text, or is written in another encoding.
    """
    data = _bytes(path)
    if not data.strip():
        raise CohortError(Finding(file=path, what="the file is empty.", todo="Export it again.", code="empty-file"))
    kind = other_format(data)
    if kind:
        todo = "Save the table as CSV (UTF-8), one sheet a file."
        raise CohortError(Finding(file=path, what=f"is {kind}, no text.", todo=todo, code="no-text"))
    return _utf_8(path, data) if encoding is None else _decoded(path, data, encoding)


def other_format(data: bytes) -> str:
    """What a file that begins with `data` is, where it is no text: `a Parquet file`; empty where it may be text."""
    if data[:256].lstrip().lower().startswith((b"<html", b"<!doctype html", b"<table")):
        return "an HTML page (some programs write one under the name .xls)"
    return next((kind for start, kind in _OTHER_FORMATS.items() if data.startswith(start)), "")


def is_text_encoding(name: str) -> bool:
    """Whether Python knows `name` as the encoding of a text."""
    try:
        return bool(codecs.lookup(name)._is_text_encoding)
    except (LookupError, ValueError):
        return False


def _utf_8(path: Path, data: bytes) -> str:
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


def _decoded(path: Path, data: bytes, encoding: str) -> str:
    """`data` in the encoding that the user names; UTF-8 that is called by another name is refused."""
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        return _utf_8(path, data)
    if data.startswith(codecs.BOM_UTF8) or _shows_utf_8(data):
        what = f"is written in UTF-8, and is to be read as {encoding}."
        raise CohortError(Finding(file=path, what=what, todo="Leave `encoding` out.", code="not-that-encoding"))
    try:
        text = data.decode(encoding)
    except UnicodeError as error:
        offset = getattr(error, "start", 0)
        line = data.count(b"\n", 0, offset) + 1
        what = f"is not {encoding}: byte 0x{data[offset]:02X} at byte offset {offset:,} is not allowed there."
        todo = "Correct `encoding`, or save it as UTF-8 (in Excel: CSV UTF-8)."
        raise CohortError(Finding(file=path, line=line, what=what, todo=todo, code="not-that-encoding")) from error
    if "\0" in text:
        raise _nul(path, data)
    return text.removeprefix("\ufeff")


def _shows_utf_8(data: bytes) -> bool:
    """Letters outside ASCII that are valid UTF-8 throughout: chance would hardly write them in another encoding."""
    if data.isascii():
        return False
    try:
        return bool(data.decode("utf-8"))
    except UnicodeDecodeError:
        return False


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
