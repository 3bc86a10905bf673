"""A smooth loss of ranking: an upper bound of the share of pairs in the wrong order."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["concordance_loss"]

_BLOCK = 512


def concordance_loss(score: Tensor, time: Tensor, event: Tensor, strata: Tensor) -> Tensor:
    """Mean over comparable pairs of log2(1 + exp(s_j - s_i)), which is at least 1 where the pair is in wrong order.

    Patient i had the event; j of the same stratum had it not by then: T_j > T_i, or T_j = T_i and censored, or a
    competing event at T_i or before. Without such a pair it is a 0 that keeps its graph. O(n^2) time.

    Args:
        score: (n,) larger is worse.
        time: (n,) years.
        event: (n,) 0 censored, 1 the event, 2 competing.
        strata: (n,) codes.

    Source: Raykar et al. 2008, On ranking in survival analysis: bounds on the concordance index, NIPS 20; pairs with
        a competing event as in Wolbers et al. 2014, doi 10.1093/biostatistics/kxt059.
    """
    total, pairs = score.sum() * 0, torch.zeros((), dtype=torch.int64, device=score.device)
    for failed in (event == 1).nonzero()[:, 0].split(_BLOCK):
        comparable = _comparable(failed, time, event, strata)
        wrong = torch.nn.functional.softplus(score[None] - score[failed, None]) / math.log(2)
        total, pairs = total + torch.where(comparable, wrong, 0).sum(), pairs + comparable.sum()
    return total / pairs.clamp(min=1)


def _comparable(failed: Tensor, time: Tensor, event: Tensor, strata: Tensor) -> Tensor:
    """(f, n) bool, which patients can be compared with each who had the event."""
    then = time[failed, None]
    outlived = (time > then) | ((time == then) & (event == 0)) | ((event == 2) & (time <= then))
    return outlived & (strata == strata[failed, None])
