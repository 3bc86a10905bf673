"""Slope and goodness of fit on data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from mmcare.evaluation import calibration_points, event_calibration, greenwood_nam_dagostino, risk_slope
from mmcare.survival import censoring_weights, landmark_labels

from .conftest import Reference


def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Constant hazards that differ between patients, follow-up times, and events; censored at random."""
    hazard = 0.15 * np.exp(0.7 * rng.normal(size=n))
    event_time, censored = rng.exponential(1 / hazard), rng.uniform(0.5, 8, n)
    return hazard, np.minimum(event_time, censored), (event_time <= censored).astype(int)


def test_slope_is_the_maximum_of_the_weighted_likelihood(tied: Reference) -> None:
    r = tied.arm("lc", 0)
    w, y = censoring_weights(r.time, r.event, 3.0).weight, landmark_labels(r.time, r.event, 3.0).label
    x = np.log(r.risk[:, 1] / (1 - r.risk[:, 1]))

    def loss(b: np.ndarray) -> float:
        logit = b[0] + b[1] * x
        return float((w * (np.logaddexp(0, logit) - y * logit)).sum())

    expected = minimize(loss, [0.0, 1.0], method="BFGS", options={"gtol": 1e-9}).x[1]
    assert risk_slope(r.risk[:, 1], r.time, r.event, 3.0) == pytest.approx(expected, abs=1e-5)


def test_slope_of_risks_that_are_right_and_twice_too_extreme() -> None:
    hazard, time, event = draw(np.random.default_rng(0), 20_000)
    risk = 1 - np.exp(-3 * hazard)
    assert risk_slope(risk, time, event, 3.0) == pytest.approx(1, abs=0.06)
    odds = (risk / (1 - risk)) ** 2
    assert risk_slope(odds / (1 + odds), time, event, 3.0) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("risk", "event"),
    [
        ([0.2, 0.2, 0.2, 0.2], [1, 0, 1, 0]),  # all alike
        ([0.1, 0.2, 0.3, 0.4], [0, 0, 0, 0]),  # nobody failed
        ([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0]),  # the risk separates
    ],
)
def test_no_slope(risk: list[float], event: list[int]) -> None:
    time = np.where(np.array(event) == 1, 1.0, 5.0)
    assert np.isnan(risk_slope(np.array(risk), time, np.array(event), 3.0))


def test_a_true_model_is_seldom_rejected_and_a_wrong_one_is() -> None:
    """Size of z and chi-square near 5 %; hazards 30 % too high shift z by about 0.3 sqrt(E) down."""
    rng, z, p, shifted = np.random.default_rng(1), [], [], []
    for _ in range(600):
        hazard, time, event = draw(rng, 150)
        risk, expected = 1 - np.exp(-3 * hazard), hazard * np.minimum(time, 3)
        found = event_calibration(risk, expected, time, event, 3.0)
        z.append(found.z)
        p.append(found.groups.p)
        shifted.append(event_calibration(risk, 1.3 * expected, time, event, 3.0).z)
    assert abs(np.mean(z)) < 0.12
    assert np.std(z) == pytest.approx(1, abs=0.1)
    assert 0.025 < np.mean(np.array(p) < 0.05) < 0.08
    assert np.mean(shifted) < -1.2


def test_groups_where_little_or_nothing_is_expected() -> None:
    time, event, none = np.array([1.0, 2.0, 4.0]), np.array([1, 0, 0]), np.zeros(3)
    found = event_calibration(none, none, time, event, 3.0)
    assert (found.observed, found.expected) == (1, 0.0)
    assert np.isnan(found.z) and np.isnan(found.groups.value)
    few = event_calibration(np.array([0.1, 0.3, 0.2]), np.array([0.2, 0.3, 0.5]), time, event, 3.0)
    assert (few.groups.degrees, few.groups.value) == (1, pytest.approx(0.0))


@pytest.mark.parametrize("n", [12, 60, 200, 400])
def test_each_point_has_five_events_or_stands_alone(n: int) -> None:
    hazard, time, event = draw(np.random.default_rng(n), n)
    risk = 1 - np.exp(-3 * hazard)
    points = calibration_points(risk, time, event, 3.0)
    assert sum(point.patients for point in points) == n
    predicted = [point.predicted for point in points]
    assert predicted == sorted(predicted)
    ranked, start = (event == 1)[np.argsort(risk)] & (time <= 3)[np.argsort(risk)], 0
    for point in points:
        events, start = int(ranked[start : start + point.patients].sum()), start + point.patients
        assert events >= 5 or len(points) == 1
    assert n < 400 or len(points) == 5


def test_greenwood_nam_dagostino_of_a_group_without_events_is_not_known() -> None:
    found = greenwood_nam_dagostino(
        np.linspace(0.1, 0.9, 10), np.arange(10, 0.0, -1), np.r_[np.zeros(5), np.ones(5)].astype(int), 9.5
    )
    assert np.isnan(found.value) and np.isnan(found.p)
