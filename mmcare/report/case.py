"""What all parts of one report are made from: the run, the cohort, and one patient of it as the run sees him."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mmcare.cohort import Cohort
from mmcare.components import Batch
from mmcare.inputs import Inputs, Progress
from mmcare.run import Prediction, Run

__all__ = ["Case", "open_case"]


@dataclass(frozen=True)
class Case:
    """One patient before one run.

    Attributes:
        run: A finished run. cohort: That holds the patient. patient: Id.
        inputs: Of this patient alone, without outcomes.
        prediction: What `mmcare predict` says.
    """

    run: Run
    cohort: Cohort
    patient: str
    inputs: Inputs
    prediction: Prediction

    @cached_property
    def batch(self) -> Batch:
        """The patient as a batch of one."""
        return self.inputs.batch((self.patient,), with_outcomes=False)

    @property
    def absent(self) -> dict[str, str]:
        """The modalities that the patient lacks, and why."""
        return dict(self.prediction.absent[self.patient])


def open_case(run: Run, cohort: Cohort, patient: str, progress: Progress | None = None) -> Case:
    """Read one patient and predict, as `mmcare predict --patient` does.

    Raises:
        CohortError: The cohort has no such patient (the nearest ids are named), or files cannot be used.
    """
    inputs = run.inputs(cohort, (patient,), with_outcomes=False, progress=progress)
    return Case(run, cohort, patient, inputs, run.predict_inputs(inputs))
