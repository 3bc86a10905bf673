"""From the incidence of each cause at the edges of a grid to an endpoint's prognosis."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mmcare.components import ArmCurves, Endpoint, EndpointPrognosis
from mmcare.survival import IntervalGrid

__all__ = ["incidence_at", "log_minus_log", "prognosis_of_curves"]

_LEAST = 1e-6


def prognosis_of_curves(
    endpoint: Endpoint, grid: IntervalGrid, incidence: Tensor, curves: ArmCurves
) -> EndpointPrognosis:
    """Every patient's own figures, before `with_arm_curves`.

    Args:
        endpoint: Whose horizons are reported.
        grid: K intervals.
        incidence: (B, A, C, K+1) probability that each cause came first by each edge.
        curves: Of the training patients: how far follow-up goes and where figures are personal.
    """
    free = 1 - incidence[:, :, 0]
    return EndpointPrognosis(
        horizons=endpoint.horizons,
        at_horizons=free[..., np.searchsorted(grid.edges, endpoint.horizons)],
        free=free,
        competing=incidence[:, :, 1] if incidence.shape[2] > 1 else None,
        support_years=curves.support_years,
        monotone=True,
        personal=curves.personal,
    )


def incidence_at(grid: IntervalGrid, incidence: Tensor, years: float) -> Tensor:
    """(B, A) probability of the event by an edge of the grid, of (B, A, C, K+1)."""
    return incidence[:, :, 0, int(np.searchsorted(grid.edges, years))]


def log_minus_log(risk: Tensor) -> Tensor:
    """log(-log(1 - F)), finite for every F: differences of it are log hazard ratios where hazards are proportional."""
    return torch.log(-torch.log1p(-risk.clamp(_LEAST, 1 - _LEAST)))
