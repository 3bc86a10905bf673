"""What stands for "not known" in the tables of published studies."""

from __future__ import annotations

import math

__all__ = ["known", "number"]

_UNKNOWN = {
    *("", "na", "n/a", "nan", "null", ".", "unknown", "not available", "not applicable", "not collected"),
    *("not evaluated", "not reported", "not recorded in database", "not assessed", "discrepancy", "missing"),
}


def known(cell: str) -> str | None:
    """The cell's text; None where it means "not known": empty, `NA`, `[Not Available]`, `Unknown`, `Not Collected`."""
    text = cell.strip()
    return None if text.strip("[]").casefold() in _UNKNOWN else text


def number(cell: str) -> float | None:
    """The cell's finite number; None where it is not known, or no number."""
    try:
        value = float(known(cell) or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
