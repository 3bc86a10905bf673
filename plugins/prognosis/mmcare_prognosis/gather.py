"""The whole batch of a step that several processes share: a Cox loss of a part is no part of the Cox loss."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from mmcare.components import Outcomes, Scores

__all__ = ["whole_batch"]


def whole_batch(scores: Scores, outcomes: Outcomes) -> tuple[Scores, Outcomes]:
    """Scores and outcomes of all processes, in the order of their ranks; as they are where there is one process.

    Every process then computes the same loss, that of the whole batch. The gradient of its own scores comes back times
    the number of processes, for distributed training averages the gradients of parameters over processes. A process may
    have no rows; all have to call.
    """
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return scores, outcomes
    counts = _counts(len(outcomes), outcomes.arm.device)
    gathered = {name: _Gather.apply(values, counts) for name, values in scores.by_endpoint.items()}
    arm, time, event = (_gather(x, counts) for x in (outcomes.arm, outcomes.time, outcomes.event))
    return Scores(gathered), Outcomes(arm=arm, time=time, event=event)


def _counts(own: int, device: torch.device) -> list[int]:
    """Rows of each process."""
    found = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(dist.get_world_size())]
    dist.all_gather(found, torch.tensor([own], device=device))
    return [int(count) for count in found]


def _gather(own: Tensor, counts: list[int]) -> Tensor:
    """Rows (n, ...) of all processes; padded on the way, for all have to send as much."""
    padded = own.new_zeros(max(counts), *own.shape[1:])
    padded[: len(own)] = own
    found = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(found, padded)
    return torch.cat([rows[:count] for rows, count in zip(found, counts, strict=True)])


class _Gather(torch.autograd.Function):
    """`_gather` with a gradient. All processes have the same loss, so nothing needs to be sent on the way back."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, counts: list[int]) -> Tensor:
        start = sum(counts[: dist.get_rank()])
        ctx.rows, ctx.processes = slice(start, start + len(own)), len(counts)
        return _gather(own.detach(), counts)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return grad[ctx.rows] * ctx.processes, None
