"""The key in its file: made once with a mode that shuts others out, never within the cohort."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

from mmcare.cohort.deidentify.pseudonyms import LEAST_KEY_BYTES
from mmcare.errors import CohortError, Finding, Severity
from mmcare.formats.atomic import flush_folder

__all__ = ["KEY_MARK", "new_key", "read_key"]

KEY_MARK = "mmcare-deidentification-key-1:"
_FORM = re.compile(rf"{KEY_MARK}([0-9a-f]{{{2 * LEAST_KEY_BYTES}}})\s*", re.ASCII)
_MOST_BYTES = 4096


def new_key(path: Path) -> None:
    """Write a new random key, readable by its owner alone (mode 0600); a file that is there is never overwritten.

    Raises:
        CohortError: The file exists, or cannot be written.
    """
    text = f"{KEY_MARK}{secrets.token_hex(LEAST_KEY_BYTES)}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        what = "exists; a key is never overwritten, for without it no new file fits those made before."
        raise CohortError(Finding(file=path, what=what, todo="Use it, or name another file.", code="exists")) from error
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        flush_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _not_written(path, error) from error


def read_key(path: Path, outside: Path) -> tuple[bytes, list[Finding]]:
    """The key in a file, and a warning where others can read it.

    Args:
        path: The file that `mmcare cohort new-key` wrote.
        outside: The folder that is to be written. Who gets it must not get the key.

    Raises:
        CohortError: The key lies in that folder, is absent, or is no key; the message never shows what the file holds.
    """
    _check_outside(path, outside)
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode("ascii", "replace")
            mode = os.fstat(file.fileno()).st_mode
    except OSError as error:
        what = "there is no such key." if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}."
        todo = f"Make one with `mmcare cohort new-key {path}`."
        raise CohortError(Finding(file=path, what=what, todo=todo, code="no-key")) from error
    found = _FORM.fullmatch(text)
    if found is None:
        what = f"is no key; a key is one line, `{KEY_MARK}` and {2 * LEAST_KEY_BYTES} hexadecimal digits."
        todo = "Name the file that `mmcare cohort new-key` wrote."
        raise CohortError(Finding(file=path, what=what, todo=todo, code="no-key"))
    return bytes.fromhex(found[1]), _others_may_read(path, mode)


def _check_outside(path: Path, folder: Path) -> None:
    """Neither the name nor what it leads to may lie in the folder."""
    inside = folder.resolve()
    places = (path.resolve(), path.parent.resolve() / path.name)
    if any(place.is_relative_to(inside) for place in places):
        what = f"the key lies in {folder}, the folder that is to hold nothing that leads back to a patient."
        todo = "Move the key elsewhere."
        raise CohortError(Finding(file=path, what=what, todo=todo, code="key-in-cohort"))


def _others_may_read(path: Path, mode: int) -> list[Finding]:
    if os.name != "posix" or not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return []
    what = f"others than its owner may use the key (mode {stat.S_IMODE(mode):04o})."
    todo = f"chmod 600 {path}"
    return [Finding(file=path, what=what, todo=todo, severity=Severity.WARNING, code="key-open")]


def _not_written(path: Path, error: OSError) -> CohortError:
    what = f"the key cannot be written: {error.strerror or error}."
    return CohortError(Finding(file=path, what=what, todo="Name another file.", code="not-written"))
