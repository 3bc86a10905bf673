"""Likelihood and cumulative incidence of discrete hazards, against loops, R and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmcare.survival import IntervalGrid
from mmcare_prognosis.hazards import cumulative_incidence, hazards_nll, incidence_inside

GRID = IntervalGrid.of_horizons((1.0, 3.0, 5.0))


def draw(causes: int, rows: int = 60, seed: int = 3):
    """Logits, times (some on edges, some beyond the last), event codes."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(-1.0, 1.0, (rows, causes, GRID.count))
    time = np.round(generator.uniform(0.05, 6.5, rows) * 8) / 8
    time[:9] = [0.25, 1.0, 3.0, 5.0, 5.0, 5.25, 6.0, 0.125, 2.5][:rows]
    return torch.tensor(logits), np.maximum(time, 0.125), generator.integers(0, causes + 1, rows)


def located(time: np.ndarray):
    where = GRID.locate(time)
    return torch.from_numpy(where.interval), torch.from_numpy(where.fraction)


def nll_by_hand(logits: np.ndarray, time: float, event: int) -> float:
    """-log of: survive every interval before; then the cause, or survive the elapsed share."""
    total = 0.0
    for k in range(GRID.count):
        lower, upper = GRID.edges[k], GRID.edges[k + 1]
        weights = [1.0, *(math.exp(logits[c][k]) for c in range(len(logits)))]
        h = [w / sum(weights) for w in weights]
        if time > upper:
            total -= math.log(h[0])
        elif event > 0:
            return total - math.log(h[event])
        else:
            return total - (time - lower) / (upper - lower) * math.log(h[0])
    return total


@pytest.mark.parametrize("causes", [1, 2])
def test_nll_is_the_written_out_one(causes: int) -> None:
    logits, time, event = draw(causes)
    found = hazards_nll(logits, *located(time), torch.from_numpy(event))
    expected = [nll_by_hand(f.tolist(), t, int(e)) for f, t, e in zip(logits, time, event, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("causes", [1, 2])
def test_gradient_is_events_minus_exposure_times_hazard(causes: int) -> None:
    logits, time, event = draw(causes)
    logits.requires_grad_()
    hazards_nll(logits, *located(time), torch.from_numpy(event)).sum().backward()
    f = logits.detach().numpy()
    for row in range(len(time)):
        for k in range(GRID.count):
            lower, upper = GRID.edges[k], GRID.edges[k + 1]
            here = lower < time[row] <= upper
            exposed = 1.0 if time[row] > upper or (here and event[row]) else 0.0
            exposed += (time[row] - lower) / (upper - lower) if here and not event[row] else 0.0
            none = 1 + np.exp(f[row, :, k]).sum()
            for c in range(causes):
                had = 1.0 if here and event[row] == c + 1 else 0.0
                expected = exposed * np.exp(f[row, c, k]) / none - had
                assert logits.grad[row, c, k] == pytest.approx(expected, abs=1e-12)


def test_incidence_is_the_sum_over_intervals_and_adds_up_to_one() -> None:
    logits, _, _ = draw(2, rows=5)
    found = cumulative_incidence(logits).numpy()
    for row, f in enumerate(logits.numpy()):
        h = np.exp(np.concatenate([np.zeros((1, GRID.count)), f])) / (1 + np.exp(f).sum(0))
        reached, expected = 1.0, np.zeros((2, GRID.count + 1))
        for k in range(GRID.count):
            expected[:, k + 1] = expected[:, k] + reached * h[1:, k]
            reached *= h[0, k]
        np.testing.assert_allclose(found[row], expected, atol=1e-14)
        assert found[row, :, -1].sum() + reached == pytest.approx(1, abs=1e-14)


def test_inside_an_interval_survival_falls_as_a_power() -> None:
    logits, _, _ = draw(1, rows=4)
    interval, fraction = located(np.array([0.1, 0.25, 2.5, 4.9]))
    survival = 1 - cumulative_incidence(logits)[:, 0]
    h = torch.sigmoid(logits[:, 0, interval])
    expected = survival[:, interval] * (1 - h) ** fraction
    torch.testing.assert_close(1 - incidence_inside(logits, interval, fraction)[:, 0], expected, rtol=0, atol=1e-13)


def test_inside_an_interval_competing_causes_keep_their_shares() -> None:
    logits, _, _ = draw(2, rows=4)
    interval, fraction = located(np.array([0.1, 0.25, 2.5, 4.9]))
    h = torch.cat([torch.zeros(4, 1, GRID.count), logits], 1).softmax(1)
    none = torch.cat([torch.ones(4, 1), h[:, 0].cumprod(-1)], 1)
    for place, (k, r) in enumerate(zip(interval.tolist(), fraction.tolist(), strict=True)):
        h0, hc = h[:, 0, k], h[:, 1:, k]
        expected = cumulative_incidence(logits)[..., k] + none[:, [k]] * hc * ((1 - h0**r) / (1 - h0))[:, None]
        torch.testing.assert_close(
            incidence_inside(logits, interval, fraction)[..., place], expected.double(), rtol=0, atol=1e-12
        )


def test_hazards_too_small_for_single_precision_give_no_nan() -> None:
    logits = torch.full((2, 2, GRID.count), -40.0, requires_grad=True)
    interval, fraction = located(np.array([2.5]))
    inside = incidence_inside(logits, interval, fraction)
    (cumulative_incidence(logits).sum() + inside.sum()).backward()
    assert inside.detach().abs().max() < 1e-15
    assert logits.grad.isfinite().all()


def given_logits(cohort, endpoint: str) -> torch.Tensor:
    """The logits of R's entry `own.discrete_head`, (n, C, 8)."""
    age, size, ecog, arm = cohort.tensor("age10", "size", "ecog", "arm").T
    k = torch.arange(1, 9, dtype=torch.float64)
    width = torch.log(torch.tensor(GRID.widths))
    if endpoint == "os":
        c = -2.0 - 0.2 * arm
        return ((c + 0.3 * age + 0.4 * ecog)[:, None] + 0.05 * k + width)[:, None]
    failure = -2.6 + 0.1 * arm + 0.3 * size
    death = -2.3 + 0.3 * age + 0.4 * ecog
    return torch.stack([failure, death], 1)[..., None] + width


@pytest.mark.parametrize("endpoint", ["os", "lc"])
def test_a_given_head_has_the_likelihood_and_risks_of_r(cohort, endpoint: str) -> None:
    expected = cohort.value(f"{endpoint}.own.discrete_head")
    time, event = (cohort.columns[f"{endpoint}_{what}"] for what in ("time", "event"))
    logits = given_logits(cohort, endpoint)
    nll = hazards_nll(logits, *located(time), torch.from_numpy(event).long())
    np.testing.assert_allclose(nll[:10], expected["nll_first10"], rtol=0, atol=1e-12)
    assert float(nll.sum()) == pytest.approx(expected["nll_sum"], abs=1e-10)
    for key, risks in expected["risk"].items():
        risk = incidence_inside(logits, *located(np.array([float(key[1:])])))[:, 0, 0]
        np.testing.assert_allclose(risk[:5], risks["first5"], rtol=0, atol=1e-12)
        for arm in (0, 1):
            mean = float(risk[torch.tensor(cohort.columns["arm"] == arm)].mean())
            assert mean == pytest.approx(risks[f"mean_arm{arm}"], abs=1e-12)
