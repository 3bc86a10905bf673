"""The Cox baseline against R, lifelines and matrix exponentials; what is stored; what is said."""

from __future__ import annotations

import json
import logging

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import torch
from lifelines import CoxPHFitter
from scipy.linalg import expm

from mmcare.components import Outcomes, State
from mmcare.errors import MMCareError
from mmcare.survival import aalen_johansen
from mmcare.testing import assert_prognosis
from mmcare_baselines.cox_ph import CoxPH
from mmcare_baselines.plugin import CoxPHConfig

COVARIATES = ("age10", "size", "ecog", "copd")
ALL_TRAINING = ("training",) * 400
SPLIT = ("training",) * 200 + ("validation",) * 100 + ("training",) * 100
HELD_OUT = np.array([label == "validation" for label in SPLIT])


def fitted(cohort, split=ALL_TRAINING, batch=None, **config) -> CoxPH:
    baseline = CoxPH(CoxPHConfig(**config), cohort.layouts, cohort.layout)
    baseline.fit(batch or cohort.batch, split)
    return baseline


def frame(cohort, endpoint: str, cause: int, rows: slice | np.ndarray = slice(None)) -> pd.DataFrame:
    columns = {name: cohort.columns[name].astype(np.float32).astype(float) for name in COVARIATES}
    event = cohort.columns[f"{endpoint}_event"] == cause
    return pd.DataFrame({**columns, "arm": cohort.columns["arm"], "t": cohort.columns[f"{endpoint}_time"], "e": event})[
        rows
    ]


@pytest.mark.parametrize(
    ("endpoint", "cause", "key"),
    [("os", 0, "cox_efron"), ("lc", 0, "cox_cause1_efron"), ("lc", 1, "cox_cause2_efron")],
)
def test_coefficients_are_those_of_r(cohort, endpoint: str, cause: int, key: str) -> None:
    baseline = fitted(cohort, penalizer=0, interactions=False, recalibrate="none")
    assert baseline.columns == tuple(f"clinical.{name}" for name in COVARIATES)
    expected = cohort.value(f"{endpoint}.{key}_stratified")["coef"]
    for arm in (0, 1):
        found = baseline.endpoints[endpoint].causes[cause].coefficients[arm]
        np.testing.assert_allclose(found, [expected[name] for name in COVARIATES], rtol=0, atol=1e-5)


def test_with_interactions_each_arm_has_the_model_of_its_own_patients(cohort) -> None:
    baseline = fitted(cohort, penalizer=0, recalibrate="none")
    data = frame(cohort, "os", 1)
    for arm in (0, 1):
        fitter = CoxPHFitter().fit(data[data["arm"] == arm].drop(columns="arm"), "t", "e")
        found = baseline.endpoints["os"].causes[0].coefficients[arm]
        np.testing.assert_allclose(found, fitter.params_[list(COVARIATES)], rtol=0, atol=1e-5)


def test_survival_is_lifelines_where_nothing_is_recalibrated(cohort) -> None:
    baseline = fitted(cohort, penalizer=0.1, interactions=False, recalibrate="none")
    data = frame(cohort, "os", 1)
    fitter = CoxPHFitter(penalizer=0.1).fit(data, "t", "e", strata=["arm"])
    found = baseline.predict(cohort.batch).endpoints["os"].at_horizons
    for arm in (0, 1):
        survival = fitter.predict_survival_function(data.assign(arm=float(arm)), times=[1.0, 3.0, 5.0])
        np.testing.assert_allclose(found[:, arm], survival[list(range(400))].to_numpy().T, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("endpoint", "cause"), [("os", 1), ("lc", 1), ("lc", 2)])
def test_coefficients_are_the_training_patients_and_the_slope_the_validation_patients(
    cohort, endpoint: str, cause: int
) -> None:
    found = fitted(cohort, SPLIT, penalizer=0, interactions=False).endpoints[endpoint].causes[cause - 1]
    fitter = CoxPHFitter().fit(frame(cohort, endpoint, cause, ~HELD_OUT), "t", "e", strata=["arm"])
    expected = fitter.params_[list(COVARIATES)].to_numpy()
    np.testing.assert_allclose(found.coefficients, [expected, expected], rtol=0, atol=1e-5)
    held_out = frame(cohort, endpoint, cause, HELD_OUT)
    held_out["eta"] = held_out[list(COVARIATES)] @ expected
    exactly = {"precision": 1e-12, "r_precision": 1e-14}
    table = held_out[["eta", "arm", "t", "e"]]
    slope = CoxPHFitter().fit(table, "t", "e", strata=["arm"], fit_options=exactly).params_["eta"]
    assert 0.1 < slope < 0.9  # not clipped
    assert found.slope == pytest.approx(slope, abs=1e-5)


