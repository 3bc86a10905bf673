"""Values of a workbook or a Parquet file as the text cells that a CSV file would hold."""

from __future__ import annotations

import datetime
import math

__all__ = ["as_cell"]

_EXACT = 2.0**53


def as_cell(value: object) -> str:
    """The text of one value.

    Nothing is rounded: a float is written so that it reads back the same; a whole one without its point, as `2`. True
    is `1` and False `0`, a date `2020-03-01`, midnight is no part of it; None and NaN are the empty cell.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, datetime.datetime):
        return _moment(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def _float(value: float) -> str:
    if math.isnan(value):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)


def _moment(value: datetime.datetime) -> str:
    return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(sep=" ")
