"""The four header lines of a cBioPortal clinical table: name, description, type and priority of each attribute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from mmcare.errors import Finding, Severity
from mmcare.formats.text import read_text

__all__ = ["Attribute", "read_attributes"]

Datatype = Literal["NUMBER", "STRING", "BOOLEAN", ""]
_DATATYPES = {"NUMBER", "STRING", "BOOLEAN"}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One clinical attribute: its column, what the study calls it, what it says of it, and its type ("" unknown)."""

    column: str
    label: str = ""
    description: str = ""
    datatype: Datatype = ""


def read_attributes(path: Path | str) -> tuple[Mapping[str, Attribute], tuple[Finding, ...]]:
    """The attributes of a clinical table by column, and what was wrong with the header lines.

    Published files hold four lines that begin with `#` (older ones a fifth), and some none: then a column's name is all
    that is known of it.

    Raises:
        CohortError: The file cannot be read.

    Source:
        cBioPortal documentation, "File formats", "Clinical data".
    """
    path = Path(path)
    lines = read_text(path).splitlines()
    header = [line for line in lines if not line.startswith("#")][:1]
    columns = header[0].split("\t") if header else []
    said = [line.removeprefix("#").split("\t") for line in _leading(lines)]
    if not said:
        return {column: Attribute(column) for column in columns}, ()
    wrong = [number for number, cells in enumerate(said, start=1) if len(cells) != len(columns)]
    types = next((cells for cells in said if {c.strip().upper() for c in cells} <= _DATATYPES), None)
    if wrong or types is None or len(said) < 3:
        return {column: Attribute(column) for column in columns}, (_unread(path, wrong, len(columns)),)
    return {
        column: Attribute(column, label.strip(), text.strip(), cast("Datatype", kind.strip().upper()))
        for column, label, text, kind in zip(columns, said[0], said[1], types, strict=True)
    }, ()


def _leading(lines: list[str]) -> list[str]:
    end = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return lines[:end]


def _unread(path: Path, wrong: list[int], n: int) -> Finding:
    if wrong:
        what = f"the header line has another number of cells than the {n} columns; the header lines are not used."
    else:
        what = "none of the `#` lines gives each column's type (STRING, NUMBER or BOOLEAN); they are not used."
    todo = "Types are told from the values; complete the four lines to state them."
    return Finding(
        file=path,
        line=wrong[0] if wrong else 1,
        what=what,
        todo=todo,
        severity=Severity.WARNING,
        code="clinical-header",
    )
