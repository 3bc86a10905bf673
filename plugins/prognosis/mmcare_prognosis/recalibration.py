"""Recalibration of discrete hazards on patients that the model was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mmcare_prognosis.hazards import hazards_nll

__all__ = ["LEAST_ARM_EVENTS", "LEAST_EVENTS", "Recalibration", "recalibration"]

LEAST_EVENTS = 20
"""Validation events of an endpoint from which on it is recalibrated."""
LEAST_ARM_EVENTS = 5
"""Validation events of every cause from which on an arm takes part."""


@dataclass(frozen=True, slots=True)
class Recalibration:
    """`logit h' = shift + slope * logit h`, by arm and cause.

    Attributes:
        shift: (A, C) float64, 0 where an arm is left as it is.
        slope: (A, C) float64, 1 where an arm is left as it is, else one number a cause.
    """

    shift: Tensor
    slope: Tensor


def recalibration(
    logits: Tensor, interval: Tensor, fraction: Tensor, event: Tensor, arm: Tensor, arms: int
) -> Recalibration:
    """Maximum-likelihood recalibration: a shift an arm and cause, a slope a cause; survival stays monotone.

    With fewer than 20 events of code 1 nothing changes. An arm with fewer than 5 events of a cause is left as it is.
    A negative slope, which would turn the ranking round, is taken as 0: no signal.

    Args:
        logits: (n, C, K) of each cause against none, of the arm received.
        interval: (n,) k of the time, K beyond the last edge.
        fraction: (n,) r in (0, 1].
        event: (n,) 0 censored, else the cause.
        arm: (n,) codes.
        arms: A.
    """
    logits, interval, fraction, event, arm = (x.cpu() for x in (logits, interval, fraction, event, arm))
    causes = logits.shape[1]
    counts = torch.stack([torch.bincount(arm[event == c + 1], minlength=arms) for c in range(causes)], dim=1)
    chosen = (counts >= LEAST_ARM_EVENTS).all(1) & (counts[:, 0].sum() >= LEAST_EVENTS)
    rows = chosen[arm]
    found = Recalibration(torch.zeros(arms, causes, dtype=torch.float64), torch.ones(arms, causes, dtype=torch.float64))
    if not bool(rows.any()):
        return found
    data = (logits[rows].double(), interval[rows], fraction[rows], event[rows], arm[rows])
    shift, slope = _maximise(*data, arms, free=torch.ones(causes, dtype=torch.bool))
    if bool((slope < 0).any()):
        shift, slope = _maximise(*data, arms, free=slope >= 0)
    found.shift[chosen], found.slope[chosen] = shift[chosen], slope
    return found


def _maximise(
    logits: Tensor, interval: Tensor, fraction: Tensor, event: Tensor, arm: Tensor, arms: int, free: Tensor
) -> tuple[Tensor, Tensor]:
    """Shifts (A, C) and slopes (C,), a slope that is not free being 0; the likelihood is concave in both."""
    shift = torch.zeros(arms, logits.shape[1], dtype=torch.float64, requires_grad=True)
    slope = free.double().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [shift, slope], max_iter=500, tolerance_grad=1e-10, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        changed = shift[arm][..., None] + (slope * free)[:, None] * logits
        loss = hazards_nll(changed, interval, fraction, event).mean()
        torch.autograd.backward(loss)
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return shift.detach(), (slope * free).detach()
