"""What became of the training patients whom the model takes for most alike; without identifiers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from mmcare.components import COMPETING
from mmcare.report.case import Case
from mmcare.report.part import Missing, Part
from mmcare.run import NetworkPredictor
from mmcare.run.store import read_arrays, read_splits
from mmcare.survival import aalen_johansen, kaplan_meier

__all__ = ["ObservedCurve", "Similar", "similar"]

NEAREST, FEWEST = 40, 10
"""Patients an arm whose outcomes are drawn, and the least number that is drawn at all."""
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class ObservedCurve(Part):
    """What was observed of one endpoint under one arm: a step curve of the share without the event.

    Attributes:
        years: Of the steps, 0 first. free: From each on. lower: Of the 95 % band. upper: Likewise; empty where death
            competes.
        patients: How many. events: Of the endpoint. at_risk: At each whole year.
    """

    endpoint: str
    arm: str
    years: tuple[float, ...]
    free: tuple[float, ...]
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()
    patients: int
    events: int
    at_risk: tuple[int, ...]


class Similar(Part):
    """The nearest training patients of each arm.

    Attributes:
        asked: How many an arm. of: Training patients in all. curves: By endpoint and arm.
    """

    asked: int
    of: int
    curves: tuple[ObservedCurve, ...]


def similar(case: Case) -> Similar | Missing:
    """Outcomes of the training patients whose representation lies nearest, in each arm."""
    file = case.run.path / "reference" / "training.safetensors"
    train = f"mmcare train {case.run.spec.name}.yaml --cohort DIR"
    if not file.exists():
        return Missing(what="The run keeps no training patients (it was made with `--no-reference`).", command=train)
    arrays = read_arrays(file)
    if "R.values" not in arrays or not isinstance(case.run.predictor, NetworkPredictor):
        return Missing(what="The run keeps no representation of its training patients to compare with.")
    apart = _distances(case, np.asarray(arrays["R.values"]), np.asarray(arrays["R.mask"]))
    if apart is None:
        return Missing(what="The patient has none of the inputs by which patients are compared.")
    nearest = _nearest(apart, np.asarray(arrays["arm"]), len(case.run.outcomes.arms))
    time, event = np.asarray(arrays["time"], np.float64), np.asarray(arrays["event"], np.int64)
    return Similar(asked=NEAREST, of=len(apart), curves=tuple(_curves(case, nearest, time, event)))


def _distances(case: Case, values: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]) -> Floats | None:
    """Root mean square difference in SD of the training patients, over the paths that both have; not of himself."""
    assert isinstance(case.run.predictor, NetworkPredictor)
    own = case.run.predictor.representation(case.batch)
    mine, has = own.values[0].cpu().numpy(), own.mask[0].cpu().numpy()
    both = mask & has
    if not has.any() or not both.any():
        return None
    known = np.where(mask[..., None], values, np.nan)
    spread = np.nanstd(known, axis=0)
    squares = ((known - mine) / np.where(spread > 0, spread, 1.0)) ** 2
    squares[~both] = np.nan
    apart = np.sqrt(np.where(both.any(1), np.nansum(squares, (1, 2)) / np.maximum(both.sum(1), 1), np.inf))
    training = [p for p, split in read_splits(case.run.folder.splits).items() if split == "training"]
    if case.patient in training and len(training) == len(apart):
        apart[training.index(case.patient)] = np.inf
    return np.asarray(apart, dtype=np.float64)


def _nearest(apart: Floats, arm: Ints, arms: int) -> dict[int, Ints]:
    """Rows of the nearest patients by code of the arm; no arm with too few."""
    found = {}
    for code in range(arms):
        rows = np.flatnonzero((arm == code) & np.isfinite(apart))
        if len(rows) >= FEWEST:
            found[code] = rows[np.argsort(apart[rows], kind="stable")[:NEAREST]]
    return found


def _curves(case: Case, nearest: dict[int, Ints], time: Floats, event: Ints) -> Iterator[ObservedCurve]:
    for name in case.prediction.prognosis.endpoints:
        column = case.run.outcomes.index(name)
        for code, rows in nearest.items():
            known = rows[np.isfinite(time[rows, column])]
            if len(known) >= FEWEST:
                yield _curve(name, case.run.outcomes.arms[code], time[known, column], event[known, column])


def _curve(endpoint: str, arm: str, time: Floats, event: Ints) -> ObservedCurve:
    lower: Floats = np.zeros(0)
    upper: Floats = np.zeros(0)
    if (event == COMPETING).any():
        incidence = aalen_johansen(time, event)
        steps, free = incidence.times, 1 - incidence.values
    else:
        found = kaplan_meier(time, event)
        steps, free = found.curve.times, found.curve.values
        band = found.band(steps)
        lower, upper = np.concatenate([[1.0], band.lower]), np.concatenate([[1.0], band.upper])
    whole = np.arange(0, int(time.max()) + 1)
    return ObservedCurve(
        endpoint=endpoint,
        arm=arm,
        years=(0.0, *steps.tolist()),
        free=(1.0, *free.tolist()),
        lower=tuple(lower.tolist()),
        upper=tuple(upper.tolist()),
        patients=len(time),
        events=int((event == 1).sum()),
        at_risk=tuple(int((time >= year).sum()) for year in whole),
    )
