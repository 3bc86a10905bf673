"""The utility of each arm: a weighted sum of probabilities at one horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.components import Prognosis
from mmcare.run import Prediction
from mmcare.spec import DecisionConfig

__all__ = ["ArmUtility", "lacking_endpoints", "utilities", "utility_of"]


@dataclass(frozen=True, slots=True)
class ArmUtility:
    """The utility of one arm for one patient.

    Attributes:
        patient: Id. arm: Key. horizon: Years.
        formula: How it is computed: `0.7 os + 0.3 lc at 3 years`.
        value: None where a part of it is not known.
        personal: False where a part of it is the arm's average.
        reason: Why there is no value, or why it is not personal; else empty.
    """

    patient: str
    arm: str
    horizon: float
    formula: str
    value: float | None
    personal: bool
    reason: str


def utilities(prediction: Prediction, config: DecisionConfig) -> list[ArmUtility]:
    """For each patient and arm, `sum of weight * P(no event by the horizon)`: 0.7 OS(3 y) + 0.3 LC(3 y) by default.

    Where the run does not predict all endpoints of the utility at its horizon, no value has one, and the reason says
    which they are. Empty for a spec whose utility has no part.
    """
    if not config.utility:
        return []
    lacking = lacking_endpoints(prediction.prognosis, config)
    formula = " + ".join(f"{weight:g} {name}" for name, weight in config.utility.items())
    formula += f" at {_years(config.horizon)}"
    found = []
    for patient in prediction.patients:
        for arm in prediction.layout.arms:
            value, personal, reason = (
                (None, True, f"the run does not predict {' and '.join(lacking)} at {_years(config.horizon)}")
                if lacking
                else _value(prediction, config, patient, arm)
            )
            found.append(ArmUtility(patient, arm, config.horizon, formula, value, personal, reason))
    return found


def utility_of(prognosis: Prognosis, config: DecisionConfig) -> npt.NDArray[np.float64]:
    """(B, A) the same as an array, NaN where it is not known.

    Raises:
        KeyError: An endpoint of the utility is not predicted at its horizon; `lacking_endpoints` names it.
    """
    total: npt.NDArray[np.float64] = np.zeros(())
    for name, weight in config.utility.items():
        endpoint = prognosis.endpoints[name]
        values = endpoint.at_horizons[..., endpoint.horizons.index(config.horizon)]
        total = total + weight * values.double().cpu().numpy()
    return total


def lacking_endpoints(prognosis: Prognosis, config: DecisionConfig) -> list[str]:
    """The endpoints of the utility that are not predicted at its horizon."""
    return [name for name in config.utility if not _is_predicted(prognosis, name, config.horizon)]


def _is_predicted(prognosis: Prognosis, name: str, horizon: float) -> bool:
    endpoint = prognosis.endpoints.get(name)
    return endpoint is not None and horizon in endpoint.horizons


def _value(prediction: Prediction, config: DecisionConfig, patient: str, arm: str) -> tuple[float | None, bool, str]:
    """The value, whether all of it is the patient's own, and why not."""
    parts = {name: prediction.probability(patient, arm, name, config.horizon) for name in config.utility}
    column = prediction.layout.arms.index(arm)
    average = [name for name in parts if not bool(prediction.prognosis.endpoints[name].personal[column])]
    unknown = [name for name, value in parts.items() if value is None]
    if unknown:
        return None, not average, f"{' and '.join(unknown)} at {_years(config.horizon)} is not known"
    value = sum(config.utility[name] * part for name, part in parts.items() if part is not None)
    return value, not average, f"arm average in its part of {' and '.join(average)}" if average else ""


def _years(horizon: float) -> str:
    return "1 year" if horizon == 1 else f"{horizon:g} years"
