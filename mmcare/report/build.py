"""From a run, a cohort and a patient to the report's data."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version

from mmcare.cohort import Cohort
from mmcare.components import Prognosis
from mmcare.errors import RunError
from mmcare.explain import PatientExplanation
from mmcare.explain.explainer import Explainer
from mmcare.explain.targets import default_targets
from mmcare.inputs import Progress
from mmcare.report.attends import attends
from mmcare.report.card import card
from mmcare.report.case import Case, open_cases
from mmcare.report.choice import choice
from mmcare.report.curves import curves
from mmcare.report.data import Made, ReportData
from mmcare.report.figures import arms_of, endpoints_of, figures, rule_of, utility_figures
from mmcare.report.imaging import image_views
from mmcare.report.inputs import inputs_of
from mmcare.report.part import Missing
from mmcare.report.refits import refit_prognoses, with_bands
from mmcare.report.similar import similar
from mmcare.report.training import kept_patients
from mmcare.report.tripod import tripod
from mmcare.report.what_if import FeatureDetail, details
from mmcare.report.why import Why, why
from mmcare.run import Run
from mmcare.run.store import read_splits

__all__ = ["build_report", "report_of"]

NOTHING = "The patient has none of the inputs that the model reads: nothing is predicted."


def build_report(run: Run, cohort: Cohort, patient: str, progress: Progress | None = None) -> ReportData:
    """All that a report says of one patient; every figure is the one that `mmcare predict` gives.

    Raises:
        CohortError: The cohort has no such patient, or files cannot be used.
        RunError: A file of the run is damaged.
    """
    (case,) = open_cases(run, cohort, (patient,), progress)
    return report_of(case)


def report_of(case: Case) -> ReportData:
    """The report of a patient who was read.

    Raises:
        CohortError: An image file cannot be used.
        RunError: A file of the run is damaged.
    """
    run, patient = case.run, case.patient
    arms = arms_of(case)
    names = {arm.key: arm.name for arm in arms}
    refits: tuple[Prognosis, ...] = () if case.is_empty else refit_prognoses(case)
    explanation = _explanation(case)
    known = explanation if isinstance(explanation, PatientExplanation) else None
    described = card(case)
    return ReportData(
        made=_made(case),
        patient=patient,
        split=read_splits(run.folder.splits).get(patient),
        arms=arms,
        endpoints=endpoints_of(case),
        probabilities=figures(case),
        utilities=utility_figures(case),
        rule=rule_of(case),
        curves=with_bands(curves(case), refits, run.outcomes.arms),
        inputs=inputs_of(case),
        choice=Missing(what=NOTHING) if case.is_empty else choice(case, refits),
        why=_why(case, explanation, names),
        details=_details(case),
        attention=attends(case),
        images=image_views(case, known, names),
        similar=similar(case),
        card=described,
        tripod=tripod(case, described),
        notes=tuple(str(finding) for finding in case.prediction.findings),
    )


def _explanation(case: Case) -> PatientExplanation | Missing:
    if case.is_empty:
        return Missing(what=NOTHING)
    try:
        return Explainer(case.run, case.inputs).explain(case.patient)
    except RunError as error:
        if {finding.code for finding in error.findings} != {"no-reference"}:
            raise
        return _no_reference(case)


def _no_reference(case: Case) -> Missing:
    return Missing(
        what="The run keeps none of its training patients (`--no-reference`): there is nobody to explain against.",
        command=f"mmcare train {case.run.spec.name}.yaml --cohort DIR",
    )


def _why(case: Case, explanation: PatientExplanation | Missing, names: dict[str, str]) -> Why | Missing:
    if isinstance(explanation, Missing):
        return explanation
    found = why(explanation, default_targets(case.run.outcomes, case.run.spec.decision), names)
    if not found.outputs:
        said = "; ".join(found.notes) or "the patient has no input whose share could be computed"
        return Missing(what=f"Nothing is explained: {said}.")
    return found


def _details(case: Case) -> tuple[FeatureDetail, ...] | Missing:
    try:
        return details(case, kept_patients(case))
    except RunError as error:
        if {finding.code for finding in error.findings} != {"no-reference"}:
            raise
        return _no_reference(case)


def _made(case: Case) -> Made:
    return Made(
        run=case.run.path.name,
        spec=case.run.spec.name,
        run_created=case.run.manifest.created,
        mmcare=version("mmcare"),
        at=datetime.now(UTC).isoformat(timespec="minutes"),
        cohort=case.cohort.root.name,
    )
