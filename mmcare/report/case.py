"""What all parts of one report are made from: the run, the cohort, and one patient of it as the run sees him."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from mmcare.cohort import Cohort
from mmcare.components import Batch
from mmcare.inputs import Inputs, Progress, Samples
from mmcare.run import Prediction, Run

__all__ = ["Case", "open_cases"]


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
    def is_empty(self) -> bool:
        """Whether the patient has none of the inputs that the run reads."""
        return not bool(self.batch.present.any())

    @property
    def absent(self) -> dict[str, str]:
        """The modalities that the patient lacks, and why."""
        return dict(self.prediction.absent[self.patient])


def open_cases(run: Run, cohort: Cohort, patients: Sequence[str], progress: Progress | None = None) -> Iterator[Case]:
    """Read patients together, and predict for each alone, as `mmcare predict --patient` does.

    Raises:
        CohortError: The cohort has no such patient (the nearest ids are named), or files cannot be used.
    """
    inputs = run.inputs(cohort, patients, with_outcomes=False, progress=progress)
    for patient in patients:
        own = _only(inputs, patient)
        yield Case(run, cohort, patient, own, run.predict_inputs(own))


def _only(inputs: Inputs, patient: str) -> Inputs:
    """The inputs of one patient, so that nothing that is said of them is of others."""
    samples = {
        name: Samples(
            {p: item for p, item in found.prepared.items() if p == patient},
            {p: reason for p, reason in found.absent.items() if p == patient},
        )
        for name, found in inputs.samples.items()
    }
    return replace(inputs, samples=samples, patients=(patient,))
