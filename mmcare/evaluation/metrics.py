"""All figures of one run on one set of patients, typed, as they stand in `metrics.json`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ALL_ARMS", "AND", "Figure", "Metrics", "Point"]

ALL_ARMS = "all arms"
AND = "; "
"""Between several reasons of one figure."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Point(_Model):
    """One point of a calibration plot; nothing observed where the group's follow-up ends before the horizon."""

    predicted: float
    observed: float | None
    patients: int


class Figure(_Model):
    """One figure, or why there is none.

    Attributes:
        endpoint: Key. arm: Key, or `all arms`. horizon: Years.
        metric: Its name. definition: What exactly it is.
        value: None where there is none; `reason` says why.
        lower: Of the 95 % interval over patients. upper: Likewise. None for a test statistic.
        degrees: Of freedom, of `chi2`. p: Of `z` and `chi2`.
        patients: Scored. events: Of the endpoint by the horizon. at_risk: At the horizon.
        effective_patients: (sum w)^2 / sum w^2 of the censoring weights; None where nothing could be weighted.
        share_clipped: Share of those patients whose chance to be followed so long was raised to 0.05.
        reason: Why there is no value or no interval, or what else is to be known of it; several with `; ` between.
        points: Of a calibration plot; only of `O/E`.
    """

    endpoint: str
    arm: str
    horizon: float
    metric: str
    definition: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    degrees: int | None = None
    p: float | None = None
    patients: int
    events: int
    at_risk: int
    effective_patients: float | None = None
    share_clipped: float | None = None
    reason: str = ""
    points: tuple[Point, ...] = ()


class Metrics(_Model):
    """All figures of a run on one set of patients.

    Attributes:
        run: Name of the run.
        patients: Which they were: `the test patients of the run's own cohort`, or `all patients of` another's folder.
        bootstrap: Number of resamples of the intervals: these trained models, other patients.
        notes: What a reader must know.
        figures: All of them.
    """

    run: str
    patients: str
    bootstrap: int
    notes: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = Field(default=())

    def figure(self, endpoint: str, arm: str, horizon: float, metric: str) -> Figure:
        """One figure. Raises KeyError where it was not computed."""
        for found in self.figures:
            if (found.endpoint, found.arm, found.horizon, found.metric) == (endpoint, arm, horizon, metric):
                return found
        raise KeyError((endpoint, arm, horizon, metric))
