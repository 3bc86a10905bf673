"""`mmcare cohort import-dicom`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import AsJson
from mmcare.cli.progress import progress, tell
from mmcare.cli.show import aligned, printable, show_findings
from mmcare.errors import Severity

if TYPE_CHECKING:
    from mmcare.workflow.import_dicom import ImportSummary

__all__ = ["import_dicom"]

_MOST_SHOWN = 20


def import_dicom(
    source: Annotated[Path, typer.Argument(help="A folder, or an archive (.zip, .tar, .tar.gz, .tar.xz, .tar.bz2).")],
    cohort: Annotated[Path, typer.Option("--cohort", metavar="DIR", help="The cohort to make or to complete.")],
    roi: Annotated[
        list[str] | None,
        typer.Option(
            "--roi",
            metavar="PATTERN",
            help="Region of the tumour, as `GTV-1` or `gtv*` (capitals do not matter); may be given several times.",
        ),
    ] = None,
    series: Annotated[
        list[str] | None,
        typer.Option("--series", metavar="UID", help="The series to take of a patient who has several; repeatable."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", help="Processes; 0: as many as there are cores.")] = 0,
    replace: Annotated[bool, typer.Option("--replace", help="Import patients who are there anew.")] = False,
    deidentify: Annotated[
        Path | None,
        typer.Option("--deidentify", metavar="KEYFILE", help="De-identify on the way in; see `cohort new-key`."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Import the CTs of patients from DICOM files, with masks from RTSTRUCT, SEG, NIfTI or NRRD files beside them.

    Files are known by their headers. Each patient becomes ct/ID.nii.gz, ct/ID_gtv.nii.gz and a record of where they
    come from; cohort.yaml and the patients' table are made, or completed. Run it again to go on after a stop, or to add
    patients. Ends with 0 where all patients are there, 1 where some were refused, 2 where none could be imported.

    Example:
        mmcare cohort import-dicom LUNG1-001.tar.xz --cohort lung1 --roi GTV-1
        mmcare cohort check lung1
    """
    from mmcare.workflow.import_dicom import ImportOptions, import_dicom

    options = ImportOptions(tuple(roi or ()), tuple(series or ()), workers, replace, deidentify)
    with progress() as bar:
        summary = import_dicom(source, cohort, options, bar)
    if json:
        from json import dumps

        print(dumps(_as_json(summary), indent=1))
    else:
        _show(summary)
    code = _exit_code(summary)
    if code != 2:
        tell(f"Next: mmcare cohort check {cohort}")
    raise typer.Exit(code)


def _exit_code(summary: ImportSummary) -> int:
    from mmcare.cohort.importing.task import Outcome

    refused = summary.count(Outcome.REFUSED) + summary.count(Outcome.KEPT)
    if len(summary.patients) == summary.count(Outcome.REFUSED):
        return 2
    errors = any(finding.severity is Severity.ERROR for finding in summary.findings)
    return 1 if refused or errors else 0


def _show(summary: ImportSummary) -> None:
    findings = [*summary.findings, *(finding for result in summary.patients for finding in result.findings)]
    show_findings(findings[:_MOST_SHOWN])
    if len(findings) > _MOST_SHOWN:
        tell(f"… and {len(findings) - _MOST_SHOWN} more; `--json` lists all.")
    rows = [("patient", "", "CT", "mask")]
    rows += [(printable(r.patient), str(r.outcome), printable(r.image), printable(r.mask)) for r in summary.patients]
    for line in aligned(rows) if summary.patients else ["No patient with a CT slice, structure set or segmentation."]:
        print(line)
    print()
    counts = [(printable(kind), f"{n:,}") for kind, n in summary.files.items()]
    for line in aligned([("files", ""), *counts, ("all", f"{sum(summary.files.values()):,}")], "lr"):
        print(line)


def _as_json(summary: ImportSummary) -> dict[str, object]:
    return {
        "patients": [
            {
                "patient": result.patient,
                "outcome": str(result.outcome),
                "ct": result.image,
                "mask": result.mask,
                "files": dict(result.files),
                "findings": [[str(f.severity), f.code, str(f)] for f in result.findings],
            }
            for result in summary.patients
        ],
        "files": dict(summary.files),
        "findings": [[str(f.severity), f.code, str(f)] for f in summary.findings],
    }
