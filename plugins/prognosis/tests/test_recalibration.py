"""Recalibration of hazards: the maximum of a written-out likelihood, and when nothing is changed."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from mmcare.components import Outcomes, Scores
from mmcare.survival import IntervalGrid
from mmcare_prognosis.dual_task import DualTask
from mmcare_prognosis.plugin import DualTaskConfig
from mmcare_prognosis.recalibration import recalibration

GRID = IntervalGrid.of_horizons((1.0, 3.0, 5.0))


def draw(rows: int = 300, causes: int = 2, seed: int = 0):
    """Logits of a model, and outcomes of hazards whose logits are 0.4 + 0.6 of them."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(-1.5, 0.8, (rows, causes, 1)) + np.log(GRID.widths)
    true = np.exp(0.4 + 0.6 * logits)
    interval, event = np.full(rows, GRID.count), np.zeros(rows, dtype=np.int64)
    fraction = np.zeros(rows)
    for row in range(rows):
        for k in range(GRID.count):
            weights = np.array([1.0, *true[row, :, k]])
            code = generator.choice(causes + 1, p=weights / weights.sum())
            censored = generator.random() < 0.08
            if code or censored:
                interval[row], event[row], fraction[row] = k, 0 if censored else code, generator.uniform(0.01, 1)
                break
    arm = generator.integers(0, 2, rows)
    return tuple(torch.tensor(x) for x in (logits, interval, fraction, event, arm))


def nll(parameters: np.ndarray, logits, interval, fraction, event, arm) -> float:
    """shift of arm 0, of arm 1 (a number a cause each), slope a cause; patient by patient."""
    causes = logits.shape[1]
    shift, slope = parameters[: 2 * causes].reshape(2, causes), parameters[2 * causes :]
    total = 0.0
    for f, k, r, e, a in zip(*(x.numpy() for x in (logits, interval, fraction, event, arm)), strict=True):
        changed = shift[a][:, None] + slope[:, None] * f
        none = -np.log1p(np.exp(changed).sum(0))
        total -= none[:k].sum()
        if k < GRID.count:
            total -= none[k] + changed[e - 1, k] if e else r * none[k]
    return total


@pytest.mark.parametrize("causes", [1, 2])
def test_it_is_the_maximum_of_the_written_out_likelihood(causes: int) -> None:
    data = draw(causes=causes)
    found = recalibration(*data, arms=2)
    assert torch.equal(found.slope[0], found.slope[1])
    parameters = np.concatenate([found.shift.flatten(), found.slope[0]])
    best = minimize(nll, np.zeros(3 * causes) + 0.5, args=data, method="BFGS", options={"gtol": 1e-6})
    np.testing.assert_allclose(parameters, best.x, rtol=0, atol=2e-4)
    assert nll(parameters, *data) <= best.fun + 1e-8


def test_a_true_distortion_is_found() -> None:
    found = recalibration(*draw(rows=4000), arms=2)
    np.testing.assert_allclose(found.slope, 0.6, atol=0.12)
    np.testing.assert_allclose(found.shift, 0.4, atol=0.3)


def test_under_twenty_events_nothing_changes() -> None:
    logits, interval, fraction, event, arm = draw(causes=1)
    few = torch.where((event == 1).cumsum(0) > 19, 0, event)
    found = recalibration(logits, interval, fraction, few, arm, arms=2)
    assert found.shift.abs().max() == 0
    assert bool((found.slope == 1).all())


def test_an_arm_with_under_five_events_is_left_as_it_is() -> None:
    logits, interval, fraction, event, arm = draw(causes=1)
    event = torch.where((arm == 1) & ((event * (arm == 1)).cumsum(0) > 4), 0, event)
    found = recalibration(logits, interval, fraction, event, arm, arms=2)
    assert (found.shift[1].tolist(), found.slope[1].tolist()) == ([0.0], [1.0])
    alone = recalibration(*(x[arm == 0] for x in (logits, interval, fraction, event, arm)), arms=2)
    torch.testing.assert_close(found.shift[0], alone.shift[0])
    torch.testing.assert_close(found.slope[0], alone.slope[0])


def test_a_ranking_the_wrong_way_round_becomes_no_signal() -> None:
    logits, interval, fraction, event, arm = draw(causes=1, rows=600)
    width = torch.log(torch.tensor(GRID.widths))
    turned = -(logits - width) - 3 - width  # large where the hazard is small
    found = recalibration(turned, interval, fraction, event, arm, arms=2)
    assert found.slope.tolist() == [[0.0], [0.0]]
    assert found.shift.abs().min() > 0


@pytest.mark.parametrize("recalibrate", ["none", "validation"])
def test_a_head_recalibrates_where_that_was_asked_for(tied, recalibrate: str) -> None:
    torch.manual_seed(0)
    head = DualTask(DualTaskConfig(recalibrate=recalibrate), 8, tied.layout).eval()
    head.fit(tied.outcomes)
    r, split = torch.randn(400, 8), ("training",) * 200 + ("validation",) * 200
    with torch.no_grad():
        scores = head(r)
        before = head.predict(scores)
        head.finish(scores, tied.outcomes, split)
        after = head.predict(scores)
    for name in ("os", "lc"):
        same = torch.equal(before.endpoints[name].at_horizons, after.endpoints[name].at_horizons)
        assert same == (recalibrate == "none")
        assert float(after.endpoints[name].free.diff(dim=-1).nan_to_num(0).max()) <= 1e-7


def test_what_a_model_is_wrong_by_in_all_its_logits_is_put_right(tied) -> None:
    """Scores that are all too large by a constant end at the same predictions: the shifts take it up."""
    torch.manual_seed(0)
    head = DualTask(DualTaskConfig(recalibrate="validation"), 8, tied.layout).double().eval()
    head.fit(tied.outcomes)
    split = ("training",) * 200 + ("validation",) * 200
    with torch.no_grad():
        own = head(torch.randn(400, 8, dtype=torch.float64))
        found = []
        for wrong_by in (0.0, 1.5):
            scores = Scores({name: values + wrong_by for name, values in own.by_endpoint.items()})
            head.finish(scores, tied.outcomes, split)
            found.append(head.predict(scores).endpoints)
    for name in ("os", "lc"):
        torch.testing.assert_close(found[1][name].free, found[0][name].free, rtol=0, atol=1e-4)


def test_too_few_validation_events_are_said(tied, caplog) -> None:
    head = DualTask(DualTaskConfig(endpoints={"os": {}}, recalibrate="validation"), 8, tied.layout).eval()
    outcomes = tied.outcomes
    head.fit(outcomes)
    split = ("training",) * 390 + ("validation",) * 10
    events = int(Outcomes.take(outcomes, torch.arange(390, 400)).event[:, 0].sum())
    with torch.no_grad(), caplog.at_level(logging.WARNING):
        head.finish(head(torch.randn(400, 8)), outcomes, split)
    assert caplog.messages == [f"os: {events} events among the validation patients, 20 are needed: no recalibration."]
