"""From a run, a cohort and a patient to the report's data."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version

from mmcare.cohort import Cohort
from mmcare.inputs import Progress
from mmcare.report.case import Case, open_case
from mmcare.report.curves import curves
from mmcare.report.data import Made, ReportData
from mmcare.report.figures import arms_of, endpoints_of, figures, utility_figures
from mmcare.report.inputs import inputs_of
from mmcare.run import Run
from mmcare.run.store import read_splits

__all__ = ["build_report"]


def build_report(run: Run, cohort: Cohort, patient: str, progress: Progress | None = None) -> ReportData:
    """All that a report says of one patient; every figure is the one that `mmcare predict` gives.

    Raises:
        CohortError: The cohort has no such patient, or files cannot be used.
    """
    case = open_case(run, cohort, patient, progress)
    return ReportData(
        made=_made(case),
        patient=patient,
        split=read_splits(run.folder.splits).get(patient),
        arms=arms_of(case),
        endpoints=endpoints_of(case),
        probabilities=figures(case),
        utilities=utility_figures(case),
        curves=curves(case),
        inputs=inputs_of(case),
        notes=tuple(str(finding) for finding in case.prediction.findings),
    )


def _made(case: Case) -> Made:
    return Made(
        run=case.run.path.name,
        spec=case.run.spec.name,
        run_created=case.run.manifest.created,
        mmcare=version("mmcare"),
        at=datetime.now(UTC).isoformat(timespec="minutes"),
        cohort=case.cohort.root.name,
    )
