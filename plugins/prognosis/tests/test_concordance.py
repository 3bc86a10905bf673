"""The ranking loss, pair by pair, and what it does to a head."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmcare_prognosis.concordance import concordance_loss
from mmcare_prognosis.dual_task import DualTask
from mmcare_prognosis.plugin import DualTaskConfig


def draw(seed: int, rows: int = 60):
    generator = np.random.default_rng(seed)
    time = np.ceil(generator.exponential(6, rows))  # many ties
    score, event, strata = generator.normal(0, 2, rows), generator.integers(0, 3, rows), generator.integers(0, 2, rows)
    return score, time, event, strata


def pairs(time, event, strata) -> list[tuple[int, int]]:
    """i failed at a time when j had not: j followed longer, censored at that time, or dead of something else before."""
    found = []
    for i in range(len(time)):
        for j in range(len(time)):
            later = time[j] > time[i] or (time[j] == time[i] and event[j] == 0)
            dead = event[j] == 2 and time[j] <= time[i]
            if event[i] == 1 and strata[i] == strata[j] and (later or dead):
                found.append((i, j))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_mean_over_pairs_and_bounds_the_share_in_wrong_order(seed: int) -> None:
    score, time, event, strata = draw(seed)
    found = float(concordance_loss(*(torch.tensor(x) for x in (score, time, event, strata))))
    chosen = pairs(time, event, strata)
    expected = sum(math.log2(1 + math.exp(score[j] - score[i])) for i, j in chosen) / len(chosen)
    assert found == pytest.approx(expected, abs=1e-12)
    assert found >= sum(score[j] >= score[i] for i, j in chosen) / len(chosen)


def test_large_batches_are_taken_in_blocks(monkeypatch) -> None:
    data = [torch.tensor(x) for x in draw(7)]
    whole = concordance_loss(*data)
    monkeypatch.setattr("mmcare_prognosis.concordance._BLOCK", 5)
    torch.testing.assert_close(concordance_loss(*data), whole, rtol=0, atol=1e-12)


def test_without_a_pair_it_is_a_zero_that_keeps_its_graph() -> None:
    score = torch.randn(4, requires_grad=True)
    loss = concordance_loss(score, torch.arange(4.0), torch.zeros(4, dtype=torch.long), torch.zeros(4))
    loss.backward()
    assert loss.item() == 0
    assert float(score.grad.abs().max()) == 0


@pytest.mark.parametrize(("os", "lc"), [("discrete", "competing-risk"), ("cox", "bce"), ("sigmoid", "bce")])
def test_it_is_added_with_its_weight_and_pushes_pairs_apart(tied, os: str, lc: str) -> None:
    torch.manual_seed(0)
    config = DualTaskConfig(
        endpoints={"os": {"model": os, "weight": 0.7, "ranking": 0.5}, "lc": {"model": lc, "weight": 0.3}}
    )
    head = DualTask(config, 8, tied.layout).double()
    head.fit(tied.outcomes)
    scores = head(torch.randn(400, 8, dtype=torch.float64))
    losses = head.loss(scores, tied.outcomes)
    assert list(losses.parts) == ["os", "lc", "os-ranking"]
    own = {name: float(value) for name, value in losses.parts.items()}
    expected = 0.7 * own["os"] + 0.3 * own["lc"] + 0.35 * own["os-ranking"]
    assert float(losses.total) == pytest.approx(expected, abs=1e-12)
    outcomes = tied.outcomes
    score = head.models["endpoint-os"].ranking_score(scores.by_endpoint["os"])
    order = score[torch.arange(400), outcomes.arm]
    expected = concordance_loss(order, outcomes.time[:, 0], outcomes.event[:, 0], outcomes.arm)
    assert own["os-ranking"] == pytest.approx(float(expected), abs=1e-12)


def test_patients_of_unknown_time_or_arm_are_in_no_pair(tied) -> None:
    head = DualTask(DualTaskConfig(endpoints={"os": {"ranking": 1.0}}), 8, tied.layout).double().eval()
    head.fit(tied.outcomes)
    scores, outcomes = head(torch.randn(400, 8, dtype=torch.float64)), tied.outcomes
    arm, time = outcomes.arm.clone(), outcomes.time.clone()
    arm[:100], time[100:200] = -1, torch.nan
    found = head.loss(scores, type(outcomes)(arm=arm, time=time, event=outcomes.event))
    rest = torch.arange(200, 400)
    expected = head.loss(scores.take(rest), outcomes.take(rest))
    torch.testing.assert_close(found.total, expected.total)
