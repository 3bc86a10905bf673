"""What became of the training patients whom the model takes for most alike; without identifiers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from mmcare.components import COMPETING, Batch, GraphBatch, GraphLayout
from mmcare.decision.covariates import covariates
from mmcare.decision.networks import networks_of
from mmcare.report.case import Case
from mmcare.report.part import Missing, Part
from mmcare.report.training import kept_patients
from mmcare.run import BaselinePredictor, EnsemblePredictor, NetworkPredictor
from mmcare.run.store import read_arrays, read_splits
from mmcare.survival import aalen_johansen, kaplan_meier

__all__ = ["ObservedCurve", "Similar", "similar"]

NEAREST, FEWEST = 40, 10
"""Patients an arm whose outcomes are drawn, and the least number that is drawn at all."""
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Arrays = Mapping[str, npt.NDArray[np.generic]]


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
        by: What was compared: `representation`, what the network makes of the inputs; `inputs`, these themselves.
    """

    asked: int
    of: int
    by: Literal["representation", "inputs"] = "representation"
    curves: tuple[ObservedCurve, ...]


@dataclass(frozen=True)
class _Places:
    """Where patients lie.

    Attributes:
        training: (n, P, D). has: (n, P) bool. own: (P, D), of the patient. own_has: (P,) bool.
        scale: (P, D), by which differences are divided.
    """

    training: Floats
    has: Bools
    own: Floats
    own_has: Bools
    scale: Floats


def similar(case: Case) -> Similar | Missing:
    """Outcomes of the training patients who lie nearest, in each arm: by R, or by the inputs of a baseline."""
    file = case.run.path / "reference" / "training.safetensors"
    train = f"mmcare train {case.run.spec.name}.yaml --cohort DIR"
    if not file.exists():
        return Missing(what="The run keeps no training patients (it was made with `--no-reference`).", command=train)
    arrays = read_arrays(file)
    is_baseline = isinstance(case.run.predictor, BaselinePredictor)
    if not is_baseline and "R.values" not in arrays:
        what = "The run was made before ensembles kept a representation of their training patients to compare with."
        return Missing(what=what, command=f"{train} --ensemble {len(networks_of(case.run.predictor))}")
    if case.is_empty:
        return Missing(what="The patient has none of the inputs by which patients are compared.")
    apart = _distances(_by_inputs(case, arrays) if is_baseline else _by_representation(case, arrays))
    apart = _without_himself(apart, case)
    nearest = _nearest(apart, np.asarray(arrays["arm"]), len(case.run.outcomes.arms))
    time, event = np.asarray(arrays["time"], np.float64), np.asarray(arrays["event"], np.int64)
    by: Literal["representation", "inputs"] = "inputs" if is_baseline else "representation"
    return Similar(asked=NEAREST, of=len(apart), by=by, curves=tuple(_curves(case, nearest, time, event)))


def _by_representation(case: Case, arrays: Arrays) -> _Places:
    """R, of an ensemble that of its members side by side, in SD of the training patients."""
    predictor = case.run.predictor
    assert isinstance(predictor, NetworkPredictor | EnsemblePredictor), "the run keeps R"
    own = predictor.representation(case.batch)
    values, mask = np.asarray(arrays["R.values"], np.float64), np.asarray(arrays["R.mask"], np.bool_)
    count = np.maximum(mask.sum(0), 1)[:, None]
    mean = np.where(mask[..., None], values, 0.0).sum(0) / count
    spread = np.sqrt(np.where(mask[..., None], (values - mean) ** 2, 0.0).sum(0) / count)
    scale = np.where(spread > 0, spread, 1.0)
    return _Places(values, mask, own.values[0].double().cpu().numpy(), own.mask[0].cpu().numpy(), scale)


def _by_inputs(case: Case, arrays: Arrays) -> _Places:
    """The inputs as the model reads them: numbers in SD of the training patients, categories by level."""
    kept = kept_patients(case)
    present = torch.from_numpy(np.array(arrays["present"]))
    everyone = Batch(modalities=kept.inputs, present=present, names=case.batch.names, ids=("",) * len(present))
    training, own = _numbers(everyone, case), _numbers(case.batch, case)
    there = np.ones((len(training), 1), dtype=np.bool_)
    return _Places(training[:, None], there, own, there[0], np.ones_like(own))


def _numbers(batch: Batch, case: Case) -> Floats:
    """(b, F) table inputs, and values of genes."""
    parts = [covariates(batch, case.inputs.layouts)]
    for name, layout in case.inputs.layouts.items():
        if isinstance(layout, GraphLayout):
            genes = np.zeros((len(batch), len(layout.nodes) * len(layout.channels)))
            rows = batch.modalities.get(name)
            if isinstance(rows, GraphBatch):
                genes[rows.rows.numpy()] = rows.values.flatten(1).numpy()
            parts.append(genes)
    return np.concatenate(parts, axis=1)


def _distances(places: _Places) -> Floats:
    """(n,) root mean square difference over the paths that both have; infinite where they have none in common."""
    both = places.has & places.own_has
    squares = np.where(both[..., None], ((places.training - places.own) / places.scale) ** 2, 0.0)
    mean = squares.sum((1, 2)) / np.maximum(both.sum(1), 1)
    return np.asarray(np.where(both.any(1), np.sqrt(mean), np.inf), dtype=np.float64)


def _without_himself(apart: Floats, case: Case) -> Floats:
    training = [p for p, split in read_splits(case.run.folder.splits).items() if split == "training"]
    if case.patient in training and len(training) == len(apart):
        apart[training.index(case.patient)] = np.inf
    return apart


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
