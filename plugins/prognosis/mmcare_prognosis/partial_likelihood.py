"""Cox's partial likelihood with Efron's treatment of ties."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["efron_log_likelihood"]


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
        total = total + _stratum(eta[of].double(), time[of], event[of] == 1)
    return total


def _stratum(eta: Tensor, time: Tensor, event: Tensor) -> Tensor:
    order = torch.argsort(time, descending=True, stable=True)
    eta, time, event = eta[order], time[order], event[order].to(eta.dtype)
    shift = eta.detach().max()  # keeps exp within range
    weight = torch.exp(eta - shift)
    _, group, counts = torch.unique_consecutive(time, return_inverse=True, return_counts=True)
    at_risk = weight.cumsum(0)[counts.cumsum(0) - 1]
    tied = torch.zeros_like(at_risk).index_add(0, group, weight * event)
    deaths = torch.zeros_like(at_risk).index_add(0, group, event)
    earlier = (deaths.cumsum(0) - deaths)[group]  # events of the groups sorted before: less them, the rank in the tie
    rank = event.cumsum(0) - event - earlier
    denominator = at_risk[group] - rank / deaths[group].clamp(min=1) * tied[group]
    terms = eta - shift - torch.log(torch.where(event > 0, denominator, 1))
    return (event * terms).sum()
