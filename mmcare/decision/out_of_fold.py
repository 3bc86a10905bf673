"""What models say of patients whom they were not trained on, held against doubly robust utilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from torch import Tensor

from mmcare.components import EndpointPrognosis, OutcomeLayout, Outcomes, Prognosis
from mmcare.decision.advice import ArmMean
from mmcare.decision.gate import fit_gate
from mmcare.decision.policy_value import NOBODY, PolicyValue, policy_values
from mmcare.decision.pseudo_outcome import Censoring, Course, arm_scores, pseudo_outcomes
from mmcare.decision.rule import OVERLAP
from mmcare.decision.state import PairGate
from mmcare.decision.utility import utility_of
from mmcare.spec import DecisionConfig
from mmcare.survival import IntervalGrid, discrete_hazards, discrete_incidence, reverse_kaplan_meier

__all__ = ["Judged", "OutOfFold", "gates_of", "judge", "means_of", "policy_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Of n patients, by models of the other folds.

    Attributes:
        prognosis: With curves. propensity: (n, A).
        outcomes: What happened.
    """

    prognosis: Prognosis
    propensity: Floats
    outcomes: Outcomes


@dataclass(frozen=True, slots=True)
class Judged:
    """Patients with overlap whose figures are all known.

    Attributes:
        predicted: (n, A) utility by models of the other folds.
        scores: (n, A) doubly robust utility U_i(a), whose mean under an arm is its mean utility.
        observed: (n,) of the care received.
        left_out: Patients without overlap, or without a figure.
    """

    predicted: Floats
    scores: Floats
    observed: Floats
    left_out: int


def judge(found: OutOfFold, layout: OutcomeLayout, config: DecisionConfig) -> Judged:
    """`U_i(a) = sum of weight * (1 - phi_i(a))`, of patients whose propensities lie between 0.1 and 0.9.

    The censoring weights are the arm's reverse Kaplan-Meier over all patients given.

    Raises:
        KeyError: The prognosis lacks an endpoint of the utility.
    """
    predicted, arm = utility_of(found.prognosis, config), found.outcomes.arm.numpy()
    known = (arm >= 0) & ~np.isnan(predicted).any(1)
    for name in config.utility:
        known &= found.outcomes.known(layout.index(name)).numpy()
    outcomes = {name: _observed(found, name, layout.index(name), config.horizon, known) for name in config.utility}
    kept = known & ((found.propensity >= OVERLAP[0]) & (found.propensity <= OVERLAP[1])).all(1)
    for outcome in outcomes.values():
        kept &= ~np.isnan(outcome)
    rows = np.flatnonzero(kept)
    scores, observed = np.zeros((len(rows), len(layout.arms))), np.zeros(len(rows))
    for name, weight in config.utility.items():
        risk, outcome = 1 - _at(found.prognosis.endpoints[name], config.horizon)[rows], outcomes[name][rows]
        scores += weight * (1 - arm_scores(risk, outcome, arm[rows], found.propensity[rows]))
        observed += weight * (1 - outcome)
    return Judged(predicted[rows], scores, observed, int((~kept).sum()))


def gates_of(judged: Judged) -> tuple[PairGate, ...]:
    """The line of every two arms, the first of the dictionary's order minus the second."""
    arms = range(judged.scores.shape[1])
    return tuple(
        PairGate(
            arm,
            minus,
            fit_gate(
                judged.scores[:, arm] - judged.scores[:, minus], judged.predicted[:, arm] - judged.predicted[:, minus]
            ),
        )
        for minus, arm in combinations(arms, 2)
    )


def means_of(judged: Judged, arms: Sequence[str], how: str) -> tuple[ArmMean, ...]:
    """Mean utility if all had received an arm; empty of fewer than two patients.

    Args:
        judged: Of whom.
        arms: Keys.
        how: Whose predictions they rest on, in words.
    """
    n = len(judged.scores)
    source = f"doubly robust, {how}, of {n} training and validation patients who could have received any arm"
    return tuple(
        ArmMean(arm, float(own.mean()), float(own.std(ddof=1) / np.sqrt(n)), source)
        for arm, own in zip(arms, judged.scores.T, strict=True)
        if n > 1
    )


def policy_of(judged: Judged, arms: tuple[str, ...], mid: float) -> tuple[PolicyValue, ...]:
    """What it is worth to give the arm that leads by more than `mid`, and observed care where none does."""
    order = np.sort(judged.predicted, axis=1)
    leads = order[:, -1] - order[:, -2] > mid
    policy = np.where(leads, judged.predicted.argmax(1), NOBODY)
    return policy_values(judged.scores, judged.observed, policy, arms) if len(policy) > 1 else ()


def _observed(found: OutOfFold, name: str, column: int, horizon: float, known: npt.NDArray[np.bool_]) -> Floats:
    """(n,) D, NaN where it is not known."""
    outcome = np.full(len(known), np.nan)
    arm, time, event = (
        found.outcomes.arm.numpy(),
        found.outcomes.time[:, column].numpy(),
        found.outcomes.event[:, column].numpy(),
    )
    for code in np.unique(arm[known]):
        rows = np.flatnonzero(known & (arm == code))
        censoring = Censoring(reverse_kaplan_meier(time[rows], event[rows]))
        course = course_of(found.prognosis, name, rows, int(code))
        outcome[rows] = pseudo_outcomes(time[rows], event[rows], horizon, course, censoring)
    return outcome


def course_of(prognosis: Prognosis, name: str, rows: Ints, arm: int) -> Course:
    """F and S of some patients under an arm at any times within the grid.

    Raises:
        ValueError: The endpoint has no curve.
    """
    endpoint = prognosis.endpoints[name]
    if endpoint.free is None:
        raise ValueError(f"{name} has no curve")
    competing = None if endpoint.competing is None else _array(endpoint.competing)[rows, arm]
    hazards = discrete_hazards(_array(endpoint.free)[rows, arm], competing)
    grid = IntervalGrid(_array(prognosis.grid))

    def course(times: Floats) -> tuple[Floats, Floats]:
        by_time = np.stack([discrete_incidence(hazards, grid, time) for time in times], axis=-1)
        return by_time[:, 0], 1 - by_time.sum(1)

    return course


def _at(endpoint: EndpointPrognosis, horizon: float) -> Floats:
    """(n, A) probability of no event by a horizon."""
    return _array(endpoint.at_horizons)[..., endpoint.horizons.index(horizon)]


def _array(values: Tensor) -> Floats:
    return np.asarray(values.double().cpu().numpy())
