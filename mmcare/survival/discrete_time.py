"""Discrete time: the grid of intervals, who is where in it, and the hazards of a model without covariates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.survival.risk_table import Ints
from mmcare.survival.step_curve import Floats

__all__ = ["DEFAULT_EDGES", "InterceptOnly", "IntervalGrid", "Located", "intercept_only"]

DEFAULT_EDGES = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0)
LEAST_EVENTS = 5
_NEVER = -14.0
"""Logit of a hazard (a year) of a cause that never occurred: about 1e-6. A hazard of 1 likewise stops at its mirror."""


@dataclass(frozen=True, slots=True)
class Located:
    """Where times fall.

    Attributes:
        interval: (n,) k for a time in (t_k, t_k+1]; K beyond the last edge.
        fraction: (n,) elapsed share r of that interval, in (0, 1]; 0 beyond the last edge.
    """

    interval: Ints
    fraction: Floats


@dataclass(frozen=True, slots=True)
class IntervalGrid:
    """K intervals (t_k, t_k+1] of follow-up.

    Attributes:
        edges: (K+1,) years, the first 0, rising.
    """

    edges: Floats

    @classmethod
    def of_horizons(cls, horizons: Iterable[float]) -> IntervalGrid:
        """The default edges united with the horizons; one grid for all arms and endpoints."""
        return cls(np.array(sorted({*DEFAULT_EDGES, *map(float, horizons)})))

    @property
    def count(self) -> int:
        """K."""
        return len(self.edges) - 1

    @property
    def widths(self) -> Floats:
        """(K,) years."""
        return np.diff(self.edges)

    def locate(self, time: npt.ArrayLike) -> Located:
        """The interval of each time and the elapsed share of it, in float64."""
        t = np.asarray(time, dtype=np.float64)
        k = np.searchsorted(self.edges[1:], t, side="left")
        inside = np.minimum(k, self.count - 1)
        share = (t - self.edges[inside]) / self.widths[inside]
        return Located(k.astype(np.int64), np.where(k < self.count, share, 0.0))

    def groups(self, events: npt.ArrayLike, horizons: Iterable[float], least: int = LEAST_EVENTS) -> Ints:
        """(K,) first interval of the group that shares a parameter with each interval.

        Neighbours are joined until a group has `least` events. A horizon ends a group where it can: where what has
        gathered since the last group is too little, and that group lies within the same horizon, it joins it.

        Args:
            events: (K,) events in each interval.
            horizons: Years.
            least: Fewest events that carry a parameter of their own.
        """
        counts = np.asarray(events)
        ends = {int(k) for k in np.searchsorted(self.edges, [h for h in horizons if h < self.edges[-1]])}
        starts, open_at, gathered, since_horizon = [0], 0, 0.0, False
        for k in range(self.count):
            gathered += counts[k]
            at_horizon, last = k + 1 in ends, k + 1 == self.count
            if gathered >= least:
                open_at, gathered, since_horizon = k + 1, 0.0, not at_horizon
                starts.append(open_at)
            elif (at_horizon and since_horizon) or (last and len(starts) > 1):
                starts[-1] = open_at = k + 1  # too little: it joins the group before
                gathered, since_horizon = 0.0, False
        starts = sorted({start for start in starts if start < self.count})
        return np.array(starts)[np.searchsorted(starts, np.arange(self.count), side="right") - 1]


@dataclass(frozen=True, slots=True)
class InterceptOnly:
    """The model without covariates of one arm.

    Attributes:
        logits: (C, K) f: the logit of cause c against none in interval k is f + log(width).
        hazards: (C, K) probability of the cause in the interval for who enters it.
        groups: (C, K) first interval of the group that shares f.
    """

    logits: Floats
    hazards: Floats
    groups: Ints


def intercept_only(
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    grid: IntervalGrid,
    horizons: Sequence[float],
    causes: int = 1,
    *,
    least: int = LEAST_EVENTS,
) -> InterceptOnly:
    """Maximum-likelihood hazards without covariates; where nothing is shared, h = d / (d + survived + sum of r).

    A patient censored inside an interval counts there with the elapsed share r. Intervals share f where a cause has few
    events; the offset log(width) keeps a shared f the same hazard a year.

    Args:
        time: (n,) years.
        event: (n,) 0 censored, 1..C causes.
        grid: Intervals.
        horizons: Years at which a group should end.
        causes: C.
        least: Fewest events of a cause that carry a parameter of their own.
    """
    where, code = grid.locate(time), np.asarray(event, dtype=np.int64)
    deaths, exposure = _counts(where, code, grid, causes)
    groups = np.stack([grid.groups(deaths[c], horizons, least) for c in range(causes)])
    logits = _maximise(deaths, exposure, groups, np.log(grid.widths))
    return InterceptOnly(logits, _hazards(logits + np.log(grid.widths)), groups)


def _counts(where: Located, event: Ints, grid: IntervalGrid, causes: int) -> tuple[Floats, Floats]:
    """(C, K) events of each cause, and (K,) patients exposed: events, survivors, and the shares of the censored."""
    deaths = np.zeros((causes, grid.count))
    inside = where.interval < grid.count
    for c in range(causes):
        deaths[c] = np.bincount(where.interval[inside & (event == c + 1)], minlength=grid.count)
    survivors = (where.interval[:, None] > np.arange(grid.count)).sum(0)
    censored = inside & (event == 0)
    shares = np.bincount(where.interval[censored], weights=where.fraction[censored], minlength=grid.count)
    return deaths, deaths.sum(0) + survivors + shares


def _hazards(logits: Floats) -> Floats:
    """(C, K) softmax against 'none', whose logit is 0."""
    top = np.maximum(logits.max(0), 0)
    weights = np.exp(logits - top)
    return np.asarray(weights / (weights.sum(0) + np.exp(-top)))


def _maximise(deaths: Floats, exposure: Floats, groups: Ints, offset: Floats) -> Floats:
    """(C, K) f by Newton's steps on the concave multinomial likelihood, a parameter a cause and group."""
    design = _design(groups)
    seen = np.array([(member * deaths).sum() > 0 for member in design])
    active, f = design[seen], np.full(len(design), _NEVER)
    events = np.einsum("gck,ck->g", active, deaths)
    years = np.einsum("gck,k->g", active, exposure * np.exp(offset))
    f[seen] = np.log(np.maximum(events, 0.5) / np.maximum(years, 1e-6))
    for _ in range(100):
        hazards = _hazards(np.einsum("g,gck->ck", f, design) + offset)
        gradient = np.einsum("gck,ck->g", active, deaths - exposure * hazards)
        step = np.linalg.solve(_information(active, exposure, hazards), gradient)
        f[seen] += np.clip(step, -2, 2)
        if np.abs(step).max(initial=0) < 1e-12:
            break
    return np.asarray(np.einsum("g,gck->ck", np.clip(f, _NEVER, -_NEVER), design))


def _design(groups: Ints) -> Floats:
    """(G, C, K) which cause and intervals each parameter stands for."""
    members = []
    for c, row in enumerate(groups):
        for start in np.unique(row):
            member = np.zeros(groups.shape)
            member[c] = row == start
            members.append(member)
    return np.stack(members)


def _information(active: Floats, exposure: Floats, hazards: Floats) -> Floats:
    """(G, G) negative second derivative, with a trace of a ridge against a group that everyone fails in."""
    own = np.einsum("gck,ck,hck->gh", active, exposure * hazards, active)
    mixed = np.einsum("gck,ck->gk", active, hazards)
    return np.asarray(own - np.einsum("gk,k,hk->gh", mixed, exposure, mixed) + 1e-12 * np.eye(len(active)))
