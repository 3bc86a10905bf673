"""What a model says of a patient: the course under every arm, treated or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

__all__ = ["EndpointPrognosis", "Losses", "Prognosis", "Scores"]


@dataclass(frozen=True, slots=True)
class Scores:
    """What a head hands to its own loss and prediction: per endpoint (B, A, S), S the head's own affair."""

    by_endpoint: Mapping[str, Tensor]

    def take(self, index: Tensor) -> Scores:
        """The rows `index` (positions or a bool mask)."""
        return Scores({name: values[index] for name, values in self.by_endpoint.items()})


@dataclass(frozen=True, slots=True)
class Losses:
    """The loss of a batch: `total`, a scalar, and its unweighted parts by name for the log."""

    total: Tensor
    parts: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPrognosis:
    """One endpoint for B patients under each of A arms.

    Attributes:
        horizons: The endpoint's H horizons in years.
        at_horizons: (B, A, H), probability of no event by the horizon (for `lc`: no local failure, death
            possible); NaN beyond the arm's support.
        free: (B, A, K+1), the same at the grid's edges: 1 at time 0; None for a model without a curve.
        competing: (B, A, K+1), probability that a competing event came first; None without one.
        support_years: (A,), the last time at which the arm's follow-up supports a figure.
        monotone: Whether the model guarantees that `free` never rises.
        personal: (A,) bool, False where an arm had too few training events and everyone gets the arm's curve.
    """

    horizons: tuple[float, ...]
    at_horizons: Tensor
    free: Tensor | None
    competing: Tensor | None
    support_years: Tensor
    monotone: bool
    personal: Tensor


@dataclass(frozen=True, slots=True)
class Prognosis:
    """All endpoints for B patients under all arms.

    Attributes:
        grid: (K+1,) edges in years, the first 0. Between edges the chance to stay free is a power:
            `free(t) = free(t_k-1) * (1 - h_k) ** r`, r the elapsed share of the interval.
        endpoints: By name.
    """

    grid: Tensor
    endpoints: Mapping[str, EndpointPrognosis]
