"""A training that is over: what evaluation and decisions are made of."""

from __future__ import annotations

from dataclasses import dataclass

from mmcare.cohort import Cohort
from mmcare.components import OutcomeLayout
from mmcare.inputs import Inputs
from mmcare.model import Encoded, Model
from mmcare.run import RunFolder
from mmcare.spec import Spec

__all__ = ["Finished", "Member"]


@dataclass(frozen=True, slots=True)
class Member:
    """A trained network, in eval mode on the CPU, and what it makes of training and validation patients."""

    model: Model
    seen: Encoded


@dataclass(frozen=True, slots=True)
class Finished:
    """A training that is over.

    Attributes:
        folder: The run's. spec: Of a network. cohort: Trained on. layout: Arms and endpoints.
        inputs: Fitted.
        training: Patients. validation: Patients; in this order the rows of the members' R.
        members: The trained networks.
        dry: Whether two refits will do.
    """

    folder: RunFolder
    spec: Spec
    cohort: Cohort
    layout: OutcomeLayout
    inputs: Inputs
    training: tuple[str, ...]
    validation: tuple[str, ...]
    members: tuple[Member, ...]
    dry: bool

    @property
    def patients(self) -> tuple[str, ...]:
        """Training patients, then validation patients."""
        return (*self.training, *self.validation)
