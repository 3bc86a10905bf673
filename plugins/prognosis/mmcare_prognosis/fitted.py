"""What is fitted rather than trained, held in buffers so that it travels with the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmcare.components import ArmCurves
from mmcare.survival import IntervalGrid, StepCurve

__all__ = ["FittedArmCurves", "FittedSteps"]


class FittedArmCurves(nn.Module):
    """The `ArmCurves` of an endpoint, of A arms on a grid."""

    free: Tensor
    competing: Tensor
    support_years: Tensor
    events: Tensor

    def __init__(self, arms: int, grid: IntervalGrid) -> None:
        super().__init__()
        edges = grid.count + 1
        self.register_buffer("free", torch.full((arms, edges), torch.nan, dtype=torch.float64))
        self.register_buffer("competing", torch.full((arms, edges), torch.nan, dtype=torch.float64))
        self.register_buffer("support_years", torch.zeros(arms, dtype=torch.float64))
        self.register_buffer("events", torch.zeros(arms, dtype=torch.int64))

    def keep(self, curves: ArmCurves) -> None:
        """Hold these."""
        self.free.copy_(curves.free)
        self.competing.copy_(curves.competing)
        self.support_years.copy_(curves.support_years)
        self.events.copy_(curves.events)

    @property
    def curves(self) -> ArmCurves:
        """What is held."""
        return ArmCurves(free=self.free, competing=self.competing, support_years=self.support_years, events=self.events)


class FittedSteps(nn.Module):
    """A step function of each of A arms: all its steps, not its values on a grid.

    Buffers `times (A, n)`, padded with infinity, and `values (A, n)`, padded with 0; n is the largest number of steps
    and 0 until something is held. A state dict decides the size: `load_state_dict` makes the buffers as long as those
    that it brings.

    Args:
        arms: A.
        start: Value before the first step, also where nothing is held.
    """

    times: Tensor
    values: Tensor

    def __init__(self, arms: int, start: float) -> None:
        super().__init__()
        self.start = start
        self.register_buffer("times", torch.empty(arms, 0, dtype=torch.float64))
        self.register_buffer("values", torch.empty(arms, 0, dtype=torch.float64))

    def keep(self, curves: Sequence[StepCurve | None]) -> None:
        """Hold these, one an arm; None stays at `start`."""
        steps = max((len(curve.times) for curve in curves if curve is not None), default=0)
        times, values = torch.full((len(curves), steps), torch.inf), torch.zeros(len(curves), steps)
        self.times, self.values = times.to(self.times), values.to(self.values)
        for arm, curve in enumerate(curves):
            if curve is not None:
                self.times[arm, : len(curve.times)] = torch.from_numpy(curve.times)
                self.values[arm, : len(curve.times)] = torch.from_numpy(curve.values)

    def at(self, times: Tensor) -> Tensor:
        """(A, T) values at times (T,) in years; beyond the last step its value."""
        arms = len(self.times)
        place = torch.searchsorted(self.times, times.to(self.times).expand(arms, -1).contiguous(), right=True)
        return torch.cat([self.values.new_full((arms, 1), self.start), self.values], dim=1).gather(1, place)

    def curves(self, support_years: Tensor) -> Mapping[int, StepCurve]:
        """What is held, by arm code, as curves that end at `support_years (A,)`."""
        found = {}
        for arm, (times, values) in enumerate(zip(self.times.cpu().numpy(), self.values.cpu().numpy(), strict=True)):
            steps = int(np.isfinite(times).sum())
            found[arm] = StepCurve(times[:steps], values[:steps], self.start, float(support_years[arm]))
        return found

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        for name in ("times", "values"):
            if (found := state_dict.get(prefix + name)) is not None:
                setattr(self, name, getattr(self, name).new_empty(found.shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)
