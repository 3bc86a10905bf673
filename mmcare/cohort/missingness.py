"""What the pattern of missing cells says of the treatment: a measurement that one arm's patients rarely have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.cohort.cohort import Cohort
from mmcare.errors import Finding, Severity

__all__ = ["Missingness", "check_missingness", "missingness"]

WARN_ABOVE = 0.6
_FOLDS = 5
_LEAST = 10
"""Patients that each arm must have for five folds to say anything."""


@dataclass(frozen=True, slots=True)
class Missingness:
    """How well missing cells alone tell the arms apart.

    Attributes:
        auc: Area under the ROC curve, cross-validated; of several arms the mean of each against the others.
        column: The column whose share of missing cells differs most between two arms.
        shares: That share by arm, 0 to 1.
    """

    auc: float
    column: str
    shares: Mapping[str, float]


def missingness(cohort: Cohort) -> Missingness | None:
    """How well missing cells of the predictors known at the decision tell the arms apart.

    A logistic regression of the arm on one indicator a column, five-fold, stratified by arm. The AUC of no signal is
    0.5, and lies a little lower in small cohorts.

    Returns:
        None where it cannot be asked: fewer than two arms of ten patients, or nothing missing.
    """
    names, missing, arm = _indicators(cohort)
    counts = np.bincount(arm, minlength=len(cohort.arms)) if len(arm) else np.zeros(1)
    large = np.flatnonzero(counts >= _LEAST)
    kept = np.isin(arm, large)
    missing, arm = missing[kept], arm[kept]
    varies = missing.any(axis=0) & ~missing.all(axis=0) if len(missing) else np.zeros(len(names), dtype=bool)
    if len(large) < 2 or not varies.any():
        return None
    shares = np.stack([missing[arm == code].mean(axis=0) for code in large])
    worst = int(np.argmax(np.ptp(shares, axis=0)))
    by_arm = {cohort.arms[code]: float(share) for code, share in zip(large, shares[:, worst], strict=True)}
    return Missingness(_auc(missing[:, varies], arm), names[worst], by_arm)


def check_missingness(cohort: Cohort) -> Iterator[Finding]:
    """A warning where missing cells predict the arm with an AUC above 0.6, else a note of the AUC."""
    found = missingness(cohort)
    if found is None:
        return
    what = f"which cells are missing predicts the arm with an AUC of {found.auc:.2f} (cross-validated; 0.5 is chance)"
    if found.auc <= WARN_ABOVE:
        note = Finding(file=cohort.table_file, what=f"{what}.", severity=Severity.NOTE, code="missingness")
        yield note.at(value=f"{found.auc:.2f}")
        return
    shares = ", ".join(f"{share:.0%} under `{arm}`" for arm, share in found.shares.items())
    yield Finding(
        file=cohort.table_file,
        key=found.column,
        value=f"{found.auc:.2f}",
        what=f"{what}; `{found.column}` does most: missing for {shares}.",
        todo="Find out why: a model would learn who was treated how. Measure it in both arms alike, or leave it out.",
        severity=Severity.WARNING,
        code="missingness",
    )


def _indicators(cohort: Cohort) -> tuple[list[str], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Names of F predictors, what is missing (n, F), and the arm (n,) of the patients whose arm is known."""
    entry = cohort.dictionary.arms
    columns = {
        name: column
        for name, column in cohort.dictionary.columns.items()
        if column.role in ("predictor", "genomic") and column.available_at == "decision"
    }
    if entry is None:
        return list(columns), np.zeros((0, len(columns)), dtype=bool), np.zeros(0, dtype=np.int64)
    place = {arm: code for code, arm in enumerate(cohort.arms)}
    rows = [row for row in cohort.records() if row[entry.column].strip() in place]
    cells = [[row[n].strip() in ("", *c.missing) for n, c in columns.items()] for row in rows]
    missing = np.array(cells, dtype=bool).reshape(len(rows), len(columns))
    return list(columns), missing, np.array([place[row[entry.column].strip()] for row in rows], dtype=np.int64)


def _auc(missing: npt.NDArray[np.bool_], arm: npt.NDArray[np.int64]) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    probability = cross_val_predict(
        LogisticRegression(), missing.astype(np.float64), arm, cv=folds, method="predict_proba"
    )
    two = probability.shape[1] == 2
    return float(roc_auc_score(arm, probability[:, 1] if two else probability, multi_class="ovr"))
