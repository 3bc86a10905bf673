"""From a ranking score to survival: slope and baseline against R and lifelines, and what must change nothing."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
import torch
from lifelines import CoxPHFitter

from mmcare.components import OutcomeLayout, Outcomes, Scores
from mmcare_prognosis.cox_model import CoxHazard
from mmcare_prognosis.dual_task import DualTask
from mmcare_prognosis.partial_likelihood import efron_log_likelihood
from mmcare_prognosis.plugin import DualTaskConfig

ALL_TRAINING, ALL_VALIDATION = ("training",) * 400, ("validation",) * 400
COVARIATES = ("age10", "size", "ecog", "copd")


def head(layout: OutcomeLayout, dim: int = 4) -> DualTask:
    """A linear Cox head in double precision."""
    torch.manual_seed(0)
    config = DualTaskConfig(endpoints={"os": {"model": "cox"}}, hidden=(), dropout=0.0)
    return DualTask(config, dim, layout).double()


def model(outcomes: Outcomes, layout: OutcomeLayout) -> CoxHazard:
    """The model of the head's endpoint, fitted on the cohort."""
    whole = head(layout)
    whole.fit(outcomes)
    return whole.models["endpoint-os"]


def both_arms(eta: torch.Tensor) -> torch.Tensor:
    """(n,) scores as (n, 2, 1), the same under both arms."""
    return eta[:, None, None].expand(-1, 2, 1)


def test_slope_and_survival_are_those_of_r(cohort) -> None:
    expected = cohort.value("os.eta_to_survival")["efron"]
    eta = cohort.tensor("score_good")[:, 0]
    cox = model(cohort.outcomes, cohort.layout)
    cox.finish(both_arms(eta), cohort.outcomes, ALL_VALIDATION)
    assert float(cox.slope) == pytest.approx(expected["gamma"], abs=1e-6)
    found = cox.predict(both_arms(eta)).at_horizons
    for arm in (0, 1):
        hazard = torch.tensor(expected["H0"][f"arm{arm}"], dtype=torch.float64)
        survival = torch.exp(-hazard * torch.exp(expected["gamma"] * eta)[:, None])
        torch.testing.assert_close(found[:, arm], survival, rtol=0, atol=1e-6)


