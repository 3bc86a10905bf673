"""Endpoints of a study: each pair of columns `X_STATUS` and `X_MONTHS`, such as OS, DFS and PFS."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmcare.builtin.cbioportal.cells import known
from mmcare.errors import Finding, Severity, cut
from mmcare.formats import Table
from mmcare.formats.rows import counted, first_lines

__all__ = ["StudyEndpoint", "find_endpoints", "tells_outcome"]

_HORIZONS = (1, 3, 5)
_CODE = re.compile(r"([01])(\.0)?(\s*:.*)?")
_EVENT = {"deceased", "dead", "recurred/progressed", "recurred", "progression", "progressed", "relapsed", "event"}
_CENSORED = {"living", "alive", "diseasefree", "disease free", "censored", "no event", "non-progression"}
_OUTCOME = re.compile(
    r"(^|_)(OS|DFS|PFS|DSS|RFS|EFS|TTP)(_|$)|SURVIVAL|VITAL|DEATH|DECEASED|DEAD|ALIVE|FOLLOW_?UP|RECUR|RELAPSE|"
    r"PROGRESS|NEW_TUMOR_EVENT|NEW_NEOPLASM|RESPONSE|DAYS_TO_LAST|DAYS_LAST|LAST_CONTACT|_MONTHS$|TUMOR_STATUS|"
    r"DISEASE_STATUS|CENSOR"
)


@dataclass(frozen=True, slots=True)
class StudyEndpoint:
    """One endpoint.

    Attributes:
        key: Its key in `cohort.yaml`, such as `os`.
        time: Column of the months.
        event: Column of the status.
        codes: Each patient's code, "0", "1", or None where not known; in the table's order.
        months: Each patient's time as text, None where not known.
        horizons: Years to report, within the follow-up.
    """

    key: str
    time: str
    event: str
    codes: tuple[str | None, ...]
    months: tuple[str | None, ...]
    horizons: tuple[float, ...]


def tells_outcome(column: str) -> bool:
    """Whether a column's name says that it tells of the course after treatment."""
    return _OUTCOME.search(column.upper()) is not None


def find_endpoints(table: Table) -> tuple[tuple[StudyEndpoint, ...], tuple[Finding, ...]]:
    """The endpoints that a clinical table holds, and what was wrong with their cells.

    A status is `0:…` or `1:…`, or one of the words that older studies write (LIVING, DECEASED, DiseaseFree,
    Recurred/Progressed). Any other text is found, and counts as not known.
    """
    endpoints, findings = [], []
    for event in table.columns:
        prefix = event.upper().removesuffix("_STATUS")
        time = next((name for name in table.columns if name.upper() == f"{prefix}_MONTHS"), None)
        if event.upper() == prefix or time is None:
            continue
        endpoint, found = _endpoint(table, prefix.lower(), time, event)
        findings += found
        if endpoint is not None:
            endpoints.append(endpoint)
    return tuple(endpoints), tuple(findings)


def _endpoint(table: Table, key: str, time: str, event: str) -> tuple[StudyEndpoint | None, list[Finding]]:
    codes = [_code(cell) for cell in table.column(event)]
    months = [known(cell) for cell in table.column(time)]
    odd = [
        f"line {line} '{cut(cell, 30)}'"
        for cell, code, line in zip(table.column(event), codes, table.lines, strict=True)
        if code is None and known(cell) is not None
    ]
    findings = [_odd(table, event, odd)] if odd else []
    both = [text for text, code in zip(months, codes, strict=True) if text is not None and code is not None]
    longest = _longest(both)
    if not longest > 0:
        return None, [*findings, _empty(table, key, time, event)]
    horizons = tuple(float(year) for year in _HORIZONS if year * 12 < longest) or (round(longest / 24, 2),)
    return StudyEndpoint(key, time, event, tuple(codes), tuple(months), horizons), findings


def _code(cell: str) -> str | None:
    text = cell.strip()
    if found := _CODE.fullmatch(text):
        return found[1]
    return "1" if text.casefold() in _EVENT else "0" if text.casefold() in _CENSORED else None


def _longest(months: Sequence[str]) -> float:
    numbers = [float(text) for text in months if re.fullmatch(r"\d+(\.\d*)?", text)]
    return float(np.max(numbers)) if numbers else float("nan")


def _odd(table: Table, event: str, odd: list[str]) -> Finding:
    what = f"{counted(len(odd), 'status')} that is none: allowed are `0:…` and `1:…` ({first_lines(odd)}); it counts "
    what = what.replace("statuss", "statuses").replace("that is none", "that are none") if len(odd) > 1 else what
    what += "as not known."
    todo = "Write 0 for censored and 1 for the event."
    return Finding(file=table.file, key=event, what=what, todo=todo, severity=Severity.WARNING, code="status")


def _empty(table: Table, key: str, time: str, event: str) -> Finding:
    what = f"no patient has both a status and a positive time ({time}): the endpoint `{key}` is left out."
    return Finding(file=table.file, key=event, what=what, severity=Severity.WARNING, code="no-endpoint")