def test_survival_takes_slope_and_a_baseline_of_training_and_validation_patients(cohort) -> None:
    baseline = fitted(cohort, SPLIT, penalizer=0, interactions=False)
    cause, data = baseline.endpoints["os"].causes[0], frame(cohort, "os", 1)
    relative = np.exp(cause.slope * data[list(COVARIATES)].to_numpy() @ cause.coefficients[0])
    found = baseline.predict(cohort.batch).endpoints["os"].at_horizons
    for arm in (0, 1):
        of = (data["arm"] == arm).to_numpy()
        time, event = data["t"].to_numpy()[of], data["e"].to_numpy()[of]
        for place, horizon in enumerate((1.0, 3.0, 5.0)):
            hazard = sum(1 / relative[of][time >= u].sum() for u in time[event] if u <= horizon)
            np.testing.assert_allclose(found[:, arm, place], np.exp(-hazard * relative), rtol=0, atol=1e-12)


def test_competing_causes_make_the_product_of_matrix_exponentials(cohort) -> None:
    baseline = fitted(cohort, SPLIT)
    found = baseline.predict(cohort.batch).endpoints["lc"]
    model, x = baseline.endpoints["lc"], cohort.tensor(*COVARIATES).float().double().numpy()
    for patient, arm in ((0, 0), (7, 1), (123, 1)):
        state, steps = np.array([1.0, 0.0, 0.0]), []
        for number, cause in enumerate(model.causes, start=1):
            relative = np.exp(cause.slope * x[patient] @ cause.coefficients[arm])
            curve = cause.baselines[arm]
            growth = np.diff(curve.values, prepend=0.0) * relative
            steps += [(t, number, g) for t, g in zip(curve.times, growth, strict=True) if g > 0]
        at = dict.fromkeys((1.0, 3.0, 5.0))
        for time in sorted({t for t, _, _ in steps}):
            for horizon in at:
                if time > horizon and at[horizon] is None:
                    at[horizon] = state
            generator = np.zeros((3, 3))
            for t, number, growth in steps:
                if t == time:
                    generator[0, number] += growth
                    generator[0, 0] -= growth
            state = state @ expm(generator)
        for place, (horizon, expected) in enumerate(at.items()):
            expected = state if expected is None else expected
            edge = int(np.searchsorted(baseline.grid.edges, horizon))
            assert float(found.at_horizons[patient, arm, place]) == pytest.approx(1 - expected[1], abs=1e-12)
            assert float(found.competing[patient, arm, edge]) == pytest.approx(expected[2], abs=1e-12)


def test_without_an_informative_column_everyone_is_near_the_arms_curve(cohort, caplog) -> None:
    constant = cohort.of(torch.zeros(400, 4), cohort.outcomes)
    with caplog.at_level(logging.WARNING):
        baseline = fitted(cohort, batch=constant, recalibrate="none")
    assert caplog.messages == [
        "Left out, one value for all patients of the fit: clinical.age10, clinical.size, clinical.ecog, clinical.copd."
    ]
    found = baseline.predict(constant)
    for column, endpoint in enumerate(cohort.layout.endpoints):
        for arm in (0, 1):
            of = cohort.outcomes.arm == arm
            time, event = (x[of, column].numpy() for x in (cohort.outcomes.time, cohort.outcomes.event))
            expected = 1 - aalen_johansen(time, event, 1).at(endpoint.horizons)
            at = found.endpoints[endpoint.name].at_horizons
            np.testing.assert_allclose(at[0, arm], expected, rtol=0, atol=0.01)  # exp(-Nelson-Aalen)
            assert float(at[:, arm].std(0).max()) == 0


def test_a_prognosis_is_one_and_its_causes_leave_room_for_survival(cohort) -> None:
    found = fitted(cohort, SPLIT).predict(cohort.batch)
    assert_prognosis(found, arms=2)
    local = found.endpoints["lc"]
    assert float((local.free - local.competing)[~local.free.isnan()].min()) > 0
    assert found.grid.tolist() == [0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 5]


