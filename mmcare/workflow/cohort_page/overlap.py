"""How alike the patients of the arms are before the treatment: what a comparison of the arms has to stand on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from mmcare.cohort.cohort import Cohort
from mmcare.cohort.dictionary import ColumnEntry
from mmcare.decision.folds import deal_folds
from mmcare.decision.propensity import out_of_fold_propensity

__all__ = ["Balance", "Overlap", "overlap"]

Floats = npt.NDArray[np.float64]
_FOLDS = 5
_LEAST = 10
"""Patients that each arm must have for five folds to say anything."""
_RARE = 5
"""A category of fewer patients is counted with the other rare ones of its column."""
TRIM = 0.1
"""A patient whom an arm gets with less than this probability has hardly anybody to be compared with."""


@dataclass(frozen=True, slots=True)
class Balance:
    """How one covariate differs between the arms.

    Attributes:
        name: The column; of a category `column = level`; `column not known` for the share of missing cells.
        means: Of each arm: the mean of a number over known values, or the share (0 to 1) of a level.
        smd: Standardised mean difference, the second arm minus the first; of more than two arms the largest of any
            pair, without sign. Infinite where it varies between the arms and within none; NaN where an arm has no
            known value.
        weighted_smd: The same under overlap weights, over the same standard deviation.
    """

    name: str
    means: tuple[float, ...]
    smd: float
    weighted_smd: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """How alike the patients of A arms are.

    Attributes:
        arms: The arms compared: those of at least ten patients.
        arm: (n,) place in `arms` of each patient who received one of them.
        propensity: (n, A) probability of each arm given the covariates, from the folds without the patient.
        c_statistic: How well the covariates tell who received what; 0.5: not at all.
        extreme: (A,) share of each arm's patients to whom some arm is given with a probability under 0.1.
        effective: (A,) effective sample size under overlap weights.
        balance: A covariate each, the largest difference first.
    """

    arms: tuple[str, ...]
    arm: npt.NDArray[np.int64]
    propensity: Floats
    c_statistic: float
    extreme: tuple[float, ...]
    effective: tuple[float, ...]
    balance: tuple[Balance, ...]


def overlap(cohort: Cohort) -> Overlap | None:
    """Propensity and balance of the predictors known at the decision.

    The propensity is that of the decisions: a logistic regression of the arm with a ridge penalty, cross-fitted over
    five folds that are stratified by arm; here on numbers (the mean where not known, with an indicator) and categories.
    Overlap weights are one over the probability of the arm received, times the harmonic mean of all arms'
    probabilities: with two arms, the probability of the other arm.

    Returns:
        None where it cannot be asked: fewer than two arms of ten patients, or no predictor that varies.

    Source: Austin 2009, doi 10.1002/sim.3697 (differences); Li and Li 2019, doi 10.1214/19-AOAS1282 (weights).
    """
    arms, arm, kept = _received(cohort)
    columns = [(name, values[kept]) for name, values in _covariates(cohort)] if len(arms) > 1 else []
    columns = [(name, values) for name, values in columns if len(np.unique(values)) > 1]
    if not columns:
        return None
    propensity = _propensity(np.stack([values for _, values in columns], axis=1), arm, len(arms))
    received = propensity[np.arange(len(arm)), arm]
    weights = 1 / (1 / propensity).sum(axis=1) / received
    groups = [np.flatnonzero(arm == code) for code in range(len(arms))]
    balance = [_balance(name, values, groups, weights) for name, values in columns]
    return Overlap(
        arms=arms,
        arm=arm,
        propensity=propensity,
        c_statistic=_c_statistic(arm, propensity),
        extreme=tuple(float((propensity[group].min(axis=1) < TRIM).mean()) for group in groups),
        effective=tuple(float(weights[group].sum() ** 2 / (weights[group] ** 2).sum()) for group in groups),
        balance=tuple(sorted(balance, key=lambda b: -abs(np.nan_to_num(b.smd)))),
    )


def _received(cohort: Cohort) -> tuple[tuple[str, ...], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The arms that are large enough, who of all patients received one of them (n,), and their arm."""
    entry = cohort.dictionary.arms
    if entry is None:
        return (), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
    texts = [row.get(entry.column, "").strip() for row in cohort.records()]
    counts = Counter(texts)
    arms = tuple(arm for arm in entry.values if counts[arm] >= _LEAST)
    place = {arm: code for code, arm in enumerate(arms)}
    codes = np.array([place.get(text, -1) for text in texts], dtype=np.int64)
    return arms, codes[codes >= 0], codes >= 0


