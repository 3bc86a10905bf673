"""`mmcare cohort init`: a first data dictionary for a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmcare.cli.progress import tell
from mmcare.cli.show import show_findings

__all__ = ["init"]


def init(
    table: Annotated[Path, typer.Argument(help="The patients' table: CSV, TSV, Parquet or Excel.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="The cohort folder to write: a new one, or the folder of the table. By default the draft is printed.",
        ),
    ] = None,
    redcap: Annotated[
        Path | None, typer.Option("--redcap", metavar="FILE", help="The REDCap data dictionary of the table.")
    ] = None,
    sheet: Annotated[str | None, typer.Option("--sheet", metavar="NAME", help="Sheet of an Excel workbook.")] = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", metavar="NAME", help="Encoding of a text file, if not UTF-8.")
    ] = None,
) -> None:
    """Draft the data dictionary of a table: ids, treatment, endpoints, types, levels and units.

    What is guessed is marked as guessed, with what it was guessed from. What cannot be told is left as a TODO, and
    `mmcare cohort check` names each. A new folder also holds the table as CSV, without columns that identify persons.

    With a REDCap data dictionary, codes become their labels, units come from the labels, and fields flagged as
    identifiers are left out.

    Example:
        mmcare cohort init hospital.xlsx --out hospital
        mmcare cohort init export.csv --redcap dictionary.csv --out hospital
    """
    from mmcare.errors import CohortError, Finding
    from mmcare.formats import TableFormat
    from mmcare.formats.text import is_text_encoding
    from mmcare.workflow.cohort_init import draft_cohort, write_draft

    if encoding is not None and not is_text_encoding(encoding):
        raise typer.BadParameter(f"'{encoding}' is no encoding, such as windows-1252.", param_hint="--encoding")
    if redcap is not None and out is None:
        what = "the table is written anew, with words in place of codes."
        raise CohortError(Finding(key="--redcap", what=what, todo="Name a new folder with `--out`."))
    drafted = draft_cohort(table, TableFormat(sheet=sheet, encoding=encoding), redcap)
    show_findings(drafted.findings)
    if out is None:
        print(drafted.text(), end="")
        return
    print(write_draft(drafted, out))
    if drafted.n_todo:
        tell(f"{drafted.n_todo} left to fill in: each is marked TODO.")
    tell(f"Next: mmcare cohort check {out}")
