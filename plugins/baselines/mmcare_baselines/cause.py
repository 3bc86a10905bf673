"""The Cox model of one cause: coefficients by arm, and words where there are none."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.errors import Finding, MMCareError, cut
from mmcare_baselines.columns import Columns, Floats

__all__ = ["Design", "arm_design", "cox_coefficients"]


@dataclass(frozen=True, slots=True)
class Design:
    """Columns with arm interactions, and how their coefficients add up to those of an arm.

    Attributes:
        columns: (n, Q), the P columns and, behind them, products with an arm.
        effects: (A, P, Q), 1 where coefficient q is part of the effect of column p in an arm.
    """

    columns: Columns
    effects: Floats


def arm_design(columns: Columns, arm: npt.NDArray[np.int64], arms: Sequence[str], own: Sequence[int]) -> Design:
    """The columns, and their product with each arm of `own`; a product that is constant within its arm is left out.

    Args:
        columns: (n, P).
        arm: (n,) codes.
        arms: Names of the A arms.
        own: Codes of the arms that have effects of their own, beside those of all arms.
    """
    names, values = list(columns.names), [*columns.values.T]
    effects = [np.eye(len(names))] * len(arms)
    added: list[tuple[int, int]] = []
    for code in own:
        for place, name in enumerate(columns.names):
            if len(np.unique(columns.values[arm == code, place])) > 1:
                names.append(f"{name} x {arms[code]}")
                values.append(np.where(arm == code, columns.values[:, place], 0.0))
                added.append((code, place))
    extra = np.zeros((len(arms), len(columns.names), len(added)))
    for q, (code, place) in enumerate(added):
        extra[code, place, q] = 1.0
    matrix = np.stack(values, axis=1) if values else np.empty((len(arm), 0))
    return Design(Columns(tuple(names), matrix), np.concatenate([np.stack(effects), extra], axis=2))


def cox_coefficients(
    design: Design, time: Floats, event: npt.NDArray[np.bool_], arm: npt.NDArray[np.int64], penalizer: float, said: str
) -> Floats:
    """(A, P) log hazard ratios by arm of a Cox model with arms as strata (Efron ties, ridge); 0 without any event.

    Args:
        design: Of the n patients.
        time: (n,) years.
        event: (n,) whether the cause came.
        arm: (n,) codes.
        penalizer: lifelines' ridge penalty.
        said: What the model is of, for messages.

    Raises:
        MMCareError: The fit does not converge; suspicious columns are named.
    """
    if not event.any() or not design.columns.names:
        return np.zeros(design.effects.shape[:2])
    return np.asarray(design.effects @ _fit(design.columns, time, event, arm, penalizer, said))


def _fit(
    columns: Columns,
    time: Floats,
    event: npt.NDArray[np.bool_],
    arm: npt.NDArray[np.int64],
    penalizer: float,
    said: str,
) -> Floats:
    import pandas as pd
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning

    numbers = [f"x{q}" for q in range(len(columns.names))]  # a column of a cohort may be called `time`
    table = pd.DataFrame(columns.values, columns=numbers).assign(time=time, event=event, arm=arm)
    fitter = CoxPHFitter(penalizer=penalizer)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fitter.fit(table, "time", "event", strata=["arm"])
        except (ConvergenceError, ArithmeticError, np.linalg.LinAlgError) as error:
            raise _not_converged(columns, event, penalizer, said) from error
    if any(issubclass(w.category, ConvergenceWarning) and "Newton-Raphson" in str(w.message) for w in caught):
        raise _not_converged(columns, event, penalizer, said)
    return np.asarray(fitter.params_[numbers], dtype=np.float64)


def _not_converged(columns: Columns, event: npt.NDArray[np.bool_], penalizer: float, said: str) -> MMCareError:
    suspects = _suspects(columns, event) or columns.names
    what = (
        f"the Cox model of {said} does not converge with a ridge penalty of {penalizer:g}; suspicious are "
        f"{cut(', '.join(suspects))}: the same for all who have the event, or a combination of other columns."
    )
    todo = "Raise `baseline.penalizer` (0.1 is the default), leave columns out, or write `interactions: false`."
    return MMCareError(Finding(key="baseline", what=what, todo=todo, code="not-converged"))


def _suspects(columns: Columns, event: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    """Columns that are constant among the patients with the event, or linearly dependent on others."""
    from scipy.linalg import qr

    centred = columns.values - columns.values.mean(0)
    triangle, pivots = qr(centred / np.maximum(centred.std(0), 1e-12), mode="r", pivoting=True)
    size = np.abs(np.diag(triangle))
    rank = int((size > 1e-6 * max(size.max(initial=0.0), 1e-300)).sum())
    found = {int(q) for q in pivots[rank:]} | {
        int(q) for q in np.flatnonzero(np.ptp(columns.values[event], axis=0) == 0)
    }
    return tuple(columns.names[q] for q in sorted(found))
