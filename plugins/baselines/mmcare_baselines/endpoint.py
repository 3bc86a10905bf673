"""One endpoint: a Cox model of each of its causes, and how it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from mmcare.components import ArmCurves, Endpoint, EndpointPrognosis
from mmcare.survival import StepCurve
from mmcare_baselines.columns import Floats
from mmcare_baselines.incidence import cumulative_incidence

__all__ = ["FittedCause", "FittedEndpoint", "under"]

Arrays = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class FittedCause:
    """The Cox model of one cause.

    Attributes:
        coefficients: (A, P) log hazard ratios by arm.
        slope: Recalibration of eta.
        baselines: Breslow's cumulative hazard of each arm; None for an arm without patients.
    """

    coefficients: Floats
    slope: float
    baselines: tuple[StepCurve | None, ...]

    def eta(self, columns: Floats, arm: int) -> Floats:
        """(B,) recalibrated log hazard ratios under an arm."""
        return np.asarray(self.slope * (columns @ self.coefficients[arm]))


@dataclass(frozen=True, slots=True)
class FittedEndpoint:
    """The models of the C causes of an endpoint, and its arms' curves."""

    causes: tuple[FittedCause, ...]
    curves: ArmCurves

    def prognosis(self, columns: Floats, endpoint: Endpoint, edges: Floats) -> EndpointPrognosis:
        """Every patient's own figures under all arms, before `with_arm_curves`; float64."""
        arms = range(len(self.curves.events))
        incidence = torch.from_numpy(np.stack([self._incidence(columns, arm, edges) for arm in arms], axis=1))
        free = 1 - incidence[:, :, 0]
        return EndpointPrognosis(
            horizons=endpoint.horizons,
            at_horizons=free[..., np.searchsorted(edges, endpoint.horizons)],
            free=free,
            competing=incidence[:, :, 1] if len(self.causes) > 1 else None,
            support_years=self.curves.support_years,
            monotone=True,
            personal=self.curves.personal,
        )

    def _incidence(self, columns: Floats, arm: int, edges: Floats) -> Floats:
        """(B, C, K+1)."""
        eta = np.stack([cause.eta(columns, arm) for cause in self.causes], axis=1)
        return cumulative_incidence([cause.baselines[arm] for cause in self.causes], eta, edges)

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """All of it by name."""
        found: dict[str, npt.NDArray[np.generic]] = {
            "free": self.curves.free.numpy(),
            "competing": self.curves.competing.numpy(),
            "support-years": self.curves.support_years.numpy(),
            "events": self.curves.events.numpy(),
        }
        for number, cause in enumerate(self.causes, start=1):
            found |= {f"cause-{number}.{name}": array for name, array in _cause_arrays(cause).items()}
        return found

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> FittedEndpoint:
        """What `arrays` gave."""
        free, competing, support, events = (
            torch.from_numpy(np.array(arrays[name])) for name in ("free", "competing", "support-years", "events")
        )
        numbers = sorted({name.split(".")[0] for name in arrays if name.startswith("cause-")})
        return cls(
            tuple(_cause_from(under(arrays, number)) for number in numbers),
            ArmCurves(free=free, competing=competing, support_years=support, events=events),
        )


def _cause_arrays(cause: FittedCause) -> dict[str, npt.NDArray[np.generic]]:
    found: dict[str, npt.NDArray[np.generic]] = {
        "coefficients": cause.coefficients,
        "slope": np.array([cause.slope]),
    }
    for arm, curve in enumerate(cause.baselines):
        if curve is not None:
            found |= {f"arm-{arm}.times": curve.times, f"arm-{arm}.hazards": curve.values}
    return found


def _cause_from(arrays: Arrays) -> FittedCause:
    coefficients = np.asarray(arrays["coefficients"], dtype=np.float64)
    baselines = [_baseline(under(arrays, f"arm-{arm}")) for arm in range(len(coefficients))]
    return FittedCause(coefficients, float(arrays["slope"][0]), tuple(baselines))


def _baseline(arrays: Arrays) -> StepCurve | None:
    if not arrays:
        return None
    times, hazards = (np.asarray(arrays[name], dtype=np.float64) for name in ("times", "hazards"))
    return StepCurve(times, hazards, 0.0, float(times[-1]))


def under(arrays: Arrays, prefix: str) -> Arrays:
    """Those whose name begins with the prefix, without it."""
    return {name.removeprefix(f"{prefix}."): array for name, array in arrays.items() if name.startswith(f"{prefix}.")}
