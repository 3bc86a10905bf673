"""The true course of each patient under each arm, given all latents: closed forms and one integral."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcare.synthetic.draw import Draw
from mmcare.synthetic.hazards import AFTER_FAILURE
from mmcare.synthetic.random import Floats

__all__ = ["TrueCourse", "true_course"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)


@dataclass(frozen=True, slots=True)
class TrueCourse:
    """Survival and cumulative incidence of local failure, (n, 2) each: SBRT, surgery."""

    survival: Floats
    local_failure: Floats


def true_course(draw: Draw, years: float) -> TrueCourse:
    """S_a(t) and F_a(t) given latents and Z.

    S(t) = e^{-H_D(t)} [e^{-H_L(t)} + int_0^t h_L(u) e^{-H_L(u)} e^{-kappa (t-u)} du],
    F(t) = int_0^t h_L(u) e^{-H_L(u) - H_D(u)} du; Gauss-Legendre on [0, .25] and [.25, t], 20 nodes each.

    Args:
        draw: A drawn cohort.
        years: t > 0.25.
    """
    own = [_course(draw, arm, years) for arm in (0, 1)]
    return TrueCourse(np.stack([s for s, _ in own], 1), np.stack([f for _, f in own], 1))


def _course(draw: Draw, arm: int, years: float) -> tuple[Floats, Floats]:
    parts = draw.hazards if draw.world.no_effect else (draw.hazards[arm],)
    extra = draw.world.sbrt_hazard if arm == 0 else 0.0

    def mean(value: str, t: Floats) -> Floats:
        return np.asarray(sum(getattr(part, value)(t) for part in parts) / len(parts))

    def death(t: Floats) -> Floats:
        return mean("death", t) + extra * t

    survived = np.exp(-mean("failure", np.array([[years]])))[0]
    failed = np.zeros_like(survived)
    incidence = np.zeros_like(survived)
    for lower, upper in ((0.0, 0.25), (0.25, years)):
        u = (lower + (upper - lower) * (_NODES + 1) / 2)[:, None]
        weight = _WEIGHTS[:, None] * (upper - lower) / 2
        density = mean("failure_rate", u) * np.exp(-mean("failure", u))
        failed = failed + (weight * density * np.exp(-AFTER_FAILURE * (years - u))).sum(0)
        incidence = incidence + (weight * density * np.exp(-death(u))).sum(0)
    survival = np.exp(-death(np.array([[years]])))[0] * (survived + failed)
    return survival, incidence
