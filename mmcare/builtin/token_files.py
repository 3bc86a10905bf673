"""Readers of ready-made tokens: a NumPy array a patient, or the patient's rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmcare.errors import CohortError, Finding, cut
from mmcare.formats import parse_numbers

__all__ = ["NamedTokens", "read_array", "read_rows"]

NAME_COLUMN = "token"


@dataclass(frozen=True, slots=True)
class NamedTokens:
    """A patient's tokens: N distinct names, `values (N, D)` float32, all finite."""

    names: tuple[str, ...]
    values: npt.NDArray[np.float32]


def read_array(path: Path) -> NamedTokens:
    """Tokens of an `.npy` file, (N, D) or (D,); named by their place.

    Raises:
        CohortError: The file is no array of finite numbers with one or two axes.
    """
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _error(path, f"is no array of numbers that NumPy reads ({cut(str(error), 80)}).") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu" or found.ndim not in (1, 2):
        raise _error(path, f"expected numbers of shape (N, D) or (D,), found {_described(found)}.")
    values = np.atleast_2d(found).astype(np.float32)
    if 0 in values.shape or not np.isfinite(values).all():
        raise _error(path, f"expected finite numbers, at least one; found {_described(found)} with some that are not.")
    return NamedTokens(tuple(f"token {i}" for i in range(len(values))), values)


def read_rows(path: Path, key: str, patient: str, rows: Sequence[Mapping[str, str]]) -> NamedTokens:
    """Tokens of a patient's rows: a row a token, named by the column `token` where there is one.

    Raises:
        CohortError: A cell is no number, or the same token is there twice.
    """
    columns = [name for name in rows[0] if name not in (key, NAME_COLUMN)]
    names = tuple(row.get(NAME_COLUMN, f"token {i}") for i, row in enumerate(rows))
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise _error(path, f"the token '{cut(twice, 40)}' is there twice.", patient)
    if not columns:
        raise _error(path, f"has no column of numbers beside `{key}`.", patient)
    numbers = [_finite(path, patient, name, [row[name] for row in rows]) for name in columns]
    return NamedTokens(names, np.stack(numbers, axis=1).astype(np.float32))


def _finite(path: Path, patient: str, column: str, cells: Sequence[str]) -> npt.NDArray[np.float64]:
    numbers, _ = parse_numbers(cells, [0] * len(cells), file=path, column=column)
    if not np.isfinite(numbers).all():
        odd = cells[int(np.flatnonzero(~np.isfinite(numbers))[0])]
        raise _error(path, f"column `{column}`: expected a finite number, found '{cut(odd, 40)}'.", patient)
    return numbers


def _described(values: object) -> str:
    return f"{values.dtype} of shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__


def _error(path: Path, what: str, patient: str | None = None) -> CohortError:
    return CohortError(Finding(file=path, patient=patient, what=what, todo="Write it again.", code="tokens"))
