"""The curve of each arm: what everyone gets where too few events support a personal figure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmcare.components.outcomes import COMPETING, EVENT, Outcomes
from mmcare.components.prognosis import EndpointPrognosis, Prognosis
from mmcare.survival import IntervalGrid, aalen_johansen

__all__ = ["LEAST_PERSONAL_EVENTS", "ArmCurves", "arm_curves", "with_arm_curves"]

LEAST_PERSONAL_EVENTS = 20
"""Training events of an endpoint under which an arm gets no personal figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCurves:
    """One endpoint's curves by arm at the edges of a grid, from the training patients.

    Attributes:
        free: (A, K+1) float64, probability of no event so far: one minus Aalen-Johansen, which is Kaplan-Meier where
            there is one cause; NaN beyond the arm's follow-up.
        competing: (A, K+1) float64, probability that a competing event came first.
        support_years: (A,) float64, the arm's last time of follow-up; 0 for an arm without patients.
        events: (A,) int64, training events.
    """

    free: Tensor
    competing: Tensor
    support_years: Tensor
    events: Tensor

    @property
    def personal(self) -> Tensor:
        """(A,) bool, where there are enough training events for figures of a patient's own."""
        return self.events >= LEAST_PERSONAL_EVENTS


def arm_curves(outcomes: Outcomes, column: int, arms: int, grid: IntervalGrid) -> ArmCurves:
    """The curves of one endpoint.

    Args:
        outcomes: Training patients; rows of unknown arm or time are left out.
        column: The endpoint's.
        arms: A.
        grid: Intervals.
    """
    known = outcomes.take(outcomes.known(column))
    arm, time = known.arm.cpu().numpy(), known.time[:, column].cpu().numpy()
    event = known.event[:, column].cpu().numpy()
    free, competing = np.full((2, arms, grid.count + 1), np.nan)
    free[:, 0], competing[:, 0] = 1.0, 0.0  # at time 0, whatever the follow-up
    for code in np.unique(arm):
        of = arm == code
        free[code] = 1 - aalen_johansen(time[of], event[of], EVENT).at(grid.edges)
        competing[code] = aalen_johansen(time[of], event[of], COMPETING).at(grid.edges)
    return ArmCurves(
        free=torch.from_numpy(free),
        competing=torch.from_numpy(competing),
        support_years=torch.tensor([time[arm == code].max(initial=0.0) for code in range(arms)], dtype=torch.float64),
        events=torch.tensor([((arm == code) & (event == EVENT)).sum() for code in range(arms)], dtype=torch.int64),
    )


def with_arm_curves(prognosis: Prognosis, curves: Mapping[str, ArmCurves]) -> Prognosis:
    """The prognosis with the arm's curve for everyone where an arm is not personal, and NaN beyond its follow-up.

    To be applied after any averaging: equal numbers averaged in floating point rank patients by rounding.

    Args:
        prognosis: Its figures before; an endpoint without a curve is changed at its horizons.
        curves: By endpoint, on the prognosis' grid.
    """
    endpoints = {name: _applied(own, curves[name], prognosis.grid) for name, own in prognosis.endpoints.items()}
    return dataclasses.replace(prognosis, endpoints=endpoints)


def _applied(own: EndpointPrognosis, curves: ArmCurves, grid: Tensor) -> EndpointPrognosis:
    edges = [int((grid - horizon).abs().argmin()) for horizon in own.horizons]
    free = None if own.free is None else _shown(own.free, curves.free, curves, grid)
    at_horizons = (
        _shown(own.at_horizons, curves.free[:, edges], curves, grid[edges]) if free is None else free[..., edges]
    )
    return dataclasses.replace(
        own,
        at_horizons=at_horizons,
        free=free,
        competing=None if own.competing is None else _shown(own.competing, curves.competing, curves, grid),
        support_years=curves.support_years,
        personal=curves.personal,
    )


def _shown(own: Tensor, arm: Tensor, curves: ArmCurves, grid: Tensor) -> Tensor:
    """(B, A, T) of the patients' own and the arm's (A, T) at times `grid (T,)`."""
    shown = torch.where(curves.personal[:, None], own, arm.to(own.dtype))
    beyond = grid.to(own.device)[None] > curves.support_years[:, None]
    return torch.where(beyond, torch.nan, shown)
