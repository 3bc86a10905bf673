"""Evaluate a run: predict, score against what happened, keep the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from mmcare.cohort import Cohort, read_cohort
from mmcare.components import Endpoint, Outcomes, Prognosis
from mmcare.errors import CohortError, Finding
from mmcare.evaluation import Figure, Metrics, Scored, Setting, evaluate_endpoint
from mmcare.inputs import Progress
from mmcare.run import Run
from mmcare.survival import aalen_johansen

__all__ = ["evaluate_run"]

DRAWS = 1000


def evaluate_run(
    run: Run,
    cohort: Cohort | str | Path | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Progress | None = None,
    tell_findings: Callable[[Iterable[Finding]], None] = lambda findings: None,
) -> Metrics:
    """Figures of a run for each arm, endpoint and horizon.

    Args:
        run: A finished run.
        cohort: Another cohort, all of whose patients are scored; by default the test patients of the run's own, whose
            fingerprint is compared, and whose figures are kept in the run.
        draws: Bootstrap samples of the intervals.
        seed: Of the bootstrap.
        progress: Told how far the reading is.
        tell_findings: Given what is worth saying of the inputs.

    Raises:
        CohortError: The cohort has no outcomes, or an arm or endpoint that the run does not know.
    """
    own = cohort is None
    cohort, patients, notes = _patients(run, cohort, tell_findings)
    inputs = run.inputs(cohort, patients, progress=progress)
    prediction = run.predict_inputs(inputs)
    tell_findings(prediction.findings)
    outcomes = inputs.outcomes_of(patients)
    training = _training_outcomes(run)
    figures: list[Figure] = []
    for name in prediction.prognosis.endpoints:
        endpoint = run.outcomes.endpoint(name)
        scored = _scored(prediction.prognosis, endpoint, outcomes, run.outcomes.index(name))
        setting = _setting(run, prediction.prognosis, endpoint, training, draws, seed)
        figures += evaluate_endpoint(scored, setting)
    where = "test patients of the run's own cohort" if own else str(cohort.root)
    metrics = Metrics(run=run.path.name, patients=where, bootstrap=draws, notes=notes, figures=tuple(figures))
    if own:
        run.folder.add("metrics.json", metrics.model_dump_json(indent=1) + "\n")
    return metrics


def _patients(
    run: Run, cohort: Cohort | str | Path | None, tell: Callable[[Iterable[Finding]], None]
) -> tuple[Cohort, tuple[str, ...], tuple[str, ...]]:
    if cohort is None:
        found, findings = run.training_cohort()
        tell(findings)
        return found, run.folder.patients("test"), tuple(str(finding) for finding in findings)
    found = cohort if isinstance(cohort, Cohort) else read_cohort(cohort)
    if not found.has_outcomes:
        what = "names no `endpoints`: there is nothing to compare predictions with."
        raise CohortError(Finding(file=found.dictionary_file, what=what))
    return found, found.patients, ()


def _scored(prognosis: Prognosis, endpoint: Endpoint, outcomes: Outcomes, column: int) -> Scored:
    """The prognosis of the arm received, of the patients whose arm and time are known."""
    known = ((outcomes.arm >= 0) & ~outcomes.time[:, column].isnan()).numpy()
    arm = outcomes.arm.numpy()[known]
    free = prognosis.endpoints[endpoint.name].at_horizons.double().numpy()[known]
    return Scored(
        risk=1 - free[np.arange(len(arm)), arm],
        time=outcomes.time.numpy()[known, column],
        event=outcomes.event.numpy()[known, column],
        arm=arm,
        horizons=endpoint.horizons,
        competing=endpoint.competing,
    )


def _training_outcomes(run: Run) -> Outcomes | None:
    """Outcomes of the training patients, for the arms' training curves; None where their cohort is gone."""
    try:
        cohort, _ = run.training_cohort()
    except CohortError:
        return None
    return cohort.outcomes(run.outcomes, run.folder.patients("training"))


def _setting(
    run: Run, prognosis: Prognosis, endpoint: Endpoint, training: Outcomes | None, draws: int, seed: int
) -> Setting:
    column = run.outcomes.index(endpoint.name)
    null = {code: _null(training, code, column, endpoint) for code in range(len(run.outcomes.arms))}
    personal = prognosis.endpoints[endpoint.name].personal.tolist()
    return Setting(endpoint.name, run.outcomes.arms, personal, null, draws, seed)


def _null(training: Outcomes | None, code: int, column: int, endpoint: Endpoint) -> list[float]:
    unknown = [float("nan")] * len(endpoint.horizons)
    if training is None:
        return unknown
    of = (training.arm == code) & ~training.time[:, column].isnan()
    if not bool(of.any()):
        return unknown
    curve = aalen_johansen(training.time[of, column].numpy(), training.event[of, column].numpy())
    return [float(value) for value in curve.at(endpoint.horizons)]
