"""The curve of each arm: what everyone gets where too few events support a personal figure."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from mmcare.components import Endpoint, Outcomes
from mmcare.survival import IntervalGrid, aalen_johansen
from mmcare_prognosis.factual import factual_rows

__all__ = ["LEAST_EVENTS", "ArmCurves"]

LEAST_EVENTS = 20
"""Training events of an endpoint under which an arm gets no personal figures."""


class ArmCurves(nn.Module):
    """Aalen-Johansen curves of an endpoint by arm on the grid (one minus Kaplan-Meier where there is one cause).

    Args:
        arms: A.
        grid: Intervals.
        endpoint: Which endpoint.
    """

    free: Tensor
    competing: Tensor
    support_years: Tensor
    events: Tensor

    def __init__(self, arms: int, grid: IntervalGrid, endpoint: Endpoint) -> None:
        super().__init__()
        self.grid, self.endpoint, self.arms = grid, endpoint, arms
        edges = len(grid.edges)
        self.register_buffer("free", torch.full((arms, edges), torch.nan, dtype=torch.float64))
        self.register_buffer("competing", torch.full((arms, edges), torch.nan, dtype=torch.float64))
        self.register_buffer("support_years", torch.zeros(arms, dtype=torch.float64))
        self.register_buffer("events", torch.zeros(arms, dtype=torch.int64))

    def fit(self, outcomes: Outcomes, column: int) -> None:
        """Fit on the training patients."""
        rows = factual_rows(outcomes, column)
        for arm in range(self.arms):
            of = (rows.arm == arm).cpu().numpy()
            if of.any():
                self._fit_arm(arm, rows.time.cpu().numpy()[of], rows.event.cpu().numpy()[of])

    def _fit_arm(self, arm: int, time: np.ndarray, event: np.ndarray) -> None:  # type: ignore[type-arg]
        failed = aalen_johansen(time, event, 1).at(self.grid.edges)
        self.free[arm] = torch.from_numpy(1 - failed)
        self.competing[arm] = torch.from_numpy(aalen_johansen(time, event, 2).at(self.grid.edges))
        self.support_years[arm] = float(time.max())
        self.events[arm] = int((event == 1).sum())

    @property
    def personal(self) -> Tensor:
        """(A,) bool, where there are enough training events."""
        return self.events >= LEAST_EVENTS

    def applied(self, free: Tensor, curve: Tensor) -> Tensor:
        """(B, A, K+1): `free` where an arm is personal, else the arm's `curve`; NaN beyond the arm's support."""
        edges = torch.as_tensor(self.grid.edges, device=free.device)
        beyond = edges[None] > self.support_years[:, None]
        shown = torch.where(self.personal[:, None], free, curve.to(free.dtype))
        return torch.where(beyond, torch.nan, shown)
