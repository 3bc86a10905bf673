"""Discrete hazards of one cause or several, as pure functions of logits: likelihood and cumulative incidence."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["cumulative_incidence", "hazards_nll", "incidence_inside", "log_hazards"]


def log_hazards(logits: Tensor) -> Tensor:
    """(…, C+1, K) log probabilities of none and of each cause, from logits (…, C, K) against none.

    With one cause the hazard is `sigmoid(logit)`.
    """
    return torch.cat([torch.zeros_like(logits[..., :1, :]), logits], dim=-2).log_softmax(-2)


def hazards_nll(logits: Tensor, interval: Tensor, fraction: Tensor, event: Tensor) -> Tensor:
    """Negative log-likelihood, a value a patient.

    `-[sum_{j<k} log h0_j + 1{e=c} log hc_k + 1{e=0} r log h0_k]`, h0 the probability of none; beyond the last edge all
    intervals are survived. A patient censored inside an interval counts with the elapsed share r: dropping that part,
    or counting it as survived, biases absolute risk.

    Args:
        logits: (n, C, K) of each cause against none.
        interval: (n,) k of the time, K beyond the last edge.
        fraction: (n,) r in (0, 1].
        event: (n,) 0 censored, else the cause.

    Source: Tutz and Schmid 2016, Modeling Discrete Time-to-Event Data, ch. 3 and 8; for one cause Gensheimer and
        Narasimhan 2019, doi 10.7717/peerj.6257.
    """
    intervals = logits.shape[-1]
    log_h = log_hazards(logits)
    survived = (_exposure(intervals, interval, fraction, event).to(logits.dtype) * log_h[:, 0]).sum(1)
    inside = interval.clamp(max=intervals - 1)
    at = log_h[torch.arange(len(event), device=event.device), event, inside]
    had = (event > 0) & (interval < intervals)
    return -(survived + torch.where(had, at, 0))


def _exposure(intervals: int, interval: Tensor, fraction: Tensor, event: Tensor) -> Tensor:
    """(n, K) share of each interval that was survived for certain: 1 before k, r in k for the censored."""
    k = torch.arange(intervals, device=interval.device)
    within = (k == interval[:, None]) * (fraction * (event == 0))[:, None]
    return (k < interval[:, None]) + within


def cumulative_incidence(logits: Tensor) -> Tensor:
    """(…, C, K+1) probability that each cause came first by each edge: `sum_{j<=k} hc_j prod_{l<j} h0_l`; 0 at time 0.

    Args:
        logits: (…, C, K) of each cause against none.
    """
    log_h = log_hazards(logits)
    incidence = (log_h[..., 1:, :] + _log_reached(log_h)).exp().cumsum(-1)
    return torch.cat([torch.zeros_like(incidence[..., :1]), incidence], dim=-1)


def incidence_inside(logits: Tensor, interval: Tensor, fraction: Tensor) -> Tensor:
    """(…, C, T) cumulative incidence at times inside intervals.

    The chance of none falls as a power of the elapsed share, each cause keeps its share of the events:
    `F(t_k-1) + prod_{l<k} h0_l * hc / (1 - h0) * (1 - h0^r)`.

    Args:
        logits: (…, C, K) of each cause against none.
        interval: (T,) interval of each time, below K.
        fraction: (T,) elapsed share r of it.
    """
    log_h = log_hazards(logits)
    share = logits.softmax(-2)[..., interval]  # hc / (1 - h0), without the division
    gone = -torch.expm1(fraction.to(logits.dtype) * log_h[..., :1, interval])
    return cumulative_incidence(logits)[..., interval] + _log_reached(log_h)[..., interval].exp() * share * gone


def _log_reached(log_h: Tensor) -> Tensor:
    """(…, 1, K) log probability to enter each interval."""
    none = log_h[..., :1, :].cumsum(-1)
    return torch.cat([torch.zeros_like(none[..., :1]), none[..., :-1]], dim=-1)
