"""`mmcare export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmcare.cli.options import AllowLocalCode
from mmcare.cli.progress import progress
from mmcare.cli.show import show_findings
from mmcare.errors import Finding, MMCareError

__all__ = ["export"]


def export(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    cohort: Annotated[Path, typer.Option("--cohort", metavar="DIR", help="The cohort that holds the patient.")],
    patient: Annotated[str, typer.Option("--patient", metavar="ID", help="The patient.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where to write: FOLDER/dicom and FOLDER/fhir.")],
    dicom: Annotated[
        Path | None,
        typer.Option("--dicom", metavar="DIR", help="The folder of the patient's original CT series, to write DICOM."),
    ] = None,
    fhir: Annotated[bool, typer.Option("--fhir", help="Write the prediction as FHIR RiskAssessments.")] = False,
    series: Annotated[
        str | None,
        typer.Option("--series", metavar="UID", help="SeriesInstanceUID, where the folder holds several CT series."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            metavar="KEY",
            help="Output whose map is written, such as os@3:sbrt or os@3:surgery-sbrt, or `all`; by default the first "
            "endpoint's under each arm.",
        ),
    ] = None,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Write what a run says of a patient in the formats of hospital systems. Research use only.

    --dicom: onto the original series, the tumour's mask as the model used it and where the model looked, as
    segmentations (DICOM SEG), and pictures of that over the CT (secondary captures). They carry the patient's name, as
    the series does.

    --fhir: a RiskAssessment for each endpoint and arm, with the figures of `mmcare predict`.

    Example:
        mmcare export runs/demo-0001 --cohort mmcare-demo/cohort --patient SYN-00001 --out exported --fhir
        mmcare export runs/demo-0001 --cohort cohort --patient P7 --out exported --dicom archive/P7/ct
    """
    from mmcare.cohort import read_cohort
    from mmcare.explain import parse_targets
    from mmcare.export import DicomWanted, require_fhir, write_dicom, write_fhir
    from mmcare.report.case import open_cases
    from mmcare.run import load_run

    if dicom is None and not fhir:
        what, todo = "there is nothing to write.", "Give `--dicom DIR`, `--fhir`, or both."
        raise MMCareError(Finding(what=what, todo=todo, code="nothing-to-write"))
    if fhir:
        require_fhir()
    loaded, read = load_run(run, allow_local_code=allow_local_code), read_cohort(cohort)
    targets = parse_targets(target, loaded.outcomes) if target else None
    with progress() as advance:
        (case,) = open_cases(loaded, read, (patient,), advance)
        show_findings(case.prediction.findings)
        if fhir:
            write_fhir(case, out / "fhir")
            print(out / "fhir")
        if dicom is not None:
            show_findings(write_dicom(case, DicomWanted(dicom, series, targets), out / "dicom", advance))
            print(out / "dicom")