def _covariates(cohort: Cohort) -> Iterator[tuple[str, Floats]]:
    """Name and values (n,) of every covariate; a number that is not known is NaN."""
    for name, entry in cohort.dictionary.columns.items():
        if entry.role not in ("predictor", "genomic") or entry.available_at != "decision":
            continue
        if name in cohort.table.columns:
            yield from _numbers(cohort, name, entry) if entry.type == "number" else _levels(cohort, name, entry)


def _numbers(cohort: Cohort, name: str, entry: ColumnEntry) -> Iterator[tuple[str, Floats]]:
    values, _ = cohort.table.numbers(name, entry.missing)
    if np.isfinite(values).any():
        yield name, values
    yield f"{name} not known", np.isnan(values).astype(np.float64)


def _levels(cohort: Cohort, name: str, entry: ColumnEntry) -> Iterator[tuple[str, Floats]]:
    texts = np.array([cell.strip() for cell in cohort.table.column(name)])
    unknown = np.isin(texts, ["", *entry.missing])
    counts = Counter(texts[~unknown].tolist())
    common = [level for level, count in counts.items() if count >= _RARE]
    for level in sorted(common):
        yield f"{name} = {level}", (texts == level).astype(np.float64)
    yield f"{name} = rare levels", (~unknown & ~np.isin(texts, common)).astype(np.float64)
    yield f"{name} not known", unknown.astype(np.float64)


def _propensity(values: Floats, arm: npt.NDArray[np.int64], arms: int) -> Floats:
    """(n, A), each row from a fit to the other folds; a number that is not known is the mean of the known."""
    known = np.isfinite(values)
    means = np.nan_to_num(values).sum(axis=0) / known.sum(axis=0)
    found = out_of_fold_propensity(np.where(known, values, means), arm, arms, deal_folds(arm, _FOLDS, 0))
    return np.clip(found, 1e-6, 1)


def _c_statistic(arm: npt.NDArray[np.int64], propensity: Floats) -> float:
    from sklearn.metrics import roc_auc_score

    two = propensity.shape[1] == 2
    return float(roc_auc_score(arm, propensity[:, 1] if two else propensity, multi_class="ovr"))


def _balance(name: str, values: Floats, groups: list[npt.NDArray[np.int64]], weights: Floats) -> Balance:
    known = [group[np.isfinite(values[group])] for group in groups]
    ones = np.ones(len(values))
    means = tuple(_mean(values[group], ones[group]) for group in known)
    weighted = tuple(_mean(values[group], weights[group]) for group in known)
    variances = tuple(float(np.var(values[group])) if len(group) else np.nan for group in known)
    return Balance(name, means, _smd(means, variances), _smd(weighted, variances))


def _mean(values: Floats, weights: Floats) -> float:
    return float(np.average(values, weights=weights)) if len(values) else np.nan


def _smd(means: tuple[float, ...], variances: tuple[float, ...]) -> float:
    """The difference in pooled standard deviations: signed for two arms, else the largest of any pair."""
    found = []
    for a, b in combinations(range(len(means)), 2):
        spread, apart = np.sqrt((variances[a] + variances[b]) / 2), means[b] - means[a]
        found.append(apart / spread if spread > 0 or np.isnan(spread) else np.copysign(np.inf, apart) if apart else 0.0)
    if len(found) == 1:
        return float(found[0])
    return float(np.nanmax(np.abs(found))) if not np.isnan(found).all() else np.nan
