"""The JSON files of a run, read with every trouble in words: cut, not UTF-8, no finite number, another shape."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from mmcare.errors import Finding, RunError, cut

__all__ = ["RESTORE", "read_as", "read_json", "wrong_values"]

RESTORE = "Restore it from a copy of the run, or train again."
T = TypeVar("T")


def read_json(path: Path) -> object:
    """The values of a JSON file; all its numbers are finite.

    Raises:
        RunError: It cannot be read, is no JSON, or holds a number that is not finite (each with its key path).
    """
    try:
        data: object = json.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"is not UTF-8 at byte {error.start}.") from error
    except json.JSONDecodeError as error:
        raise _unreadable(path, f"is not JSON: {error.msg}.", error.lineno, error.colno) from error
    except (RecursionError, ValueError) as error:  # nested without end, or a number of thousands of digits
        raise _unreadable(path, f"is not JSON that can be read: {cut(str(error))}.") from error
    wrong = [
        Finding(file=path, key=key, what=f"is {value}, and must be a finite number.", todo=RESTORE, code="not-finite")
        for key, value in _numbers(data, "")
        if not math.isfinite(value)
    ]
    if wrong:
        raise RunError(wrong)
    return data


def read_as(path: Path, kind: type[T]) -> T:
    """A JSON file as a dataclass or model.

    Raises:
        RunError: As `read_json`; or values are missing or of another type (each with its key path).
    """
    read_json(path)
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes(), strict=True)
    except ValidationError as error:
        raise RunError(wrong_values(path, error)) from error


def wrong_values(path: Path, error: ValidationError) -> list[Finding]:
    """What pydantic says of a file's values, a finding each."""
    return [
        Finding(
            file=path,
            key=".".join(str(part) for part in found["loc"]) or None,
            what=f"{_said(found['type'], found['msg'])}{_value(found['type'], found['input'])}",
            todo=RESTORE,
            code="values",
        )
        for found in error.errors(include_url=False)
    ]


def _said(kind: str, message: str) -> str:
    match kind:
        case "missing":
            return "is missing."
        case "extra_forbidden":
            return "is no key of this file."
        case _:
            return message.removeprefix("Value error, ").replace("Input should be", "must be").rstrip(".")


def _value(kind: str, value: object) -> str:
    return "" if kind in ("missing", "extra_forbidden") else f"; found `{cut(value, 40)}`."


def _numbers(data: object, key: str) -> Iterator[tuple[str, float]]:
    """Each number with its key path; an item that has a name goes by it."""
    if isinstance(data, float):
        yield key, data
    elif isinstance(data, dict):
        for name, value in data.items():
            yield from _numbers(value, f"{key}.{name}" if key else str(name))
    elif isinstance(data, list):
        for place, value in enumerate(data):
            name = value.get("name", place) if isinstance(value, dict) else place
            yield from _numbers(value, f"{key}.{name}")


def _unreadable(path: Path, what: str, line: int | None = None, column: int | None = None) -> RunError:
    return RunError(Finding(file=path, line=line, column=column, what=what, todo=RESTORE, code="unreadable"))
