"""The likelihoods as pure functions of tensors: discrete hazards, competing causes, Cox with Efron's ties."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["competing_log_hazards", "competing_nll", "discrete_nll", "efron_log_likelihood"]


def discrete_nll(logits: Tensor, interval: Tensor, fraction: Tensor, event: Tensor) -> Tensor:
    """Negative log-likelihood of logistic hazards, a value a patient.

    `-[sum_{j<k} log(1-h_j) + 1{e=1} log h_k + 1{e=0} r log(1-h_k)]`, h = sigmoid(logits); beyond the last edge all
    intervals are survived. A patient censored inside an interval counts with the elapsed share r: dropping that part,
    or counting it as survived, biases absolute risk.

    Args:
        logits: (n, K) logit of the hazard of each interval.
        interval: (n,) k of the time, K beyond the last edge.
        fraction: (n,) r in (0, 1].
        event: (n,) 1 the event, else censored.

    Source: after Gensheimer and Narasimhan 2019, doi 10.7717/peerj.6257.
    """
    intervals = logits.shape[1]
    had = ((event == 1) & (interval < intervals)).to(logits.dtype)
    exposure = _exposure(intervals, interval, fraction, event, logits.dtype)
    survived = (exposure * F.logsigmoid(-logits)).sum(1)
    at = logits.gather(1, interval.clamp(max=intervals - 1)[:, None])[:, 0]
    return -(survived + had * F.logsigmoid(at))


def competing_log_hazards(logits: Tensor) -> Tensor:
    """(…, C+1, K) log probabilities of none and of each cause, from logits (…, C, K) against none."""
    return torch.cat([torch.zeros_like(logits[..., :1, :]), logits], dim=-2).log_softmax(-2)


def competing_nll(logits: Tensor, interval: Tensor, fraction: Tensor, event: Tensor) -> Tensor:
    """Negative log-likelihood of competing discrete hazards, a value a patient.

    `-[sum_{j<k} log h0_j + 1{e=c} log hc_k + 1{e=0} r log h0_k]`, softmax over none and the causes.

    Args:
        logits: (n, C, K) of each cause against none.
        interval: (n,) k of the time, K beyond the last edge.
        fraction: (n,) r in (0, 1].
        event: (n,) 0 censored, else the cause.

    Source: after Lee et al. 2018 (DeepHit) and Tutz and Schmid 2016, Modeling Discrete Time-to-Event Data, ch. 8.
    """
    intervals = logits.shape[-1]
    log_h = competing_log_hazards(logits)
    exposure = _exposure(intervals, interval, fraction, event, logits.dtype)
    survived = (exposure * log_h[:, 0]).sum(1)
    inside = interval.clamp(max=intervals - 1)
    at = log_h[torch.arange(len(event), device=event.device), event, inside]
    had = ((event > 0) & (interval < intervals)).to(logits.dtype)
    return -(survived + had * at)


def _exposure(intervals: int, interval: Tensor, fraction: Tensor, event: Tensor, dtype: torch.dtype) -> Tensor:
    """(n, K) share of each interval that was survived for certain: 1 before k, r in k for the censored."""
    k = torch.arange(intervals, device=interval.device)
    before = (k[None] < interval[:, None]).to(dtype)
    within = (k[None] == interval[:, None]).to(dtype) * (fraction * (event == 0)).to(dtype)[:, None]
    return before + within


def efron_log_likelihood(eta: Tensor, time: Tensor, event: Tensor, strata: Tensor) -> Tensor:
    """Cox's partial log-likelihood with Efron's treatment of ties, summed over events and strata; float64.

    `sum over event times u of [sum_{i in D_u} eta_i - sum_{l<d} log(R_u - l/d T_u)]`, R_u the sum of exp(eta) over
    those at risk, T_u over those with the event at u. O(n log n) time, O(n) memory, whatever the ties. Without an
    event it is a 0 that keeps its graph.

    Args:
        eta: (n,) log hazard ratios.
        time: (n,) years.
        event: (n,) 1 the event, else not.
        strata: (n,) codes; risk sets stay within a stratum.

    Source: Efron 1977, doi 10.1080/01621459.1977.10480613.
    """
    total = eta.double().sum() * 0
    for code in strata.unique():
        of = strata == code
        total = total + _efron_stratum(eta[of].double(), time[of], event[of] == 1)
    return total


def _efron_stratum(eta: Tensor, time: Tensor, event: Tensor) -> Tensor:
    order = torch.argsort(time, descending=True, stable=True)
    eta, time, event = eta[order], time[order], event[order].to(eta.dtype)
    shift = eta.detach().max()
    weight = torch.exp(eta - shift)
    _, group, counts = torch.unique_consecutive(time, return_inverse=True, return_counts=True)
    last = counts.cumsum(0) - 1
    at_risk = weight.cumsum(0)[last]
    tied = torch.zeros_like(at_risk).index_add(0, group, weight * event)
    deaths = torch.zeros_like(at_risk).index_add(0, group, event)
    before = event.cumsum(0) - event  # events sorted earlier; less those of earlier groups: the rank within the tie
    rank = before - (deaths.cumsum(0) - deaths)[group]
    share = torch.where(event > 0, rank / deaths[group].clamp(min=1), torch.zeros_like(rank))
    denominator = at_risk[group] - share * tied[group]
    terms = eta - shift - torch.log(torch.where(event > 0, denominator, torch.ones_like(denominator)))
    return (event * terms).sum()
