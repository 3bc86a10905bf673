"""What stands for "not known" in the tables of published studies."""

from __future__ import annotations

__all__ = ["known"]

_UNKNOWN = {
    *("", "na", "n/a", "nan", "null", ".", "unknown", "not available", "not applicable", "not collected"),
    *("not evaluated", "not reported", "not recorded in database", "not assessed", "discrepancy", "missing"),
}


def known(cell: str) -> str | None:
    """The cell's text; None where it means "not known": empty, `NA`, `[Not Available]`, `Unknown`, `Not Collected`."""
    text = cell.strip()
    return None if text.strip("[]").casefold() in _UNKNOWN else text
