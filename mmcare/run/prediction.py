"""A prediction for patients: the prognosis, who lacked what, and rows to print."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from mmcare.components import OutcomeLayout, Prognosis
from mmcare.errors import Finding, MMCareError, cut

__all__ = ["Prediction", "PredictionRow"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """One figure.

    Attributes:
        patient: Id.
        arm: Key of the arm under which the figure holds.
        endpoint: Key of the endpoint.
        horizon: Years.
        probability: Of no event by the horizon, in [0, 1]; None where it is not known.
        personal: False where it is the arm's average.
        reason: Why it is not known, or why it is not personal; else empty.
    """

    patient: str
    arm: str
    endpoint: str
    horizon: float
    probability: float | None
    personal: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a run says of patients.

    Attributes:
        patients: Ids, the rows of the prognosis.
        prognosis: Under all arms.
        layout: What its arms and endpoints are.
        absent: For each patient, the modalities that it lacks and why.
        findings: What is worth saying of the inputs (an overflow of the box, an unseen category, a missing column).
    """

    patients: tuple[str, ...]
    prognosis: Prognosis
    layout: OutcomeLayout
    absent: Mapping[str, Mapping[str, str]]
    findings: tuple[Finding, ...] = ()

    def rows(self) -> Iterator[PredictionRow]:
        """Every figure, patient by patient, arm by arm."""
        for row, patient in enumerate(self.patients):
            for column, arm in enumerate(self.layout.arms):
                yield from self._rows(row, column, patient, arm)

    def probability(self, patient: str, arm: str, endpoint: str, horizon: float) -> float | None:
        """One figure: the chance of no event by the horizon; None where it is not known.

        Raises:
            MMCareError: The prediction has no such patient, arm, endpoint or horizon; the message names those it has.
        """
        found = self.prognosis.endpoints[_one_of("endpoint", endpoint, self.prognosis.endpoints)]
        row = self.patients.index(_one_of("patient", patient, self.patients))
        column = self.layout.arms.index(_one_of("arm", arm, self.layout.arms))
        place = found.horizons.index(_one_of("horizon", horizon, found.horizons))
        value = float(found.at_horizons[row, column, place])
        return None if math.isnan(value) else value

    def _rows(self, row: int, column: int, patient: str, arm: str) -> Iterator[PredictionRow]:
        for name, endpoint in self.prognosis.endpoints.items():
            for place, horizon in enumerate(endpoint.horizons):
                value = float(endpoint.at_horizons[row, column, place])
                known = not math.isnan(value)
                personal = bool(endpoint.personal[column])
                reason = (
                    ""
                    if known and personal
                    else self._reason(patient, arm, horizon, known, float(endpoint.support_years[column]))
                )
                yield PredictionRow(patient, arm, name, horizon, value if known else None, personal, reason)

    def _reason(self, patient: str, arm: str, horizon: float, known: bool, support_years: float) -> str:
        if known:
            return "arm average: too few training events for a personal figure"
        if horizon > support_years:
            return f"beyond the follow-up of the training patients under {arm} ({support_years:.1f} years)"
        lacking = ", ".join(self.absent.get(patient, {}))
        return f"the patient has none of the inputs that the model reads ({lacking})"


def _one_of(kind: str, wanted: T, known: Collection[T]) -> T:
    if wanted in known:
        return wanted
    what = f"the prediction has no {kind} `{cut(wanted, 40)}`; it has: {cut(', '.join(map(str, known)))}."
    raise MMCareError(Finding(what=what, code="not-predicted"))
