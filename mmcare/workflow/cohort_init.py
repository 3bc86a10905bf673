"""From a table to the draft of a cohort: read it as it stands, guess what it holds, write what is whole."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mmcare.cohort.drafting.arms import find_id
from mmcare.cohort.drafting.draft import Draft, draft_dictionary
from mmcare.cohort.drafting.profile import profiles
from mmcare.cohort.drafting.redcap import Described, described_by, read_redcap
from mmcare.cohort.writer import write_cohort_folder
from mmcare.errors import CohortError, Finding, Severity
from mmcare.formats import Table, TableFormat, read_patients_table
from mmcare.formats.atomic import write_text
from mmcare.formats.rows import counted

__all__ = ["Drafted", "draft_cohort", "write_draft"]

_COMMA = re.compile(r"[+-]?\d*,\d+", re.ASCII)
_POINT = re.compile(r"[+-]?\d*\.\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Drafted:
    """A table, and what it seems to hold.

    Attributes:
        source: The file that it was read from.
        form: How the table stands there.
        table: The table; with a REDCap dictionary, words in place of codes.
        draft: The dictionary.
        findings: What is worth saying of both.
        redcap: The REDCap dictionary, where one was given.
        flagged: Columns that it flags as identifiers: the table is without them.
    """

    source: Path
    form: TableFormat
    table: Table
    draft: Draft
    findings: tuple[Finding, ...]
    redcap: Path | None = None
    flagged: tuple[str, ...] = ()

    def text(self, file: str | None = None) -> str:
        """`cohort.yaml`: for the table as it stands, or for one written anew under the name `file`."""
        if file is None:
            return self.draft.text(self.source.name, self.form, self.source.name)
        return self.draft.text(file, TableFormat(), self.source.name)

    @property
    def n_todo(self) -> int:
        """How many values are left to fill in."""
        return sum(line.split("#")[0].count("TODO:") for line in self.text().splitlines())


def draft_cohort(table: Path, form: TableFormat, redcap: Path | None = None) -> Drafted:
    """Read a table and guess what it holds; an encoding or separator that is not given is guessed, too.

    Args:
        table: CSV, TSV, Parquet or Excel.
        form: What is known of how it stands there.
        redcap: A REDCap data dictionary that describes it.

    Raises:
        CohortError: The table or the dictionary cannot be read, or rows of it would be lost.
    """
    form, read, guessed = _read(table, form)
    id_column, _ = find_id(profiles(read))
    if id_column in read.columns:  # now that it is known: spaces around ids, and rows that sum up others
        read = read_patients_table(table, form, id_column=id_column)
    errors = [finding for finding in read.findings if finding.severity is Severity.ERROR]
    if errors:
        raise CohortError(errors)
    found = Described(read) if redcap is None else described_by(read, read_redcap(redcap), redcap)
    draft = draft_dictionary(found.table, found.units, found.levels)
    findings = (*guessed, *read.findings, *found.findings, *_of_draft(table, draft))
    return Drafted(table, form, found.table, draft, findings, redcap, found.left_out)


def write_draft(drafted: Drafted, out: Path) -> Path:
    """Write the drafted cohort: beside the table where `out` is its folder, else a new folder with the table in it.

    The table of a new folder is a CSV in UTF-8, without the columns that identify persons.

    Returns:
        The `cohort.yaml`.

    Raises:
        MMCareError: There is one already, or it cannot be written.
        CohortError: A table that REDCap describes would have to be changed where it stands.
    """
    beside = out.is_dir() and out.resolve() == drafted.source.resolve().parent
    if beside and drafted.redcap is not None:
        what = "holds the table itself; with `--redcap` it is written anew, with words in place of codes."
        raise CohortError(Finding(file=out, what=what, todo="Name a new folder with `--out`.", code="exists"))
    if beside:
        file = out / "cohort.yaml"
        if file.exists():
            raise CohortError(
                Finding(file=file, what="exists; nothing was written.", todo="Move it away, or name another `--out`.")
            )
        write_text(file, drafted.text())
        return file
    with write_cohort_folder(out) as writer:
        writer.dictionary(drafted.text("patients.csv"))
        writer.table("patients.csv", *_without_identifiers(drafted))
        writer.provenance(_provenance(drafted))
    return out / "cohort.yaml"


def _read(table: Path, form: TableFormat) -> tuple[TableFormat, Table, list[Finding]]:
    """The table; encoding, separator and decimal mark are guessed where none is given and it cannot be read without."""
    notes: list[Finding] = []
    while True:
        try:
            read = read_patients_table(table, form)
            break
        except CohortError as error:
            better = _better(form, error.findings[0])
            if better is None:
                raise
            form = better
            notes.append(_guess_said(table, form, error.findings[0]))
    if form.decimal == "." and form.separator == ";" and _has_decimal_commas(read):
        form = replace(form, decimal=",")
        notes.append(_note(table, 'numbers with a comma are read as decimals, guessed: `decimal: ","`.'))
        read = read_patients_table(table, form)
    return form, read, notes


def _better(form: TableFormat, finding: Finding) -> TableFormat | None:
    if finding.code == "not-utf-8" and form.encoding is None:
        return replace(form, encoding="utf-16" if "UTF-16" in finding.what else "windows-1252")
    if finding.code == "separator" and form.separator is None:
        return replace(form, separator=";")
    return None


def _guess_said(table: Path, form: TableFormat, finding: Finding) -> Finding:
    if finding.code == "separator":
        return _note(table, 'is read with semicolons between cells, guessed: `separator: ";"`.')
    what = f"{finding.what.rstrip('.')}; is read as {form.encoding}, guessed."
    return _note(table, what).at(
        line=finding.line, severity=Severity.WARNING, todo="Look whether its letters are right."
    )


def _note(table: Path, what: str) -> Finding:
    return Finding(file=table, what=what, severity=Severity.NOTE, code="guessed")


def _has_decimal_commas(table: Table) -> bool:
    cells = [cell.strip() for row in table.rows for cell in row]
    return sum(map(bool, map(_COMMA.fullmatch, cells))) > sum(map(bool, map(_POINT.fullmatch, cells)))


def _of_draft(table: Path, draft: Draft) -> Iterator[Finding]:
    for column in draft.left_out:
        yield Finding(
            file=table,
            key=column.name,
            what=f"{column.why}: it identifies persons, and is left out.",
            todo="Of a date of birth, keep the age at the decision.",
            severity=Severity.WARNING,
            code="identifier",
        )
    if draft.repeated:
        what = f"{counted(draft.repeated, 'id')} of `{draft.id}` stand in several rows; a cohort has one row a patient."
        yield Finding(
            file=table,
            key=draft.id,
            what=what,
            todo="Keep one row of each patient; `mmcare cohort check` names them.",
            severity=Severity.WARNING,
            code="duplicate-patient",
        )


def _without_identifiers(drafted: Drafted) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table to write."""
    left_out = {column.name for column in drafted.draft.left_out}
    kept = [place for place, name in enumerate(drafted.table.columns) if name not in left_out]
    rows = [[row[place] for place in kept] for row in drafted.table.rows]
    return [drafted.table.columns[place] for place in kept], rows


def _provenance(drafted: Drafted) -> str:
    left_out = ", ".join((*drafted.flagged, *(column.name for column in drafted.draft.left_out))) or "none"
    digest = hashlib.sha256(drafted.source.read_bytes()).hexdigest()
    described = f"Codes were replaced by the labels of `{drafted.redcap.name}`.\n" if drafted.redcap is not None else ""
    return (
        "# Where this cohort comes from\n\n"
        f"`patients.csv` was made by `mmcare cohort init` from `{drafted.source.name}`: {len(drafted.table)} rows.\n"
        f"SHA-256 of the source: {digest}.\n{described}"
        f"Columns left out because they identify persons, by their names or REDCap's flag: {left_out}.\n"
    )
