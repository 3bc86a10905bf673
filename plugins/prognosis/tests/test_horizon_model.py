"""Sigmoids at the horizons: censoring weights against R, the loss in loops, and what they do not know."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
import torch

from mmcare.components import Endpoint, OutcomeLayout, Outcomes
from mmcare.survival import IntervalGrid, aalen_johansen
from mmcare_prognosis.dual_task import DualTask
from mmcare_prognosis.factual import factual_rows
from mmcare_prognosis.horizon_model import HorizonSigmoids
from mmcare_prognosis.plugin import DualTaskConfig

MODELS = {"os": {"model": "sigmoid", "weight": 0.7}, "lc": {"model": "bce", "weight": 0.3}}


def model_of(cohort, endpoint: str) -> HorizonSigmoids:
    layout = cohort.layout
    grid = IntervalGrid.of_horizons(layout.horizons)
    found = HorizonSigmoids(2, grid, layout.endpoint(endpoint), layout.index(endpoint))
    found.fit(cohort.outcomes)
    return found


@pytest.mark.parametrize("endpoint", ["os", "lc"])
def test_weights_are_those_of_r_and_stand_in_for_the_censored(cohort, endpoint: str) -> None:
    model, outcomes = model_of(cohort, endpoint), cohort.outcomes
    rows = factual_rows(outcomes, model.column)
    label, weight = model.labels(rows)
    for place, key in enumerate(("t1", "t3", "t5")):
        np.testing.assert_allclose(weight[:, place], cohort.value(f"{endpoint}.own.weights")[key], rtol=0, atol=1e-12)
        for arm in (0, 1):
            of = rows.arm == arm
            time, event = rows.time[of].numpy(), rows.event[of].numpy()
            expected = float(aalen_johansen(time, event, 1).at(model.endpoint.horizons[place]))
            assert float(weight[of, place].sum()) == pytest.approx(int(of.sum()), abs=1e-10)
            assert float((weight * label)[of, place].mean()) == pytest.approx(expected, abs=1e-12)


def test_weights_of_a_batch_are_those_of_the_training_set(tied) -> None:
    """G is fitted once: a patient's weight does not depend on batch mates."""
    model, outcomes = model_of(tied, "lc"), tied.outcomes
    label, weight = model.labels(factual_rows(outcomes, 1))
    some = torch.tensor([5, 300, 17, 120])
    found = model.labels(factual_rows(outcomes.take(some), 1))
    torch.testing.assert_close(found, (label[some], weight[some]), rtol=0, atol=0)


def test_the_loss_is_the_weighted_cross_entropy_over_the_number_of_patients(tied) -> None:
    model = model_of(tied, "lc")
    batch = tied.outcomes.take(torch.arange(0, 400, 25))
    logits = torch.randn(16, 2, 3, dtype=torch.float64)
    _, weight = model.labels(factual_rows(batch, 1))
    total = 0.0
    for row in range(16):
        time, event, arm = float(batch.time[row, 1]), int(batch.event[row, 1]), int(batch.arm[row])
        for place, horizon in enumerate((1.0, 3.0, 5.0)):
            p = 1 / (1 + math.exp(-float(logits[row, arm, place])))
            failed = time <= horizon and event == 1
            total -= float(weight[row, place]) * math.log(p if failed else 1 - p) / 3
    assert float(model.loss(logits, batch)) == pytest.approx(total / 16, abs=1e-12)


def head_of(layout: OutcomeLayout, **config) -> DualTask:
    torch.manual_seed(0)
    return DualTask(DualTaskConfig(endpoints=MODELS, **config), 8, layout)


def test_it_starts_at_the_curve_of_each_arm(cohort) -> None:
    head, outcomes = head_of(cohort.layout).eval(), cohort.outcomes
    head.fit(outcomes)
    with torch.no_grad():
        prognosis = head.predict(head(torch.randn(300, 8)))
    for column, endpoint in enumerate(cohort.layout.endpoints):
        for arm in (0, 1):
            time, event = (x[outcomes.arm == arm, column].numpy() for x in (outcomes.time, outcomes.event))
            expected = 1 - aalen_johansen(time, event, 1).at(endpoint.horizons)
            mean = prognosis.endpoints[endpoint.name].at_horizons[:, arm].mean(0)
            np.testing.assert_allclose(mean, expected, rtol=0, atol=0.02)


