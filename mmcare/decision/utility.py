"""The utility of each arm: a weighted sum of probabilities at one horizon."""

from __future__ import annotations

from dataclasses import dataclass

from mmcare.run import Prediction
from mmcare.spec import DecisionConfig

__all__ = ["ArmUtility", "utilities"]


@dataclass(frozen=True, slots=True)
class ArmUtility:
    """The utility of one arm for one patient; `value` is None where a part of it is not known, `reason` says which."""

    patient: str
    arm: str
    horizon: float
    formula: str
    value: float | None
    reason: str


def utilities(prediction: Prediction, config: DecisionConfig) -> list[ArmUtility]:
    """For each patient and arm, `sum of weight * P(no event by the horizon)`: 0.7 OS(3 y) + 0.3 LC(3 y) by default.

    Empty where the run does not predict all endpoints of the utility at its horizon.
    """
    for name in config.utility:
        endpoint = prediction.prognosis.endpoints.get(name)
        if endpoint is None or config.horizon not in endpoint.horizons:
            return []
    formula = " + ".join(f"{weight:g} {name}({config.horizon:g} y)" for name, weight in config.utility.items())
    return [
        _utility(prediction, config, formula, patient, arm)
        for patient in prediction.patients
        for arm in prediction.layout.arms
    ]


def _utility(prediction: Prediction, config: DecisionConfig, formula: str, patient: str, arm: str) -> ArmUtility:
    parts = {name: prediction.probability(patient, arm, name, config.horizon) for name in config.utility}
    unknown = [name for name, value in parts.items() if value is None]
    reason = f"{', '.join(unknown)} at {config.horizon:g} y is not known" if unknown else ""
    value = None if unknown else sum(config.utility[name] * part for name, part in parts.items() if part is not None)
    return ArmUtility(patient, arm, config.horizon, formula, value, reason)
