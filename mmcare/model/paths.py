"""From the prognoses of several paths, or members of an ensemble, to one: the mean of their probabilities.

What the members' heads see is laid side by side.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from mmcare.components import EndpointPrognosis, Prognosis, Representation

__all__ = ["average", "average_members", "side_by_side"]


def average(parts: Sequence[Prognosis], mask: Tensor) -> Prognosis:
    """The mean prognosis over the paths present.

    An arm whose prognosis is not personal is the arm's curve, equal for every patient and every path: it is taken
    from the first path as it is, for a mean of equal numbers would rank patients by rounding.

    Args:
        parts: The prognosis of each of P paths, of B patients.
        mask: (B, P) bool, which paths a patient has; without any, the result is NaN (the arm's curve excepted).
    """
    first = parts[0]
    endpoints = {name: _endpoint([part.endpoints[name] for part in parts], mask) for name in first.endpoints}
    return dataclasses.replace(first, endpoints=endpoints)


def average_members(parts: Sequence[Prognosis]) -> Prognosis:
    """The mean prognosis of the members of an ensemble, all of the same patients."""
    patients = len(next(iter(parts[0].endpoints.values())).at_horizons)
    return average(parts, torch.ones(patients, len(parts), dtype=torch.bool))


def side_by_side(parts: Sequence[Representation]) -> Representation:
    """R of all members of an ensemble, of the same patients, on the CPU: (B, P, D) each -> (B, P, sum of D)."""
    values = torch.cat([part.values.cpu() for part in parts], dim=2)
    return Representation(values, torch.stack([part.mask.cpu() for part in parts]).all(0))


def _endpoint(parts: Sequence[EndpointPrognosis], mask: Tensor) -> EndpointPrognosis:
    first = parts[0]
    return dataclasses.replace(
        first,
        at_horizons=_mean([part.at_horizons for part in parts], mask, first.personal),
        free=None if first.free is None else _mean([_known(part.free) for part in parts], mask, first.personal),
        competing=None
        if first.competing is None
        else _mean([_known(part.competing) for part in parts], mask, first.personal),
    )


def _mean(values: Sequence[Tensor], mask: Tensor, personal: Tensor) -> Tensor:
    """(B, A, T) of each path -> (B, A, T)."""
    if len(values) == 1:
        mean = torch.where(mask[:, 0, None, None], values[0], torch.nan)
    else:
        weight = mask.to(values[0].dtype)[:, :, None, None]
        total = torch.where(weight > 0, torch.stack(list(values), 1), 0).sum(1)
        mean = total / weight.sum(1)  # 0 / 0 is NaN: nobody knows
    return torch.where(personal[None, :, None], mean, values[0])


def _known(values: Tensor | None) -> Tensor:
    assert values is not None, "all paths have heads of one config"
    return values
