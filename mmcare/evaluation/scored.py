"""What is scored: predicted risks beside what happened, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Bools", "Floats", "Ints", "Scored"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scored:
    """One endpoint of n patients, each under the arm received.

    Attributes:
        risk: (n, H) predicted probability of the event by each horizon; NaN where it is not known.
        time: (n,) years.
        event: (n,) 0 censored, 1 the event, 2 competing.
        arm: (n,) codes.
        horizons: (H,) years.
        competing: Whether a competing event can come first.
    """

    risk: Floats
    time: Floats
    event: Ints
    arm: Ints
    horizons: tuple[float, ...]
    competing: bool

    def take(self, index: Ints | Bools) -> Scored:
        """The patients `index`."""
        return Scored(
            self.risk[index], self.time[index], self.event[index], self.arm[index], self.horizons, self.competing
        )
