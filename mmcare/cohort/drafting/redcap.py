"""A REDCap data dictionary: what it says of the columns of an export, and the export with words in place of codes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmcare.cohort.units import words_of
from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats import Table, read_table
from mmcare.formats.rows import counted

__all__ = ["Described", "RedcapField", "described_by", "read_redcap"]

_HEADERS = {
    "name": ("Variable / Field Name", "field_name"),
    "type": ("Field Type", "field_type"),
    "label": ("Field Label", "field_label"),
    "choices": ("Choices, Calculations, OR Slider Labels", "select_choices_or_calculations"),
    "note": ("Field Note", "field_note"),
    "validation": ("Text Validation Type OR Show Slider Number", "text_validation_type_or_show_slider_number"),
    "identifier": ("Identifier?", "identifier"),
    "annotation": ("Field Annotation", "field_annotation"),
}
"""Each part, as REDCap's download and its API name it."""
_NEEDED = ("name", "type", "label", "choices")
_WITH_CHOICES = ("radio", "dropdown", "checkbox")
_YES_NO = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}
_NO_COLUMN = ("descriptive", "file", "signature")
_UNIT = re.compile(r"[(\[]\s*(?:in\s+)?([%\w\u00b5/^²³. -]{1,20})\s*[)\]]\s*:?\s*$")
_SAID_UNIT = re.compile(r"\bunits?\s*[:=]\s*['\"]?([%\w\u00b5/^²³.]+)", re.IGNORECASE)
_UNITS = {
    *("%", "years", "months", "weeks", "days", "cm", "mm", "m", "kg", "g", "lbs", "l", "ml", "gy", "cgy", "kg/m2"),
    *("mg/dl", "g/dl", "mmol/l", "µmol/l", "ng/ml", "u/l", "mmhg", "bpm", "pack-years", "points", "hu", "% predicted"),
}


@dataclass(frozen=True, slots=True)
class RedcapField:
    """A field of the dictionary.

    Attributes:
        name: Its name.
        type: REDCap's type: text, radio, dropdown, yesno, checkbox, calc, notes, …
        label: What people read.
        choices: Label of each code.
        unit: Unit, as label, note or annotation say it.
        identifies: Whether it is flagged as an identifier.
    """

    name: str
    type: str
    label: str
    choices: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    identifies: bool = False


def read_redcap(path: Path) -> tuple[RedcapField, ...]:
    """The fields of a data dictionary as REDCap downloads it, or its API gives it.

    Raises:
        CohortError: It is no such file, or a choice of it cannot be read.
    """
    table = read_table(path)
    where = _places(table)
    fields, wrong = [], []
    for row, line in zip(table.rows, table.lines, strict=True):
        parts = {part: row[place].strip() for part, place in where.items()}
        try:
            fields.append(_field(parts))
        except ValueError as error:
            wrong.append(_bad_choices(path, line, parts["name"], error))
    wrong += [finding for finding in table.findings if finding.severity is Severity.ERROR]
    if wrong:
        raise CohortError(wrong)
    return tuple(fields)


@dataclass(frozen=True, slots=True)
class Described:
    """An export, as its dictionary describes it.

    Attributes:
        table: The export: words in place of codes, without what identifies and what is no input.
        units: Unit by column.
        levels: Labels of the choices, by column that has them.
        left_out: Columns that are flagged as identifiers.
        findings: What was left out, what does not fit.
    """

    table: Table
    units: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def described_by(table: Table, fields: Sequence[RedcapField], dictionary: Path) -> Described:
    """The export with words in place of codes; flagged identifiers are left out, the record id stays.

    Args:
        table: A raw export (codes) or one with labels.
        fields: The dictionary's.
        dictionary: Its file, for messages.
    """
    known = {name: found for name in table.columns if (found := _field_of(name, fields)) is not None}
    first = fields[0].name if fields else ""
    flagged = [name for name, found in known.items() if found.identifies and found.name != first]
    findings = list(_findings(table, known, fields, flagged, dictionary))
    kept = [place for place, name in enumerate(table.columns) if name not in flagged]
    labels = [_labels(table.columns[place], known) for place in kept]
    rows = tuple(
        tuple(names.get(_code(row[place]), row[place]) for place, names in zip(kept, labels, strict=True))
        for row in table.rows
    )
    columns = tuple(table.columns[place] for place in kept)
    units = {name: found.unit for name, found in known.items() if found.unit and name in columns}
    levels = {n: tuple(f.choices.values()) for n, f in known.items() if f.choices and f.type != "checkbox"}
    described = replace(table, columns=columns, rows=rows)
    return Described(described, units, levels, tuple(flagged), tuple(findings))


def _places(table: Table) -> Mapping[str, int]:
    names = {name.strip().casefold(): place for place, name in enumerate(table.columns)}
    found = {
        part: names[name.casefold()] for part, ways in _HEADERS.items() for name in ways if name.casefold() in names
    }
    missing = [f"`{_HEADERS[part][0]}`" for part in _NEEDED if part not in found]
    if missing:
        what = f"is no REDCap data dictionary: it has no column {', '.join(missing)}."
        todo = "In REDCap, download it under Project Setup, Data Dictionary."
        raise CohortError(Finding(file=table.file, line=1, what=what, todo=todo, code="no-redcap"))
    return found


