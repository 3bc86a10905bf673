"""Who would have received which arm: a logistic model of the table inputs and of which modalities a patient has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Propensity", "fit_propensity", "out_of_fold_propensity"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_STEPS = 2000


@dataclass(frozen=True, slots=True)
class Propensity:
    """e_a(x) = P(A = a | x), softmax of linear scores of standardised covariates.

    Attributes:
        mean: (F,) of the covariates. scale: (F,) their standard deviations; 1 for a constant.
        coefficients: (A, F). intercepts: (A,), minus infinity for an arm that nobody received.
    """

    mean: Floats
    scale: Floats
    coefficients: Floats
    intercepts: Floats

    def predict(self, covariates: Floats) -> Floats:
        """(n, A), rows sum to 1."""
        scores = (covariates - self.mean) / self.scale @ self.coefficients.T + self.intercepts
        scores = np.exp(scores - scores.max(1, keepdims=True))
        return np.asarray(scores / scores.sum(1, keepdims=True))


def fit_propensity(covariates: Floats, arm: Ints, arms: int) -> Propensity:
    """Maximum likelihood with a ridge penalty of half the squared coefficients (scikit-learn's default).

    Args:
        covariates: (n, F).
        arm: (n,) codes below `arms`; at least one.
        arms: A.
    """
    from sklearn.linear_model import LogisticRegression

    mean, scale = covariates.mean(0), covariates.std(0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    coefficients, intercepts = np.zeros((arms, covariates.shape[1])), np.full(arms, -np.inf)
    received = np.unique(arm)
    intercepts[received] = 0.0
    if len(received) > 1 and covariates.shape[1]:
        found = LogisticRegression(max_iter=_STEPS).fit((covariates - mean) / scale, arm)
        # of two arms only the second has a score, the first's is 0
        rows = received[1:] if len(received) == 2 else received
        coefficients[rows], intercepts[rows] = found.coef_, found.intercept_
    elif len(received) > 1:
        intercepts[received] = np.log(np.bincount(arm, minlength=arms)[received] / len(arm))
    return Propensity(mean, scale, coefficients, intercepts)


def out_of_fold_propensity(covariates: Floats, arm: Ints, arms: int, folds: Ints) -> Floats:
    """(n, A) of each patient by a model of the other folds.

    Args:
        covariates: (n, F).
        arm: (n,) codes.
        arms: A.
        folds: (n,) fold of each patient.
    """
    found = np.empty((len(arm), arms))
    for fold in np.unique(folds):
        own = folds == fold
        found[own] = fit_propensity(covariates[~own], arm[~own], arms).predict(covariates[own])
    return found
