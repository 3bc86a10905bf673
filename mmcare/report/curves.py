"""The course over time under each arm, as a curve to draw."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mmcare.components import EndpointPrognosis
from mmcare.report.case import Case
from mmcare.report.part import Part, finite
from mmcare.survival import IntervalGrid, discrete_hazards, discrete_incidence

__all__ = ["Curve", "curves", "free_at", "years_of"]

POINTS_A_YEAR = 12
Floats = npt.NDArray[np.float64]


class Curve(Part):
    """One endpoint's course under one arm.

    Attributes:
        years: T times. free: Probability of no event by each; ends where the arm's follow-up ends.
        lower: Of the 95 % band over refits of the heads, as far as these reach; empty without refits. upper: Likewise.
        connected: False for a model that knows the horizons alone: draw points.
        personal: False where it is the arm's average. support_years: How far the follow-up reaches.
    """

    endpoint: str
    arm: str
    years: tuple[float, ...]
    free: tuple[float, ...]
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()
    connected: bool
    personal: bool
    support_years: float | None


def curves(case: Case) -> tuple[Curve, ...]:
    """A curve for each endpoint and arm."""
    prognosis = case.prediction.prognosis
    grid = prognosis.grid.double().cpu().numpy()
    return tuple(
        _curve(name, arm, code, endpoint, grid)
        for name, endpoint in prognosis.endpoints.items()
        for code, arm in enumerate(case.run.outcomes.arms)
    )


def _curve(name: str, arm: str, code: int, endpoint: EndpointPrognosis, grid: Floats) -> Curve:
    if endpoint.free is None:
        times, free = np.array(endpoint.horizons), endpoint.at_horizons[0, code].double().cpu().numpy()
    else:
        times = years_of(grid)
        competing = None if endpoint.competing is None else endpoint.competing[0, code].double().cpu().numpy()
        free = free_at(times, grid, endpoint.free[0, code].double().cpu().numpy(), competing)
    known = np.isfinite(free)
    return Curve(
        endpoint=name,
        arm=arm,
        years=tuple(times[known].tolist()),
        free=tuple(free[known].tolist()),
        connected=endpoint.free is not None,
        personal=bool(endpoint.personal[code]),
        support_years=finite(float(endpoint.support_years[code])),
    )


def years_of(grid: Floats) -> Floats:
    """The times at which a curve is drawn: the model's own edges, and a point a month."""
    monthly = np.arange(0, grid[-1] + 1e-9, 1 / POINTS_A_YEAR)
    return np.unique(np.round(np.concatenate([grid, monthly]), 9))


def free_at(times: Floats, grid: Floats, free: Floats, competing: Floats | None) -> Floats:
    """The probability of no event by each time: the model's figure at an edge, constant hazards between edges.

    Args:
        times: (T,) years. grid: (K+1,) edges.
        free: (K+1,) probability of no event at the edges. competing: (K+1,) that a competing event came first.

    Returns:
        (T,); NaN where the next edge is not known.
    """
    hazards = discrete_hazards(free[None], None if competing is None else competing[None])
    between = 1 - discrete_incidence(np.repeat(hazards, len(times), 0), IntervalGrid(grid), times)[:, 0]
    place = np.searchsorted(np.round(grid, 9), np.round(times, 9))
    at_edge = np.isclose(grid[np.minimum(place, len(grid) - 1)], times, atol=1e-6)
    return np.where(at_edge, free[np.minimum(place, len(grid) - 1)], between)
