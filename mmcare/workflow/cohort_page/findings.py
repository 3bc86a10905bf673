"""Findings as rows of the page's table: errors first, as many as a page can bear, the others counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmcare.errors import Finding, Severity

__all__ = ["FindingRow", "FindingsPart", "findings_part"]

_MOST = 5_000
_ORDER = list(Severity)


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding; every cell is plain text, escaped where it is written."""

    severity: str
    rank: int
    patient: str
    file: str
    place: str
    column: str
    value: str
    what: str
    todo: str


@dataclass(frozen=True, slots=True)
class FindingsPart:
    """The rows, how many there are of each severity, the files named, and how many rows are left out."""

    rows: tuple[FindingRow, ...]
    counts: Mapping[str, int]
    files: tuple[str, ...]
    left_out: int


def findings_part(findings: Sequence[Finding], folder: Path) -> FindingsPart:
    """Rows in the order of severity; files relative to the cohort's folder where they lie in it."""
    ordered = sorted(findings, key=lambda finding: _ORDER.index(finding.severity))
    rows = tuple(_row(finding, folder) for finding in ordered[:_MOST])
    counted = Counter(str(finding.severity) for finding in findings)
    files = sorted({row.file for row in rows if row.file})
    return FindingsPart(rows, {str(s): counted[str(s)] for s in Severity}, tuple(files), max(0, len(ordered) - _MOST))


def _row(finding: Finding, folder: Path) -> FindingRow:
    numbers = ":".join(str(n) for n in (finding.line, finding.column) if n is not None)
    return FindingRow(
        severity=str(finding.severity),
        rank=_ORDER.index(finding.severity),
        patient=finding.patient or "",
        file=_file(finding.file, folder),
        place=numbers,
        column=" ".join(part for part in (finding.modality, finding.key) if part),
        value=finding.value or "",
        what=finding.what,
        todo=finding.todo,
    )


def _file(file: str | Path | None, folder: Path) -> str:
    if file is None:
        return ""
    path = Path(file)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) and path != folder else str(path)
