"""What it would be worth to follow a policy: doubly robust, as differences to simple policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["OBSERVED_CARE", "PolicyValue", "policy_values"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
OBSERVED_CARE = "observed care"
NOBODY = -1
"""No arm advised: the patient gets observed care."""


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """What a policy is worth against another one.

    Attributes:
        against: `all surgery`, `all sbrt`, `observed care`.
        value: Mean utility under the policy. other: Under the one it is compared with.
        difference: Their difference. standard_error: Of the difference.
        patients: How many it was measured on.
    """

    against: str
    value: float
    other: float
    difference: float
    standard_error: float
    patients: int


def policy_values(scores: Floats, observed: Floats, policy: Ints, arms: tuple[str, ...]) -> tuple[PolicyValue, ...]:
    """V(policy) - V(other), standard errors sd / sqrt(n) of the patients' own differences.

    Args:
        scores: (n, A) doubly robust U_i(a).
        observed: (n,) utility under observed care, doubly robust to censoring alone; needs no propensity.
        policy: (n,) arm that the policy gives, by models that the patient did not train; -1, observed care.
        arms: Keys.
    """
    rows = np.arange(len(policy))
    own = np.where(policy == NOBODY, observed, scores[rows, policy])
    others: Mapping[str, Floats] = {
        **{f"all {arm}": scores[:, code] for code, arm in enumerate(arms)},
        OBSERVED_CARE: observed,
    }
    return tuple(_against(name, own, other) for name, other in others.items())


def _against(name: str, own: Floats, other: Floats) -> PolicyValue:
    difference = own - other
    error = float(difference.std(ddof=1) / np.sqrt(len(own))) if len(own) > 1 else 0.0
    return PolicyValue(name, float(own.mean()), float(other.mean()), float(difference.mean()), error, len(own))