def test_a_restored_baseline_predicts_the_same_numbers(cohort) -> None:
    first = fitted(cohort, SPLIT)
    state = first.state()
    values = json.loads(json.dumps(dict(state.values), allow_nan=False))
    arrays = safetensors.numpy.load(
        safetensors.numpy.save({k: np.ascontiguousarray(v) for k, v in state.arrays.items()})
    )
    second = CoxPH(CoxPHConfig(), cohort.layouts, cohort.layout)
    second.restore(State(values, arrays))
    one, two = first.predict(cohort.batch), second.predict(cohort.batch)
    for name in ("os", "lc"):
        torch.testing.assert_close(
            two.endpoints[name].free, one.endpoints[name].free, rtol=0, atol=1e-12, equal_nan=True
        )
        assert torch.equal(two.endpoints[name].personal, one.endpoints[name].personal)
    torch.testing.assert_close(
        two.endpoints["lc"].competing, one.endpoints["lc"].competing, rtol=0, atol=1e-12, equal_nan=True
    )


def test_an_arm_with_few_events_gets_its_curve(cohort) -> None:
    outcomes = cohort.outcomes
    many = (outcomes.event[:, 0] == 1) & (outcomes.arm == 1) & ((outcomes.event[:, 0] * outcomes.arm).cumsum(0) > 19)
    event = torch.where(many[:, None], 0, outcomes.event)
    changed = Outcomes(arm=outcomes.arm, time=outcomes.time, event=event)
    baseline = fitted(cohort, batch=cohort.of(cohort.tensor(*COVARIATES), changed))
    found = baseline.predict(cohort.batch).endpoints["os"]
    assert found.personal.tolist() == [True, False]
    of = outcomes.arm == 1
    expected = 1 - aalen_johansen(outcomes.time[of, 0].numpy(), event[of, 0].numpy(), 1).at([1.0, 3.0, 5.0])
    np.testing.assert_allclose(found.at_horizons[:, 1], np.tile(expected, (400, 1)), rtol=0, atol=1e-12)


def test_patients_of_unknown_time_or_arm_change_nothing(cohort) -> None:
    outcomes = cohort.outcomes
    arm, time = outcomes.arm.clone(), outcomes.time.clone()
    arm[:50], time[50:100] = -1, torch.nan
    values = cohort.tensor(*COVARIATES)
    spoilt = values.clone()
    spoilt[:100] += 3 * torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    models = []
    for x in (values, spoilt):
        unknown = Outcomes(arm=arm, time=time, event=outcomes.event)
        models.append(fitted(cohort, SPLIT, cohort.of(x, unknown), penalizer=0))
    for name in ("os", "lc"):
        for one, two in zip(models[0].endpoints[name].causes, models[1].endpoints[name].causes, strict=True):
            np.testing.assert_allclose(two.coefficients, one.coefficients, rtol=0, atol=1e-6)


def test_the_order_of_arms_never_matters(cohort) -> None:
    outcomes = cohort.outcomes
    turned = Outcomes(arm=1 - outcomes.arm, time=outcomes.time, event=outcomes.event)
    one = fitted(cohort, SPLIT, penalizer=0).predict(cohort.batch)
    other = cohort.of(cohort.tensor(*COVARIATES), turned)
    two = fitted(cohort, SPLIT, other, penalizer=0).predict(other)
    for name in ("os", "lc"):
        torch.testing.assert_close(
            two.endpoints[name].at_horizons, one.endpoints[name].at_horizons.flip(1), rtol=0, atol=1e-5, equal_nan=True
        )


def test_a_model_that_does_not_converge_names_the_columns_and_the_cure(cohort) -> None:
    values = cohort.tensor(*COVARIATES)
    values[:, 3] = values[:, 1] - 2 * values[:, 2]
    batch = cohort.of(values, cohort.outcomes)
    with pytest.raises(MMCareError) as caught:
        fitted(cohort, batch=batch, penalizer=0, interactions=False, recalibrate="none")
    (finding,) = caught.value.findings
    assert str(finding) == (
        "baseline: the Cox model of `os` does not converge with a ridge penalty of 0; suspicious are clinical.copd: "
        "the same for all who have the event, or a combination of other columns. "
        "Raise `baseline.penalizer` (0.1 is the default), leave columns out, or write `interactions: false`."
    )
    fitted(cohort, batch=batch, interactions=False, recalibrate="none")  # the default penalty is enough


def test_inputs_far_from_the_training_data_stay_probabilities(cohort) -> None:
    far = cohort.of(cohort.tensor(*COVARIATES) * 1e6, cohort.outcomes)
    found = fitted(cohort, SPLIT).predict(far)
    assert_prognosis(found, arms=2)
    assert bool(found.endpoints["os"].at_horizons.isfinite().all())
