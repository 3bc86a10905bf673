"""The clinical tables of a study as a cohort's columns: types, roles, and when each is known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mmcare.builtin.cbioportal.cells import known
from mmcare.builtin.cbioportal.endpoints import StudyEndpoint, tells_outcome
from mmcare.errors import Finding, Severity, cut
from mmcare.formats import Table, parse_numbers
from mmcare.formats.cbioportal_attributes import Attribute
from mmcare.formats.rows import counted, first_lines

__all__ = ["StudyColumn", "study_columns"]

_MOST_LEVELS = 20
_IDS = {"PATIENT_ID", "SAMPLE_ID", "OTHER_PATIENT_ID", "OTHER_SAMPLE_ID"}
_MUST_FIT = 0.5
_SPECIMEN = re.compile(r"PATH|(^|_)P[TNM](_|$)|GRADE|MARGIN|RESECTION|RESIDUAL|SPECIMEN|ADJUVANT")


@dataclass(frozen=True, slots=True)
class StudyColumn:
    """One attribute of a study as a column of the patients' table.

    Attributes:
        name: Column of the patients' table.
        attribute: What the study says of it.
        cells: Text of each patient, None where not known.
        type: Number or category.
        predictor: Whether it can be an input.
        available_at: When it is known.
        missing: Texts among numbers that are none.
        why: Why it is no input, or what its time was told from.
    """

    name: str
    attribute: Attribute
    cells: tuple[str | None, ...]
    type: Literal["number", "category"]
    predictor: bool
    available_at: Literal["decision", "after"]
    missing: tuple[str, ...]
    why: str


def study_columns(
    table: Table,
    attributes: Mapping[str, Attribute],
    rows: Sequence[Mapping[str, str]],
    endpoints: Sequence[StudyEndpoint],
    *,
    of_sample: bool,
    taken: Sequence[str] = (),
) -> tuple[tuple[StudyColumn, ...], tuple[Finding, ...]]:
    """The columns of one clinical table.

    Args:
        table: The table.
        attributes: What its header lines say.
        rows: Its row of each patient, in the cohort's order.
        endpoints: Endpoints, whose columns are left to them.
        of_sample: Whether the table is that of samples: what is known of the specimen counts as known only after the
            treatment decision.
        taken: Names that the patients' table has already; a column of that name is told apart by `sample_`.
    """
    used = {name for endpoint in endpoints for name in (endpoint.time, endpoint.event)} | _IDS
    columns, findings = [], []
    for source in table.columns:
        if source in used:
            continue
        name = source.strip().lower()
        name = f"sample_{name}" if name in taken else name
        cells = tuple(known(row[source]) for row in rows)
        column, found = _column(table, name, attributes.get(source, Attribute(source)), cells, of_sample)
        columns.append(column)
        findings += found
    return tuple(columns), tuple(findings)


def _column(
    table: Table, name: str, attribute: Attribute, cells: tuple[str | None, ...], of_sample: bool
) -> tuple[StudyColumn, list[Finding]]:
    texts = [cell for cell in cells if cell is not None]
    odd = _not_numbers(texts)
    declared = attribute.datatype
    number = bool(texts) and (len(odd) <= _MUST_FIT * len(texts) if declared == "NUMBER" else not odd and not declared)
    why = _no_input(attribute.column, texts, number)
    specimen = of_sample or _of_specimen(attribute.column)
    when = "known of the specimen" if specimen else ""
    column = StudyColumn(
        name=name,
        attribute=attribute,
        cells=cells,
        type="number" if number else "category",
        predictor=not why,
        available_at="after" if specimen or tells_outcome(attribute.column) else "decision",
        missing=tuple(dict.fromkeys(odd)) if number else (),
        why=why or when,
    )
    return column, [_odd(table, attribute.column, odd, len(texts), number)] if odd and declared == "NUMBER" else []


def _not_numbers(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if parse_numbers([text], [0], column="")[1]]


def _no_input(source: str, texts: Sequence[str], number: bool) -> str:
    levels = Counter(texts)
    if tells_outcome(source):
        return "tells of the course after treatment"
    if len(levels) < 2:
        return "has no two values"
    if not number and len(levels) > _MOST_LEVELS:
        return f"free text, or {len(levels):,} levels"
    return ""


def _of_specimen(source: str) -> bool:
    return _SPECIMEN.search(source.upper()) is not None


def _odd(table: Table, source: str, odd: list[str], n: int, number: bool) -> Finding:
    texts = [f"'{cut(text, 20)}'" for text in dict.fromkeys(odd)]
    what = f"{len(odd)} of {counted(n, 'known cell')} of a NUMBER {'is' if len(odd) == 1 else 'are'} no number "
    what += f"({first_lines(texts)}); "
    what += "they count as not known." if number else "the column becomes a category."
    todo = "Write numbers, or state another type in the third header line."
    return Finding(file=table.file, key=source, what=what, todo=todo, severity=Severity.WARNING, code="no-number")
