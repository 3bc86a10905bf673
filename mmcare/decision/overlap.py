"""How alike the patients of the arms are, before and after weighting by the propensity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Overlap", "overlap_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Overlap and balance of the training patients, of propensities by models of other folds.

    Attributes:
        share: Of the patients whose propensities all lie between 0.1 and 0.9.
        c_statistic: How well the covariates tell who received which arm, 0.5 not at all; mean over the arms.
        difference: Largest standardised mean difference of a covariate between an arm and the others.
        weighted_difference: The same after overlap weights 1 - e of the arm received; below 0.1 is wanted.
        effective_size: (sum w)^2 / sum w^2 of these weights.
        patients: How many there are.
    """

    share: float
    c_statistic: float
    difference: float
    weighted_difference: float
    effective_size: float
    patients: int


def overlap_of(covariates: Floats, arm: Ints, propensity: Floats, between: tuple[float, float]) -> Overlap:
    """Overlap and balance.

    Args:
        covariates: (n, F).
        arm: (n,) codes.
        propensity: (n, A) of each patient by a model of the other folds.
        between: Propensities at which either arm could have been given.

    Source: Li, Morgan and Zaslavsky 2018, doi 10.1080/01621459.2016.1260466 (overlap weights).
    """
    from sklearn.metrics import roc_auc_score

    weights = 1 - propensity[np.arange(len(arm)), arm]
    received = np.unique(arm)
    inside = ((propensity >= between[0]) & (propensity <= between[1])).all(1)
    return Overlap(
        share=float(inside.mean()),
        c_statistic=float(np.mean([roc_auc_score(arm == a, propensity[:, a]) for a in received]))
        if len(received) > 1
        else 0.5,
        difference=_largest_difference(covariates, arm, np.ones(len(arm))),
        weighted_difference=_largest_difference(covariates, arm, weights),
        effective_size=float(weights.sum() ** 2 / (weights**2).sum()) if (weights > 0).any() else 0.0,
        patients=len(arm),
    )


def _largest_difference(covariates: Floats, arm: Ints, weights: Floats) -> float:
    """Over covariates and arms: the difference of weighted means over the unweighted standard deviation."""
    spread = covariates.std(0)
    varied = spread > 1e-9
    found = [0.0]
    for code in np.unique(arm):
        own = arm == code
        if own.all() or not (weights[own].sum() > 0 and weights[~own].sum() > 0):
            continue
        means = [np.average(covariates[rows], axis=0, weights=weights[rows]) for rows in (own, ~own)]
        found.append(float((np.abs(means[0] - means[1])[varied] / spread[varied]).max(initial=0.0)))
    return max(found)
