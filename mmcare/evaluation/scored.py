"""What is scored: predicted risks beside what happened, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mmcare.survival import IntervalGrid, discrete_expected_events, discrete_hazards

__all__ = ["Bools", "Floats", "Ints", "Scored", "expected_events"]

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
        expected: (n, H) events that the model expects of each patient up to the horizon or the end of the patient's
            follow-up, whichever is first (`expected_events`); None for a model without a curve.
    """

    risk: Floats
    time: Floats
    event: Ints
    arm: Ints
    horizons: tuple[float, ...]
    competing: bool
    expected: Floats | None = None

    def take(self, index: Ints | Bools) -> Scored:
        """The patients `index`."""
        return replace(
            self,
            risk=self.risk[index],
            time=self.time[index],
            event=self.event[index],
            arm=self.arm[index],
            expected=None if self.expected is None else self.expected[index],
        )


def expected_events(
    free: npt.ArrayLike,
    competing: npt.ArrayLike | None,
    edges: npt.ArrayLike,
    time: npt.ArrayLike,
    horizons: tuple[float, ...],
) -> Floats:
    """(n, H) events that predicted curves expect by each horizon: the cumulative hazard up to min(T, horizon).

    Args:
        free: (n, K+1) probability of no event so far at the edges, under the arm received.
        competing: (n, K+1) probability that a competing event came first; None without one.
        edges: (K+1,) years, the first 0.
        time: (n,) years of follow-up.
        horizons: (H,) years.
    """
    hazards = np.clip(discrete_hazards(free, competing), 0.0, 1.0)  # rounding may let a flat curve rise by 1e-8
    grid = IntervalGrid(np.asarray(edges, dtype=np.float64))
    ends = np.minimum(np.asarray(time, dtype=np.float64)[:, None], horizons)
    columns = [discrete_expected_events(hazards, grid, ends[:, h])[:, 0] for h in range(len(horizons))]
    return np.stack(columns, axis=1)
