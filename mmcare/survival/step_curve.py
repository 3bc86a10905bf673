"""A step function of time that knows where it ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Floats", "StepCurve"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StepCurve:
    """A right-continuous step function: `start` before the first time, `values[k]` from `times[k]` on.

    Attributes:
        times: (n,) years, strictly rising.
        values: (n,).
        start: Value before `times[0]`.
        support: Last time of follow-up; beyond it nothing is known.
    """

    times: Floats
    values: Floats
    start: float
    support: float

    def at(self, time: npt.ArrayLike, *, left: bool = False) -> Floats:
        """The value at each time; with `left`, just before it. NaN beyond `support`.

        Args:
            time: Years, any shape.
            left: Take the limit from the left, `f(t-)`.
        """
        asked = np.asarray(time, dtype=np.float64)
        place = np.searchsorted(self.times, asked, side="left" if left else "right")
        found = np.concatenate([[self.start], self.values])[place]
        return np.where(asked > self.support, np.nan, found)
