"""The gate: whether differences that are predicted go with differences that are observed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

__all__ = ["Gate", "fit_gate"]

_LEAST = 3
"""Patients below which a line of two numbers has no error."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A line: the doubly robust difference of utility on the predicted one, of patients whom the model never saw.

    Attributes:
        intercept: Mean observed difference.
        slope: 1 where predicted differences are right, 0 where they say nothing.
        center: Mean predicted difference, at which the line passes through `intercept`.
        variance_intercept: Squared standard error. variance_slope: Likewise. covariance: Of the two.
        patients: How many the line was fitted on.
    """

    intercept: float
    slope: float
    center: float
    variance_intercept: float
    variance_slope: float
    covariance: float
    patients: int

    @property
    def slope_error(self) -> float:
        """Standard error of the slope."""
        return float(np.sqrt(self.variance_slope))

    @property
    def ratio(self) -> float:
        """Slope over its standard error."""
        return self.slope / self.slope_error if self.variance_slope > 0 else 0.0

    def bound(self, delta: float, z: float) -> float:
        """The lower bound of the line at a predicted difference, z standard errors below it."""
        away = delta - self.center
        variance = self.variance_intercept + 2 * away * self.covariance + away**2 * self.variance_slope
        return self.intercept + self.slope * away - z * float(np.sqrt(max(variance, 0.0)))

    def reversed(self) -> Gate:
        """The same line for the arms the other way round."""
        return replace(self, intercept=-self.intercept, center=-self.center, covariance=-self.covariance)


def fit_gate(observed: npt.ArrayLike, predicted: npt.ArrayLike) -> Gate | None:
    """Ordinary least squares of `observed` on `predicted - mean`, with standard errors robust to unequal spread (HC3).

    None where no line can be told: fewer than 3 patients, or the same difference predicted for all.

    Args:
        observed: (n,) U(1) - U(0), doubly robust.
        predicted: (n,) difference predicted by a model that the patient did not train.

    Source: MacKinnon and White 1985, doi 10.1016/0304-4076(85)90158-7; on HC3 in small samples Long and Ervin 2000,
        doi 10.1080/00031305.2000.10474549.
    """
    y, x = np.asarray(observed, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if len(y) < _LEAST or np.ptp(x) < 1e-12:
        return None
    design = np.stack([np.ones_like(x), x - x.mean()], axis=1)
    bread = np.linalg.inv(design.T @ design)
    solution = bread @ design.T @ y
    leverage = np.einsum("ij,jk,ik->i", design, bread, design)
    scaled = (y - design @ solution) / np.maximum(1 - leverage, 1e-9)
    covariance = bread @ (design.T * scaled**2) @ design @ bread
    return Gate(
        float(solution[0]),
        float(solution[1]),
        float(x.mean()),
        float(covariance[0, 0]),
        float(covariance[1, 1]),
        float(covariance[0, 1]),
        len(y),
    )
