"""Evaluate a run: predict, score against what happened, keep the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor

from mmcare.cohort import Cohort, read_cohort
from mmcare.components import Endpoint, Outcomes, Prognosis
from mmcare.errors import CohortError, Finding
from mmcare.evaluation import Figure, Metrics, Scored, Setting, evaluate_endpoint, expected_events
from mmcare.inputs import Progress
from mmcare.run import Run
from mmcare.survival import StepCurve, aalen_johansen, reverse_kaplan_meier
from mmcare.workflow.keep import keep_metrics
from mmcare.workflow.reference import training_outcomes

__all__ = ["evaluate_run"]

DRAWS = 1000
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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
        CohortError: The run's own cohort is no longer there; or the cohort has no outcomes, or an arm or endpoint that
            the run does not know.
        RunError: The run's split left no test patients, and no cohort is given.
    """
    own = cohort is None
    cohort, patients, notes = _patients(run, cohort, tell_findings)
    inputs = run.inputs(cohort, patients, progress=progress)
    prediction = run.predict_inputs(inputs)
    tell_findings(prediction.findings)
    outcomes = inputs.outcomes_of(patients)
    training = _Training.of(run)
    figures: list[Figure] = []
    for name in prediction.prognosis.endpoints:
        endpoint = run.outcomes.endpoint(name)
        scored = _scored(prediction.prognosis, endpoint, outcomes, run.outcomes.index(name))
        setting = _setting(run, prediction.prognosis, endpoint, training, draws, seed)
        if own:  # another cohort always has its own censoring
            setting = replace(setting, censoring=training.censoring(run.outcomes.index(name)))
        figures += evaluate_endpoint(scored, setting)
    where = "the test patients of the run's own cohort" if own else f"all patients of {cohort.root}"
    metrics = Metrics(run=run.path.name, patients=where, bootstrap=draws, notes=notes, figures=tuple(figures))
    if own:
        tell_findings(keep_metrics(run.folder, metrics))
    return metrics


def _patients(
    run: Run, cohort: Cohort | str | Path | None, tell: Callable[[Iterable[Finding]], None]
) -> tuple[Cohort, tuple[str, ...], tuple[str, ...]]:
    """Whom to score, sorted by id: ties between risks are taken in that order."""
    if cohort is None:
        test = tuple(sorted(run.folder.test_patients()))
        found, findings = _own_cohort(run)
        tell(findings)
        return found, test, tuple(str(finding) for finding in findings)
    found = cohort if isinstance(cohort, Cohort) else read_cohort(cohort)
    if not found.has_outcomes:
        what = "names no `endpoints`: there is nothing to compare predictions with."
        todo = "Add `endpoints:` to it; `mmcare predict` needs none."
        raise CohortError(Finding(file=found.dictionary_file, what=what, todo=todo, code="no-endpoints"))
    return found, tuple(sorted(found.patients)), ()


def _own_cohort(run: Run) -> tuple[Cohort, list[Finding]]:
    record = run.folder.cohort()
    if not Path(record.path).is_dir():
        what = f"the run's own cohort, {record.path}, is no longer there, and its test patients with it."
        todo = "Put it back, or name a cohort with `--cohort`; all patients of that one are scored."
        raise CohortError(Finding(file=run.path, what=what, todo=todo, code="cohort-gone"))
    return run.training_cohort()


def _scored(prognosis: Prognosis, endpoint: Endpoint, outcomes: Outcomes, column: int) -> Scored:
    """The prognosis of the arm received, of the patients whose arm and time are known."""
    known = ((outcomes.arm >= 0) & ~outcomes.time[:, column].isnan()).numpy()
    arm, found = outcomes.arm.numpy()[known], prognosis.endpoints[endpoint.name]

    def received(values: Tensor) -> Floats:
        """(n, ...) of (B, A, ...)."""
        return np.asarray(values.double().numpy()[known][np.arange(len(arm)), arm])

    time = outcomes.time.numpy()[known, column]
    competing = None if found.competing is None else received(found.competing)
    return Scored(
        risk=1 - received(found.at_horizons),
        time=time,
        event=outcomes.event.numpy()[known, column],
        arm=arm,
        horizons=endpoint.horizons,
        competing=endpoint.competing,
        expected=None
        if found.free is None
        else expected_events(received(found.free), competing, prognosis.grid.double().numpy(), time, endpoint.horizons),
    )


def _setting(run: Run, prognosis: Prognosis, endpoint: Endpoint, training: _Training, draws: int, seed: int) -> Setting:
    found, arms = prognosis.endpoints[endpoint.name], run.outcomes.arms
    column = run.outcomes.index(endpoint.name)
    return Setting(
        endpoint.name,
        arms,
        found.personal.tolist(),
        {code: training.risk(code, column, endpoint.horizons) for code in range(len(arms))},
        draws,
        seed,
        support_years=found.support_years.tolist(),
    )


@dataclass(frozen=True, slots=True)
class _Training:
    """What happened to the training patients; None where neither the run nor its cohort tells."""

    outcomes: Outcomes | None

    @classmethod
    def of(cls, run: Run) -> _Training:
        """From the run's own reference; of a run without one, from its cohort."""
        found = training_outcomes(run.folder)
        if found is None:
            with suppress(CohortError):
                cohort, _ = run.training_cohort()
                found = cohort.outcomes(run.outcomes, run.folder.patients("training"))
        return cls(found)

    def risk(self, code: int, column: int, horizons: Sequence[float]) -> list[float]:
        """The risk by each horizon of an arm's curve; NaN where it is not known."""
        time, event = self._arm(code, column)
        if not len(time):
            return [float("nan")] * len(horizons)
        return [float(value) for value in aalen_johansen(time, event).at(horizons)]

    def censoring(self, column: int) -> Mapping[int, StepCurve]:
        """G of each arm that has patients."""
        arms = [] if self.outcomes is None else self.outcomes.arm.unique().tolist()
        samples = {code: self._arm(code, column) for code in arms if code >= 0}
        return {code: reverse_kaplan_meier(*sample) for code, sample in samples.items() if len(sample[0])}

    def _arm(self, code: int, column: int) -> tuple[Floats, Ints]:
        """Times and events of an arm's patients of known time."""
        if self.outcomes is None:
            return np.zeros(0), np.zeros(0, np.int64)
        of = (self.outcomes.arm == code) & ~self.outcomes.time[:, column].isnan()
        return self.outcomes.time[of, column].numpy(), self.outcomes.event[of, column].numpy()
