"""The whole pipeline once for each fold of the patients: what models say of patients whom they never saw.

Preprocessing, networks, recalibration and propensity are fitted without the fold's patients. A finished fold is kept in
the run's `resume/`, so that a stopped training goes on with the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import safetensors.numpy
import torch

from mmcare.components import EndpointPrognosis, Prognosis
from mmcare.decision.covariates import covariates
from mmcare.decision.folds import deal_folds
from mmcare.decision.networks import heads_of, mean_prognosis
from mmcare.decision.out_of_fold import OutOfFold
from mmcare.decision.propensity import fit_propensity
from mmcare.decision.refits import predict_heads
from mmcare.errors import CohortError, Finding
from mmcare.formats.atomic import write_bytes
from mmcare.inputs import Inputs
from mmcare.run.predictor import cat_prognoses
from mmcare.run.store import read_arrays
from mmcare.training import Loop, encode_patients
from mmcare.workflow.finished import Finished
from mmcare.workflow.members import member_spec
from mmcare.workflow.network import Task, finish_network, train_network
from mmcare.workflow.options import Options

__all__ = ["cross_fit"]

_AT_ONCE = 64
Arrays = Mapping[str, npt.NDArray[np.generic]]
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Fold:
    """One fold: its patients, and the others by what they are for."""

    number: int
    held_out: Names
    training: Names
    validation: Names


@dataclass(frozen=True, slots=True)
class _Said:
    """What models of the other folds say of a fold's patients: `propensity (n, A)`."""

    prognosis: Prognosis
    propensity: npt.NDArray[np.float64]


def cross_fit(done: Finished, loop: Loop, options: Options) -> OutOfFold:
    """Train the pipeline `decision.cross_fit` times, each time without one fold of training and validation patients.

    Args:
        done: The run's own training; its split and settings hold for the folds.
        loop: How its networks were trained.
        options: Where progress goes.

    Raises:
        CohortError: There are too few patients.
        RunError: A training failed.
        Interrupted: Ctrl-C; finished folds are kept.
    """
    folds = _folds(done)
    _require_patients(done, folds)
    said = [_said(done, fold, len(folds), loop, options) for fold in folds]
    patients = [patient for fold in folds for patient in fold.held_out]
    return OutOfFold(
        cat_prognoses([part.prognosis for part in said]),
        np.concatenate([part.propensity for part in said]),
        done.inputs.outcomes_of(patients),
    )


def _require_patients(done: Finished, folds: list[_Fold]) -> None:
    """Each fold leaves training patients, and validation patients where there are some.

    Raises:
        CohortError: One does not.
    """
    for fold in folds:
        if not fold.training or not fold.held_out or (done.validation and not fold.validation):
            what = (
                f"{len(done.patients)} patients are too few for {len(folds)} folds, each with its validation patients."
            )
            raise CohortError(Finding(key="decision.cross_fit", what=what, todo="Ask for fewer folds.", code="too-few"))


def _folds(done: Finished) -> list[_Fold]:
    """Folds that spread arm, events and split evenly; a fold's training patients are the others' training patients."""
    patients, number = done.patients, done.spec.decision.cross_fit
    outcomes = done.inputs.outcomes_of(patients)
    is_validation = torch.arange(len(patients)) >= len(done.training)
    described = torch.cat([outcomes.arm[:, None], outcomes.event, is_validation[:, None]], dim=1)
    strata = described.unique(dim=0, return_inverse=True)[1].numpy()
    dealt = deal_folds(strata, number, done.spec.training.seed)
    fold_of = dict(zip(patients, dealt.tolist(), strict=True))
    return [
        _Fold(
            k + 1,
            tuple(patient for patient in patients if fold_of[patient] == k),
            tuple(patient for patient in done.training if fold_of[patient] != k),
            tuple(patient for patient in done.validation if fold_of[patient] != k),
        )
        for k in range(number)
    ]


def _said(done: Finished, fold: _Fold, folds: int, loop: Loop, options: Options) -> _Said:
    folder = done.folder.resume / "cross-fit" / f"fold-{fold.number:02d}"
    kept = folder.with_suffix(".safetensors")
    horizons = {endpoint.name: endpoint.horizons for endpoint in done.layout.endpoints}
    if kept.exists():
        return _restored(read_arrays(kept), horizons)
    options.tell(f"fold {fold.number} of {folds}: training without {len(fold.held_out)} patients, to ask for them")
    said = _trained(done, fold, replace(loop, folder=folder), options)
    write_bytes(kept, safetensors.numpy.save(dict(_arrays(said))))
    return said


def _trained(done: Finished, fold: _Fold, loop: Loop, options: Options) -> _Said:
    inputs = done.inputs.fit(fold.training)
    prognoses = []
    for member in range(len(done.members)):
        spec = member_spec(done.spec, member)
        task = Task(done.folder, spec, done.layout, inputs, fold.training, fold.validation)
        quiet = replace(options, tell_findings=lambda findings: None)  # the run's own training said them
        model, _ = train_network(task, replace(loop, folder=loop.folder / f"member-{member:02d}"), quiet)
        trained = finish_network(task, model, loop.place.device)
        r = encode_patients(trained.model.to(loop.place.device), inputs, fold.held_out).r
        prognoses.append(predict_heads(heads_of(trained.model.cpu()), r))
    return _Said(mean_prognosis(prognoses), _propensity(done, inputs, fold))


def _propensity(done: Finished, inputs: Inputs, fold: _Fold) -> npt.NDArray[np.float64]:
    others = (*fold.training, *fold.validation)
    arm = inputs.outcomes_of(others).arm.numpy()
    found = fit_propensity(_covariates(inputs, others), arm, len(done.layout.arms))
    return found.predict(_covariates(inputs, fold.held_out))


def _covariates(inputs: Inputs, patients: Names) -> npt.NDArray[np.float64]:
    starts = range(0, len(patients), _AT_ONCE)
    batches = (inputs.batch(patients[at : at + _AT_ONCE], with_outcomes=False) for at in starts)
    return np.concatenate([covariates(batch, inputs.layouts) for batch in batches])


_PARTS = ("at_horizons", "free", "competing", "support_years", "personal")


def _arrays(said: _Said) -> Arrays:
    found = {"propensity": said.propensity, "grid": said.prognosis.grid.numpy()}
    for name, endpoint in said.prognosis.endpoints.items():
        for part in _PARTS:
            if (values := getattr(endpoint, part)) is not None:
                found[f"{name}/{part}"] = np.ascontiguousarray(values.numpy())
    return found


def _restored(arrays: Arrays, horizons: Mapping[str, tuple[float, ...]]) -> _Said:
    endpoints = {}
    for name in dict.fromkeys(key.rpartition("/")[0] for key in arrays if "/" in key):
        parts = {
            part: torch.from_numpy(arrays[f"{name}/{part}"]) if f"{name}/{part}" in arrays else None for part in _PARTS
        }
        endpoints[name] = EndpointPrognosis(horizons=horizons[name], monotone=True, **parts)  # type: ignore[arg-type]
    propensity = np.asarray(arrays["propensity"], dtype=np.float64)
    return _Said(Prognosis(torch.from_numpy(arrays["grid"]), endpoints), propensity)
