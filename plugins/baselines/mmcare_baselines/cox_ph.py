"""The Cox baseline: arms as strata with interactions, cause-specific where events compete."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import torch

from mmcare.components import (
    COMPETING,
    EVENT,
    Baseline,
    Batch,
    InputLayout,
    OutcomeLayout,
    Outcomes,
    Prognosis,
    Split,
    State,
    arm_curves,
    with_arm_curves,
)
from mmcare.errors import cut
from mmcare.survival import IntervalGrid, breslow_baseline, calibration_slope
from mmcare_baselines.cause import arm_design, cox_coefficients
from mmcare_baselines.columns import Columns, Floats, check_layouts, columns_of, informative
from mmcare_baselines.endpoint import FittedCause, FittedEndpoint, under
from mmcare_baselines.plugin import CoxPHConfig
from mmcare_baselines.rows import Mask, Rows

__all__ = ["CoxPH"]

log = logging.getLogger(__name__)


class CoxPH(Baseline[CoxPHConfig]):
    """Cox models of tables and gene graphs.

    Each arm has a baseline hazard of its own (stratum) and, with `interactions`, effects of its own. An endpoint with a
    competing event has a Cox model a cause, combined to cumulative incidence. An arm with fewer than 20 training events
    of an endpoint gives everyone its curve.

    Args:
        config: Keys of the spec.
        layouts: Tables and graphs by modality.
        outcomes: Arms and endpoints.

    Raises:
        SpecError: A modality is no table and no graph.

    Source: Cox 1972, JRSS B 34:187; Prentice et al. 1978, doi 10.2307/2530374, for cause-specific hazards.
    """

    def __init__(self, config: CoxPHConfig, layouts: Mapping[str, InputLayout], outcomes: OutcomeLayout) -> None:
        super().__init__(config, layouts, outcomes)
        check_layouts(layouts)
        self.grid = IntervalGrid.of_horizons(outcomes.horizons)
        self.columns: tuple[str, ...] = ()
        self.endpoints: dict[str, FittedEndpoint] = {}

    def fit(self, batch: Batch, split: tuple[Split, ...]) -> None:
        """Fit every endpoint's models.

        Raises:
            MMCareError: A model does not converge.
        """
        assert batch.outcomes is not None, "a baseline is fitted on outcomes"
        training = np.array([label == "training" for label in split], dtype=bool)
        used = training | (np.array(self.config.recalibrate == "none"))
        candidates = columns_of(batch, self.layouts)
        self.columns, constant = informative(Columns(candidates.names, candidates.values[used]))
        if constant:
            log.warning("Left out, one value for all patients of the fit: %s.", cut(", ".join(constant)))
        values = candidates.choose(self.columns).values
        self.endpoints = {
            endpoint.name: self._fit_endpoint(column, values, batch.outcomes, training)
            for column, endpoint in enumerate(self.outcomes.endpoints)
        }

    def _fit_endpoint(self, column: int, values: Floats, outcomes: Outcomes, training: Mask) -> FittedEndpoint:
        endpoint = self.outcomes.endpoints[column]
        curves = arm_curves(outcomes.take(torch.from_numpy(training)), column, len(self.outcomes.arms), self.grid)
        rows = Rows.of(values, outcomes, column, training)
        own = np.flatnonzero(curves.personal.numpy()).tolist()
        causes = (EVENT, COMPETING) if endpoint.competing else (EVENT,)
        return FittedEndpoint(tuple(self._fit_cause(rows, cause, own, endpoint.name) for cause in causes), curves)

    def _fit_cause(self, rows: Rows, cause: int, own: Sequence[int], name: str) -> FittedCause:
        """The Cox model of one cause; `own` are the arms with figures of their own, the first is the reference."""
        said = f"`{name}`" if cause == EVENT else f"the event that competes with `{name}`"
        coefficients = self._coefficients(rows, cause, own, said)
        eta, happened = (rows.values * coefficients[rows.arm]).sum(1), rows.event == cause
        slope = self._slope(eta, happened, rows, said) if own and self.config.recalibrate == "validation" else 1.0
        baselines = breslow_baseline(eta, rows.time, happened, rows.arm, slope, len(self.outcomes.arms))
        return FittedCause(coefficients, slope, baselines)

    def _coefficients(self, rows: Rows, cause: int, own: Sequence[int], said: str) -> Floats:
        """(A, P) log hazard ratios by arm; 0 where no arm has figures of its own: everyone gets the arm's curve."""
        arms = self.outcomes.arms
        if not own:
            return np.zeros((len(arms), len(self.columns)))
        fitted = rows.take(rows.training) if self.config.recalibrate == "validation" else rows
        interacting = own[1:] if self.config.interactions else ()
        design = arm_design(Columns(self.columns, fitted.values), fitted.arm, arms, interacting)
        return cox_coefficients(design, fitted.time, fitted.event == cause, fitted.arm, self.config.penalizer, said)

    def _slope(self, eta: Floats, happened: Mask, rows: Rows, said: str) -> float:
        held_out = ~rows.training
        found = calibration_slope(eta[held_out], rows.time[held_out], happened[held_out], rows.arm[held_out])
        if found.reason:
            log.warning("The Cox model of %s: %s.", said, found.reason)
        return found.gamma

    def predict(self, batch: Batch) -> Prognosis:
        """The prognosis under all arms, in float64."""
        values = columns_of(batch, self.layouts).choose(self.columns).values
        own = {
            endpoint.name: self.endpoints[endpoint.name].prognosis(values, endpoint, self.grid.edges)
            for endpoint in self.outcomes.endpoints
        }
        curves = {name: fitted.curves for name, fitted in self.endpoints.items()}
        return with_arm_curves(Prognosis(torch.from_numpy(self.grid.edges), own), curves)

    def state(self) -> State:
        """Names of the columns; coefficients, slopes, baselines and arm curves by endpoint."""
        arrays = {
            f"{name}.{key}": array for name, fitted in self.endpoints.items() for key, array in fitted.arrays().items()
        }
        return State({"columns": list(self.columns)}, arrays)

    def restore(self, state: State) -> None:
        """Take all of it from a state."""
        self.columns = tuple(cast("list[str]", state.values["columns"]))
        self.endpoints = {
            endpoint.name: FittedEndpoint.from_arrays(under(state.arrays, endpoint.name))
            for endpoint in self.outcomes.endpoints
        }