def _field(parts: Mapping[str, str]) -> RedcapField:
    kind = parts["type"].casefold()
    choices = _YES_NO.get(kind) or (_choices(parts["choices"]) if kind in _WITH_CHOICES else {})
    said = (parts.get("note", ""), parts.get("annotation", ""))
    return RedcapField(
        name=parts["name"],
        type=kind,
        label=parts["label"],
        choices=choices,
        unit=_unit(parts["label"], *said) if not choices else "",
        identifies=parts.get("identifier", "").casefold() in ("y", "yes", "1"),
    )


def _choices(text: str) -> Mapping[str, str]:
    """`1, Male | 2, Female`. Raises ValueError where a part has no comma, or a code stands twice."""
    found: dict[str, str] = {}
    for part in (part.strip() for part in text.split("|")):
        code, comma, label = part.partition(",")
        if not comma:
            raise ValueError(f"the choice '{cut(part, 40)}' is not `code, label`")
        if code.strip() in found:
            raise ValueError(f"the code '{cut(code.strip(), 20)}' stands twice")
        found[code.strip()] = label.strip() or code.strip()
    return found


def _unit(label: str, *said: str) -> str:
    for text in said:
        named = _SAID_UNIT.search(text)
        if named:
            return named[1]
        if text.strip().casefold() in _UNITS:
            return text.strip()
    found = _UNIT.search(label)
    return found[1].strip() if found and found[1].strip().casefold() in _UNITS else ""


def _field_of(column: str, fields: Sequence[RedcapField]) -> RedcapField | None:
    """By name, by the name of a checkbox's choice (`name___code`), or by label, as an export with labels has it."""
    stem = column.partition("___")[0].casefold()
    label = words_of(re.sub(r"\s*\(choice=.*\)$", "", column))
    for known in fields:
        if known.name.casefold() == stem and (known.type == "checkbox" or "___" not in column):
            return known
    return next((known for known in fields if known.label and words_of(known.label) == label), None)


def _labels(column: str, known: Mapping[str, RedcapField]) -> Mapping[str, str]:
    """Word of each code of a column."""
    described = known.get(column)
    if described is None:
        return {}
    return {"1": "Checked", "0": "Unchecked"} if described.type == "checkbox" else described.choices


def _code(cell: str) -> str:
    return cell.strip().removesuffix(".0")


def _findings(
    table: Table, known: Mapping[str, RedcapField], fields: Sequence[RedcapField], flagged: list[str], dictionary: Path
) -> Iterator[Finding]:
    if flagged:
        named = cut(", ".join(flagged), 400)
        what = f"{counted(len(flagged), 'column')} left out, flagged as identifiers in REDCap: {named}."
        yield Finding(file=table.file, what=what, severity=Severity.NOTE, code="identifier")
    if fields and fields[0].identifies and any(found is fields[0] for found in known.values()):
        what = f"the record id `{fields[0].name}` is flagged as an identifier, and is kept: rows are told apart by it."
        todo = "Give the patients pseudonyms before the cohort leaves the hospital."
        yield Finding(file=table.file, what=what, todo=todo, severity=Severity.WARNING, code="identifier")
    seen = {found.name for found in known.values()}
    absent = [f.name for f in fields if f.name not in seen and f.type not in _NO_COLUMN]
    if absent:
        what = f"{counted(len(absent), 'field')} without a column in {table.file.name}: {cut(', '.join(absent), 400)}."
        yield Finding(file=dictionary, what=what, severity=Severity.NOTE, code="no-column")
    strange = [name for name in table.columns if name not in known and not name.endswith("_complete")]
    if strange:
        what = f"{counted(len(strange), 'column')} not in the REDCap dictionary: {cut(', '.join(strange), 400)}."
        yield Finding(file=table.file, what=what, severity=Severity.NOTE, code="no-field")
    for name, found in known.items():
        yield from _unknown_codes(table, name, found)
    if "redcap_event_name" in table.columns or "redcap_repeat_instance" in table.columns:
        what = "a longitudinal export: a patient has a row for each event or instance; a cohort has one row a patient."
        todo = "Export the event with the baseline, or make one row of each patient's."
        yield Finding(file=table.file, what=what, todo=todo, severity=Severity.WARNING, code="longitudinal")


def _unknown_codes(table: Table, column: str, found: RedcapField) -> Iterator[Finding]:
    if not found.choices or found.type == "checkbox":
        return
    allowed = {*found.choices, *found.choices.values(), ""}
    wrong = [
        f"line {line} '{cut(cell, 20)}'"
        for cell, line in zip(table.column(column), table.lines, strict=True)
        if _code(cell) not in allowed and cell.strip() not in allowed
    ]
    if wrong:
        what = f"{counted(len(wrong), 'cell')} with no choice of `{found.name}` ({', '.join(wrong[:3])})."
        yield Finding(
            file=table.file,
            key=column,
            what=what,
            todo="Correct them in REDCap, and export again.",
            severity=Severity.WARNING,
            code="code",
        )


def _bad_choices(path: Path, line: int, name: str, error: ValueError) -> Finding:
    todo = "Write `1, Male | 2, Female`."
    return Finding(file=path, line=line, key=name, what=f"{error}.", todo=todo, code="choices")
