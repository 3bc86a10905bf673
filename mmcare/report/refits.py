"""What the run's bootstrap refits say of the patient: how much the figures would move with other training patients."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mmcare.components import Prognosis
from mmcare.decision.networks import networks_of, represent
from mmcare.decision.refits import predict_heads
from mmcare.decision.rule import LEAST_REFITS
from mmcare.decision.state import read_state
from mmcare.decision.stored_heads import read_refits
from mmcare.model.paths import average_members
from mmcare.report.case import Case
from mmcare.report.curves import Curve, free_at
from mmcare.report.part import Part, finite

__all__ = ["RefitFigures", "refit_figures", "refit_prognoses", "with_bands"]

_LOWER, _UPPER = 2.5, 97.5
_MOST = 0.5
"""Share of the refits that must know a time for the band to reach it."""
_DIGITS = 5
Floats = npt.NDArray[np.float64]


class RefitFigures(Part):
    """One endpoint under one arm at the decision's horizon, by each refit."""

    endpoint: str
    arm: str
    probabilities: tuple[float | None, ...]


def refit_prognoses(case: Case) -> tuple[Prognosis, ...]:
    """The patient's prognosis by each refit; none of a run that holds no refits.

    Raises:
        RunError: What is stored for decisions is damaged.
    """
    state = read_state(case.run.folder)
    if state is None or not state.summary.refits:
        return ()
    r = [represent(network, case.batch) for network in networks_of(case.run.predictor)]
    shapes = [(own.values.shape[2], own.values.shape[1]) for own in r]
    file = case.run.folder.decision / "refits.safetensors"
    return tuple(
        average_members([predict_heads(heads, own) for heads, own in zip(refit, r, strict=True)])
        for refit in read_refits(file, state.summary.refits, shapes, case.run.spec, case.run.outcomes)
    )


def with_bands(curves: tuple[Curve, ...], refits: tuple[Prognosis, ...], arms: tuple[str, ...]) -> tuple[Curve, ...]:
    """The curves with the 2.5th and 97.5th percentile of the refits at each time, of those that are patients' own."""
    if len(refits) < LEAST_REFITS:
        return curves
    return tuple(_banded(curve, refits, arms.index(curve.arm)) if curve.connected else curve for curve in curves)


def _banded(curve: Curve, refits: tuple[Prognosis, ...], code: int) -> Curve:
    if not curve.years:
        return curve
    times = np.array(curve.years)
    each = np.stack([_free(prognosis, curve.endpoint, code, times) for prognosis in refits])
    known = np.isfinite(each).mean(0) >= _MOST
    end = len(times) if known.all() else int(known.argmin())  # another draw's follow-up may end earlier
    lower, upper = np.nanpercentile(each[:, :end], (_LOWER, _UPPER), axis=0)
    return curve.model_copy(update={"lower": tuple(lower.tolist()), "upper": tuple(upper.tolist())})


def _free(prognosis: Prognosis, name: str, code: int, times: Floats) -> Floats:
    found, grid = prognosis.endpoints[name], prognosis.grid.double().numpy()
    if found.free is None:
        return np.full(len(times), np.nan)
    competing = None if found.competing is None else found.competing[0, code].double().numpy()
    return free_at(times, grid, found.free[0, code].double().numpy(), competing)


def refit_figures(case: Case, refits: tuple[Prognosis, ...]) -> tuple[RefitFigures, ...]:
    """Of every endpoint that the utility weighs and every arm, at the decision's horizon."""
    config = case.run.spec.decision
    found = []
    for name in config.utility:
        if not refits or name not in refits[0].endpoints or config.horizon not in refits[0].endpoints[name].horizons:
            continue
        place = refits[0].endpoints[name].horizons.index(config.horizon)
        for code, arm in enumerate(case.run.outcomes.arms):
            each = [finite(float(p.endpoints[name].at_horizons[0, code, place])) for p in refits]
            rounded = tuple(None if value is None else round(value, _DIGITS) for value in each)
            found.append(RefitFigures(endpoint=name, arm=arm, probabilities=rounded))
    return tuple(found)
