"""`mmcare cohort deidentify`, `deidentify-table` and `new-key`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.progress import progress, tell
from mmcare.cli.show import aligned, show_findings
from mmcare.errors import CohortError, Finding, Interrupted

if TYPE_CHECKING:
    from mmcare.cohort.deidentify import FolderSummary

__all__ = ["deidentify", "deidentify_table", "new_key"]

_MOST_SHOWN = 20


def deidentify(
    source: Annotated[Path, typer.Argument(help="The folder of DICOM files; they are found by content.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write, or to go on with.")],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The key, outside of DIR: see `new-key`.")],
    keep_region: Annotated[
        list[str] | None,
        typer.Option(
            "--keep-region",
            metavar="PATTERN",
            help="Names of regions and segments beside the known ones; one that matches becomes the pattern, with the "
            "region's number for `*` and `?`; may be given several times.",
        ),
    ] = None,
    release: Annotated[
        list[str] | None,
        typer.Option("--release", metavar="REASON", help="secondary-image: write these too, once you looked at them."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="A CSV of all files and what became of each; outside of DIR."),
    ] = None,
) -> None:
    """Write CT images, structure sets and segmentations without what tells whose they are.

    Only listed elements survive; ids and UIDs are replaced and dates moved, all by the key. Files that may show a name
    in their pixels are held back, each with its reason. Run it again to go on after a stop.

    Example:
        mmcare cohort new-key study.key
        mmcare cohort deidentify export --out shareable --key study.key
    """
    from mmcare.cohort.deidentify import Deidentifier, deidentify_folder, read_key, write_report

    secret, findings = read_key(key, outside=out)
    show_findings(findings)
    deidentifier = Deidentifier(secret, regions=keep_region or (), release=release or ())
    if report is not None:
        _check_report(report, out)
    try:
        with progress() as bar:
            summary = deidentify_folder(source, out, deidentifier, bar)
    except KeyboardInterrupt:
        what = "stopped; what is written is whole."
        raise Interrupted(Finding(file=out, what=what, todo="Run the same command again to go on.")) from None
    if report is not None:
        write_report(summary, report)
    _show(summary, report)
    if not summary.n_safe:
        what = "no CT image, structure set or segmentation could be written."
        raise CohortError(
            Finding(file=source, what=what, todo="Name the folder of the series.", code="nothing-written")
        )
    print(out)


def _check_report(report: Path, out: Path) -> None:
    if report.resolve().is_relative_to(out.resolve()):
        what = f"the report names the original files, and would lie in {out}, which is to hold nothing of them."
        raise CohortError(Finding(file=report, what=what, todo="Name a file elsewhere.", code="report-in-out"))


def _show(summary: FolderSummary, report: Path | None) -> None:
    show_findings(summary.findings[:_MOST_SHOWN])
    if len(summary.findings) > _MOST_SHOWN:
        where = f"{report}" if report is not None else "the file of `--report FILE`"
        tell(f"… and {len(summary.findings) - _MOST_SHOWN} more; all are in {where}.")
    rows = [
        (kind, str(n), f"{outcome}: {reason}" if reason else outcome)
        for (kind, outcome, reason), n in summary.counts().items()
    ]
    for line in aligned([*rows, ("all files", str(len(summary.files)), "")], "lr"):
        print(line)


def deidentify_table(
    table: Annotated[Path, typer.Argument(help="The table: CSV, TSV, MAF, Parquet or Excel.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The table to write; must not exist.")],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The key of the cohort's images.")],
    id_: Annotated[
        list[str],
        typer.Option("--id", metavar="COLUMN", help="Column of patients' ids; may be given several times."),
    ],
    sheet: Annotated[str | None, typer.Option("--sheet", metavar="NAME", help="Sheet of an Excel workbook.")] = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", metavar="NAME", help="Encoding of a text file, if not UTF-8.")
    ] = None,
) -> None:
    """Write a table under the ids that the same key gives to the images.

    Columns that hold names, dates of birth, record numbers or the like are left out, and dates are moved with their
    patient; each such column is named. What free text says of a person is not known: leave such columns out.

    Example:
        mmcare cohort deidentify-table hospital.csv --id patient_id --out study.csv --key study.key
    """
    from mmcare.cohort.deidentify import Deidentifier, deidentify_table_file, read_key
    from mmcare.formats.table_format import TableFormat

    secret, findings = read_key(key, outside=out)
    form = TableFormat(sheet=sheet, encoding=encoding)
    findings += deidentify_table_file(table, out, id_, Deidentifier(secret), form)
    show_findings(findings)
    print(out)


def new_key(
    file: Annotated[Path, typer.Argument(help="The file to write; must not exist, and lie outside of the cohort.")],
) -> None:
    """Write a new random key, readable by you alone.

    One key makes one cohort. Keep it apart from the data: who has both can tell which patient is which; without it,
    patients who come later get no ids that fit.

    Example:
        mmcare cohort new-key study.key
    """
    from mmcare.cohort.deidentify import new_key

    new_key(file)
    print(file)