def test_coefficients_with_ties_are_those_of_r(cohort) -> None:
    x, outcomes = cohort.tensor(*COVARIATES), cohort.outcomes
    beta = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([beta], max_iter=200, tolerance_grad=1e-11, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = -efron_log_likelihood(x @ beta, outcomes.time[:, 0], outcomes.event[:, 0], outcomes.arm)
        loss.backward()
        return loss

    optimizer.step(closure)
    expected = cohort.value("os.cox_efron_stratified")
    np.testing.assert_allclose(beta.detach(), [expected["coef"][name] for name in COVARIATES], rtol=0, atol=1e-6)
    assert -float(closure()) == pytest.approx(expected["loglik"], abs=1e-9)


def test_a_trained_linear_head_is_lifelines_stratified_cox_model_with_interactions(tied, trained) -> None:
    cox, x, outcomes = head(tied.layout), tied.tensor(*COVARIATES), tied.outcomes
    cox.fit(outcomes)
    trained(cox, x, outcomes)
    table = pd.DataFrame({name: tied.columns[name] for name in (*COVARIATES, "arm", "os_time", "os_event")})
    for name in COVARIATES:
        table[f"{name} x arm"] = table[name] * table["arm"]
    fitter = CoxPHFitter().fit(table, "os_time", "os_event", strata=["arm"])
    for arm, mlp in enumerate(cox.mlps["endpoint-os"]):
        expected = [fitter.params_[name] + arm * fitter.params_[f"{name} x arm"] for name in COVARIATES]
        np.testing.assert_allclose(mlp[-1].weight.detach()[0], expected, rtol=0, atol=1e-5)

    cox.finish(cox(x), outcomes, ALL_TRAINING)  # nobody in validation: the slope stays 1
    found = cox.predict(cox(x)).endpoints["os"].at_horizons[torch.arange(400), outcomes.arm].detach()
    survival = fitter.predict_survival_function(table, times=[1.0, 3.0, 5.0])
    survival = survival[list(range(400))]  # its columns come grouped by stratum
    np.testing.assert_allclose(found, survival.to_numpy().T, rtol=0, atol=1e-5)


def test_without_a_validation_event_the_slope_is_one_and_that_is_said(tied, caplog) -> None:
    cox = model(tied.outcomes, tied.layout)
    with caplog.at_level(logging.WARNING):
        cox.finish(both_arms(tied.tensor("score_good")[:, 0]), tied.outcomes, ALL_TRAINING)
    assert float(cox.slope) == 1
    assert caplog.messages == ["os: no event among the validation patients: the slope is left at 1."]


def test_a_score_of_zero_gives_exp_of_minus_nelson_aalen(tied) -> None:
    cox, outcomes = model(tied.outcomes, tied.layout), tied.outcomes
    found = cox.predict(torch.zeros(1, 2, 1, dtype=torch.float64)).free[0]
    for arm in (0, 1):
        of = outcomes.arm == arm
        time, event = outcomes.time[of, 0], outcomes.event[of, 0]
        for place, edge in enumerate(cox.grid.edges):
            hazard = sum(
                int(((time == u) & (event == 1)).sum()) / int((time >= u).sum())
                for u in time[event == 1].unique()
                if u <= edge
            )
            assert float(found[arm, place]) == pytest.approx(np.exp(-hazard), abs=1e-12)


def test_a_constant_added_to_all_scores_changes_no_survival(tied) -> None:
    eta = torch.stack([tied.tensor("score_good")[:, 0], 0.5 * tied.tensor("size")[:, 0]], 1)[..., None]
    split = ("training",) * 300 + ("validation",) * 100
    survival = []
    for shift in (0.0, 7.0):
        cox = model(tied.outcomes, tied.layout)
        cox.finish(eta + shift, tied.outcomes, split)
        survival.append(cox.predict(eta + shift).free)
    torch.testing.assert_close(*survival, rtol=0, atol=1e-10)


def test_the_loss_divides_by_the_expected_events_of_the_batch(tied) -> None:
    cox, outcomes = model(tied.outcomes, tied.layout), tied.outcomes
    eta = tied.tensor("score_good")[:, 0]
    rate = float((outcomes.event[:, 0] == 1).double().mean())
    rows = torch.arange(0, 400, 5)
    batch = outcomes.take(rows)
    likelihood = efron_log_likelihood(eta[rows], batch.time[:, 0], batch.event[:, 0], batch.arm)
    found = cox.loss(both_arms(eta[rows]), batch)
    assert float(found) == pytest.approx(-float(likelihood) / (rate * 80), rel=1e-12)


def test_an_arm_without_events_in_the_batch_adds_a_zero_that_keeps_its_graph(tied) -> None:
    cox, outcomes = model(tied.outcomes, tied.layout), tied.outcomes
    event = torch.where(outcomes.arm[:, None] == 1, 0, outcomes.event)
    scores = both_arms(tied.tensor("score_good")[:, 0]).clone().requires_grad_()
    loss = cox.loss(scores, Outcomes(arm=outcomes.arm, time=outcomes.time, event=event))
    loss.backward()
    assert scores.grad[:, 0].abs().max() > 0
    assert scores.grad[:, 1].abs().max() == 0
    none = torch.zeros_like(outcomes.event)
    loss = cox.loss(scores, Outcomes(arm=outcomes.arm, time=outcomes.time, event=none))
    assert loss.item() == 0
    assert loss.requires_grad


def test_the_risk_before_finish_is_the_score(tied) -> None:
    cox = head(tied.layout)
    cox.fit(tied.outcomes)
    scores = cox(tied.tensor(*COVARIATES))
    risk = cox.risk(scores)
    torch.testing.assert_close(risk[..., 0], scores.by_endpoint["os"][..., 0])
    assert bool(risk[..., 1].isnan().all())  # `lc` is not modelled


def test_whole_steps_are_kept_and_load_into_a_new_head(tied) -> None:
    import safetensors.torch

    x, first = tied.tensor(*COVARIATES), head(tied.layout)
    first.fit(tied.outcomes)
    first.finish(first(x), tied.outcomes, ("training",) * 300 + ("validation",) * 100)
    distinct = max(len(tied.outcomes.time[tied.outcomes.arm == arm, 0].unique()) for arm in (0, 1))
    assert first.state_dict()["models.endpoint-os.baseline.times"].shape == (2, distinct)
    second = head(tied.layout)
    second.load_state_dict(safetensors.torch.load(safetensors.torch.save(first.state_dict())))
    with torch.no_grad():
        found, expected = (h.eval().predict(h(x)).endpoints["os"].free for h in (second, first))
    assert torch.equal(found, expected)


def test_scores_of_another_head_can_be_taken_apart_by_rows(tied) -> None:
    cox = head(tied.layout)
    cox.fit(tied.outcomes)
    scores: Scores = cox(tied.tensor(*COVARIATES))
    rows = torch.tensor([3, 1])
    some, every = cox.predict(scores.take(rows)).endpoints["os"], cox.predict(scores).endpoints["os"]
    torch.testing.assert_close(some.at_horizons, every.at_horizons[rows])
