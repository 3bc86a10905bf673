"""What happened to patients, and the layout that says what the numbers mean."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

__all__ = ["CENSORED", "COMPETING", "EVENT", "UNKNOWN_ARM", "Endpoint", "OutcomeLayout", "Outcomes"]

CENSORED, EVENT, COMPETING = 0, 1, 2
UNKNOWN_ARM = -1


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint.

    Attributes:
        name: Its key (`os`, `lc`).
        horizons: Years at which it is reported, rising.
        competing: Whether another event (code 2) can come first.
    """

    name: str
    horizons: tuple[float, ...]
    competing: bool = False


@dataclass(frozen=True, slots=True)
class OutcomeLayout:
    """Arms, endpoints and horizons in the order of their codes; stored in a run and the only source of codes there.

    Attributes:
        arms: Keys of the A treatment arms; a cohort without arms has one, `all`.
        endpoints: The E endpoints.
    """

    arms: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of that name. Raises KeyError."""
        return self.endpoints[self.index(name)]

    def index(self, name: str) -> int:
        """Column of that endpoint in `Outcomes.time`. Raises KeyError."""
        for column, endpoint in enumerate(self.endpoints):
            if endpoint.name == name:
                return column
        raise KeyError(name)

    @property
    def horizons(self) -> tuple[float, ...]:
        """All horizons of all endpoints in years, rising, each once."""
        return tuple(sorted({horizon for endpoint in self.endpoints for horizon in endpoint.horizons}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What happened to B patients.

    Attributes:
        arm: (B,) int64, code of the arm received; -1 unknown.
        time: (B, E) float64 years from the treatment decision; NaN unknown: that endpoint's loss skips the row.
        event: (B, E) int64: 0 censored, 1 the event, 2 a competing event.
    """

    arm: Tensor
    time: Tensor
    event: Tensor

    def __len__(self) -> int:
        return len(self.arm)

    def known(self, column: int) -> Tensor:
        """(B,) bool, whose arm and time of that endpoint are known: who can be learned from."""
        return (self.arm != UNKNOWN_ARM) & ~self.time[:, column].isnan()

    def to(self, device: torch.device | str) -> Outcomes:
        """The same outcomes on another device."""
        return Outcomes(arm=self.arm.to(device), time=self.time.to(device), event=self.event.to(device))

    def take(self, index: Tensor) -> Outcomes:
        """The rows `index` (positions or a bool mask)."""
        return replace(self, arm=self.arm[index], time=self.time[index], event=self.event[index])
