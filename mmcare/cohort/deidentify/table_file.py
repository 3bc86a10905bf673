"""A table in a file, de-identified into another file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from mmcare.cohort.deidentify.deidentifier import Deidentifier
from mmcare.cohort.deidentify.tables import deidentified_table
from mmcare.errors import CohortError, Finding, Severity
from mmcare.formats.atomic import write_text
from mmcare.formats.patients_table import read_patients_table
from mmcare.formats.table import Table, read_table
from mmcare.formats.table_format import TableFormat

__all__ = ["deidentify_table_file", "write_table"]

_TABS = (".tsv", ".maf", ".txt")


def deidentify_table_file(
    path: Path, out: Path, ids: Sequence[str], deidentifier: Deidentifier, form: TableFormat | None = None
) -> list[Finding]:
    """Write a table (CSV, TSV, MAF, Parquet, Excel) under the new ids, as CSV, or with tabs as the name of `out` says.

    Returns:
        What was found on reading, and each column that is changed or left out.

    Raises:
        CohortError: The table cannot be read, `out` is there, or a column of `ids` is not.
        MMCareError: `out` cannot be written.
    """
    if out.exists():
        what = "exists; a table is never overwritten."
        raise CohortError(Finding(file=out, what=what, todo="Name another file.", code="exists"))
    table = _read(path, form or TableFormat())
    new, findings = deidentified_table(table, ids, deidentifier)
    if path.suffix.lower() == ".maf":  # quotes are letters like others there
        write_text(out, "".join("\t".join(row) + "\n" for row in (new.columns, *new.rows)))
    else:
        write_table(new, out, "\t" if out.suffix.lower() in _TABS else ",")
    errors = [finding.at(severity=Severity.WARNING) for finding in table.findings]
    return [*errors, *findings]


def write_table(table: Table, path: Path, separator: str) -> None:
    """Write a table as UTF-8 text, whole or not at all.

    Raises:
        MMCareError: It cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    write_text(path, text.getvalue())


def _read(path: Path, form: TableFormat) -> Table:
    if path.suffix.lower() == ".maf":
        return read_table(path, separator="\t", comment="#", quoted=False)
    return read_patients_table(path, form)
