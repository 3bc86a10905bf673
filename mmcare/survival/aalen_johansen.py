"""Cumulative incidence of one cause when others can come first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mmcare.survival.risk_table import risk_table
from mmcare.survival.step_curve import StepCurve

__all__ = ["aalen_johansen"]


def aalen_johansen(time: npt.ArrayLike, event: npt.ArrayLike, cause: int = 1) -> StepCurve:
    """Aalen-Johansen estimate of P(T <= t, event = cause).

    Assumes censoring independent of time and cause. With a single cause it is one minus Kaplan-Meier.

    Args:
        time: (n,) years.
        event: (n,) 0 censored, else the cause.
        cause: The cause asked for.

    Source: Aalen and Johansen 1978, Scandinavian Journal of Statistics 5:141.
    """
    table = risk_table(time, event, cause)
    survival = np.cumprod(1 - table.any_event / table.at_risk)
    before = np.concatenate([[1.0], survival[:-1]])
    return StepCurve(table.times, np.cumsum(before * table.events / table.at_risk), 0.0, float(table.times[-1]))
