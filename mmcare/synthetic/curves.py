"""Survival and incidence of local failure over five years under each arm, from the hazards, every quarter of a year."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np
from scipy.special import roots_genlaguerre

from mmcare.synthetic.hazards import AFTER_FAILURE, ArmHazards
from mmcare.synthetic.random import Floats
from mmcare.synthetic.worlds import World

__all__ = ["HORIZONS", "UTILITY", "YEARS", "Curves", "average_curves", "latent_curves", "structural_curves"]

YEARS = np.arange(0, 5.25, 0.25)
HORIZONS = (1, 3, 5)
UTILITY = {"os": 0.7, "lc": 0.3, "years": 3}
"""U = 0.7 S(3) + 0.3 (1 - F(3))."""
_NODES = 12
_SHAPE = 2.5
Average = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Curves:
    """Probabilities at `YEARS`; (n, 2, T) each: SBRT, surgery.

    Attributes:
        survival: S_a(t).
        local_failure: F_a(t), cumulative incidence with death competing.
    """

    survival: Floats
    local_failure: Floats

    def at(self, years: float) -> tuple[Floats, Floats]:
        """Survival and local failure at a quarter of a year; (n, 2) each."""
        column = int(np.flatnonzero(years == YEARS)[0])
        return self.survival[..., column], self.local_failure[..., column]

    @property
    def delta(self) -> Floats:
        """(n,) utility of surgery minus that of SBRT: 0.7 S(3) + 0.3 (1 - F(3))."""
        survival, failure = self.at(UTILITY["years"])
        utility = UTILITY["os"] * survival + UTILITY["lc"] * (1 - failure)
        return np.asarray(utility[:, 1] - utility[:, 0])

    @staticmethod
    def joined(parts: Sequence[Curves]) -> Curves:
        """Of several groups of patients, one after the other."""
        return Curves(
            np.concatenate([part.survival for part in parts]), np.concatenate([part.local_failure for part in parts])
        )


def structural_curves(world: World, hazards: tuple[ArmHazards, ArmHazards]) -> Curves:
    """Level 1: given latents and Z."""
    return average_curves(world, hazards, np.copy)


def latent_curves(world: World, hazards: tuple[ArmHazards, ArmHazards], shared: Floats) -> Curves:
    """Level 2: given latents, Z integrated out by generalised Gauss-Laguerre quadrature with 12 nodes.

    Args:
        world: Says whether the arms differ.
        hazards: Of n patients under SBRT and surgery.
        shared: (n,) the Z that is in them.
    """
    nodes, weights = roots_genlaguerre(_NODES, _SHAPE - 1)
    weights = weights / weights.sum()
    ratio = nodes / _SHAPE / shared[:, None]
    sbrt, surgery = (_repeated(of_arm, ratio) for of_arm in hazards)
    return average_curves(world, (sbrt, surgery), lambda values: np.asarray(values.reshape(ratio.shape) @ weights))


def average_curves(world: World, hazards: tuple[ArmHazards, ArmHazards], average: Average) -> Curves:
    """Averages of curves given everything.

    Args:
        world: Says whether the arms differ.
        hazards: Of m persons under SBRT and surgery.
        average: From (m,) to (n,), as a weighted mean over the draws of each patient.
    """
    sbrt = _arm_curves(hazards if world.no_effect else hazards[:1], world.sbrt_hazard, average)
    same = world.no_effect and not world.sbrt_hazard
    surgery = sbrt if same else _arm_curves(hazards if world.no_effect else hazards[1:], 0.0, average)
    return Curves(np.stack([sbrt[0], surgery[0]], axis=1), np.stack([sbrt[1], surgery[1]], axis=1))


def _arm_curves(parts: Sequence[ArmHazards], extra: float, average: Average) -> tuple[Floats, Floats]:
    """Survival and incidence (n, T): Gauss-Legendre on each quarter of a year, 20 nodes on the first and 3 after."""
    failed = np.zeros_like(parts[0].other)
    incidence = np.zeros_like(failed)
    survival, failure = [average(np.ones_like(failed))], [average(incidence)]
    for start, end in pairwise(YEARS.tolist()):
        for u, weight in _gauss_legendre(20 if start == 0 else 3, start, end):
            density = _mean([p.failure_rate(u) for p in parts]) * np.exp(-_mean([p.failure(u) for p in parts]))
            density *= weight
            incidence += density * np.exp(-_death(parts, extra, u))
            density *= np.exp(AFTER_FAILURE * u)
            failed += density
        after = failed * np.exp(-AFTER_FAILURE * end)
        alive = np.exp(-_mean([p.failure(end) for p in parts])) + after
        survival.append(average(alive * np.exp(-_death(parts, extra, end))))
        failure.append(average(incidence))
    return np.stack(survival, axis=1), np.stack(failure, axis=1)


def _death(parts: Sequence[ArmHazards], extra: float, t: float) -> Floats:
    return _mean([part.death(t) for part in parts]) + extra * t


def _mean(values: Sequence[Floats]) -> Floats:
    return values[0] if len(values) == 1 else (values[0] + values[1]) / 2


@cache
def _gauss_legendre(count: int, start: float, end: float) -> list[tuple[float, float]]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    places = start + (end - start) * (nodes + 1) / 2
    return [(float(u), float(w * (end - start) / 2)) for u, w in zip(places, weights, strict=True)]


def _repeated(hazards: ArmHazards, ratio: Floats) -> ArmHazards:
    """Each patient once for each value of Z; `ratio` (n, nodes) is that value over the patient's own."""
    nodes = ratio.shape[1]
    return replace(
        hazards,
        other=np.repeat(hazards.other, nodes),
        treatment=np.repeat(hazards.treatment, nodes),
        cancer=(hazards.cancer[:, None] * ratio).ravel(),
        cancer_scale=np.repeat(hazards.cancer_scale, nodes),
        local=(hazards.local[:, None] * ratio).ravel(),
    )