def test_it_has_no_curve_and_its_horizons_may_contradict_each_other(tied) -> None:
    head = head_of(tied.layout).eval()
    head.fit(tied.outcomes)
    with torch.no_grad():
        for mlp in head.mlps["endpoint-os"]:
            mlp[-1].bias.copy_(torch.tensor([1.0, 0.0, -1.0]))
        found = head.predict(head(torch.zeros(2, 8))).endpoints["os"]
    assert found.free is None and found.competing is None
    assert not found.monotone
    assert bool((found.at_horizons.diff(dim=-1) > 0).all())  # free of death at 5 years more surely than at 1


def test_few_events_give_the_arms_curve_at_the_horizons_and_nothing_beyond_follow_up(tied) -> None:
    outcomes = tied.outcomes
    first = (outcomes.arm == 1).nonzero()[:, 0]
    keep = torch.cat([(outcomes.arm == 0).nonzero()[:, 0], first[outcomes.time[first, 0] < 4][:30]])
    outcomes = outcomes.take(keep)
    head = head_of(tied.layout).eval()
    head.fit(outcomes)
    with torch.no_grad():
        scores = head(torch.randn(50, 8))
        found = head.predict(scores).endpoints["os"]
    time, event = (x[outcomes.arm == 1, 0].numpy() for x in (outcomes.time, outcomes.event))
    assert found.personal.tolist() == [True, False]
    expected = 1 - aalen_johansen(time, event, 1).at([1.0, 3.0])
    np.testing.assert_allclose(found.at_horizons[:, 1, :2], np.tile(expected, (50, 1)), rtol=0, atol=1e-7)
    assert bool(found.at_horizons[:, 1, 2].isnan().all())
    assert bool(found.at_horizons[:, 0].isfinite().all())
    torch.testing.assert_close(head.risk(scores)[:, 1, 0], torch.sigmoid(scores.by_endpoint["os"][:, 1, 1]))


def test_a_horizon_beyond_an_arms_follow_up_is_not_trained(tied) -> None:
    outcomes = tied.outcomes
    outcomes = outcomes.take((outcomes.arm == 0) | (outcomes.time[:, 0] < 4))
    head = head_of(tied.layout)
    head.fit(outcomes)
    scores = head(torch.randn(len(outcomes), 8))
    values = scores.by_endpoint["os"]
    values.retain_grad()
    head.loss(scores, outcomes).total.backward()
    assert float(values.grad[:, 1, 2].abs().max()) == 0
    assert float(values.grad[:, 1, 1].abs().max()) > 0
    assert float(values.grad[:, 0, 2].abs().max()) > 0


def test_clipped_weights_are_said(caplog) -> None:
    """Of 100 patients two are followed to 3 years and two have died: G(3-) is about 0.02, taken as 0.05."""
    time = torch.cat([torch.linspace(0.1, 2.5, 98, dtype=torch.float64), torch.tensor([3.2, 3.2])])
    event = torch.zeros(100, dtype=torch.long)
    event[[3, 10]] = 1
    outcomes = Outcomes(arm=torch.zeros(100, dtype=torch.long), time=time[:, None], event=event[:, None])
    model = HorizonSigmoids(1, IntervalGrid.of_horizons((3.0,)), Endpoint("os", (3.0,)), 0)
    with caplog.at_level(logging.WARNING):
        model.fit(outcomes)
    _, weight = model.labels(factual_rows(outcomes, 0))
    assert weight[-2:].flatten().tolist() == [20.0, 20.0]
    size = float(weight.sum() ** 2 / (weight**2).sum())
    assert caplog.messages == [
        f"os by 3 years: 50.0 % of the censoring weights were clipped at 20; effective size {size:.0f} of 100."
    ]


def test_what_is_fitted_travels_with_the_weights(tied) -> None:
    first, second = (
        model_of(tied, "lc"),
        HorizonSigmoids(2, IntervalGrid.of_horizons((1, 3, 5)), tied.layout.endpoints[1], 1),
    )
    second.load_state_dict(first.state_dict())
    rows = factual_rows(tied.outcomes, 1)
    torch.testing.assert_close(second.labels(rows), first.labels(rows), rtol=0, atol=0)
