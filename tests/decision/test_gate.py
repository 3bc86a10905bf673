"""The gate's line: by hand, by an independent formula, and what it is for."""

from __future__ import annotations

import numpy as np
import pytest

from mmcare.decision.gate import Gate, fit_gate


def test_a_line_by_hand() -> None:
    """x = -1, 0, 1, y = 0, 3, 3: slope 1.5, mean 2; residuals -0.5, 1, -0.5; leverages 5/6, 1/3, 5/6."""
    found = fit_gate([0.0, 3.0, 3.0], [1.0, 2.0, 3.0])
    assert found is not None
    assert (found.slope, found.intercept, found.center, found.patients) == (1.5, 2.0, 2.0, 3)
    scaled = [-0.5 / (1 / 6), 1 / (2 / 3), -0.5 / (1 / 6)]  # residual / (1 - leverage): -3, 1.5, -3
    assert found.variance_intercept == pytest.approx(sum(s**2 for s in scaled) / 9)
    assert found.variance_slope == pytest.approx((scaled[0] ** 2 + scaled[2] ** 2) / 4)
    assert found.covariance == pytest.approx((scaled[2] ** 2 - scaled[0] ** 2) / 6, abs=1e-12)
    assert found.ratio == pytest.approx(1.5 / np.sqrt(18 / 4))


def test_slope_and_error_by_leaving_each_patient_out() -> None:
    """HC3 is, up to (n - 1) / n and a small term, the jackknife: an independent way to the same number."""
    rng = np.random.default_rng(0)
    x = rng.normal(0.05, 0.1, 400)
    y = 0.02 + 0.6 * x + rng.normal(0, 3 * np.abs(x - x.mean()))
    found = fit_gate(y, x)
    assert found is not None
    assert found.slope == pytest.approx(np.polyfit(x, y, 1)[0], abs=1e-12)
    slopes = np.array([np.polyfit(np.delete(x, i), np.delete(y, i), 1)[0] for i in range(400)])
    jackknife = np.sqrt(399 / 400 * ((slopes - slopes.mean()) ** 2).sum())
    assert found.slope_error == pytest.approx(jackknife, rel=1e-2)
    naive = np.sqrt(((y - np.polyval(np.polyfit(x, y, 1), x)) ** 2).sum() / 398 / ((x - x.mean()) ** 2).sum())
    assert found.slope_error > 1.3 * naive, "unequal spread is seen"


def test_the_bound_by_hand() -> None:
    gate = Gate(0.05, 0.8, 0.1, 0.0001, 0.04, 0.0, 100)
    variance = 0.0001 + 0.1**2 * 0.04
    assert gate.bound(0.2, 1.645) == pytest.approx(0.05 + 0.8 * 0.1 - 1.645 * np.sqrt(variance))
    with_covariance = Gate(0.05, 0.8, 0.1, 0.0001, 0.04, 0.001, 100)
    assert with_covariance.bound(0.2, 1.645) == pytest.approx(0.13 - 1.645 * np.sqrt(variance + 2 * 0.1 * 0.001))


def test_the_other_way_round_it_is_the_line_of_the_negatives() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=50), rng.normal(size=50)
    found, other = fit_gate(y, x), fit_gate(-y, -x)
    assert found is not None and other is not None
    back = found.reversed()
    for name in ("intercept", "slope", "center", "variance_intercept", "variance_slope", "covariance"):
        assert getattr(back, name) == pytest.approx(getattr(other, name), abs=1e-12), name


def test_no_line_of_equal_differences_or_of_two_patients() -> None:
    assert fit_gate([0.1, 0.2, 0.3], [0.05, 0.05, 0.05]) is None
    assert fit_gate([0.1, 0.2], [0.0, 0.1]) is None


def test_where_predictions_say_nothing_the_gate_opens_in_one_of_twenty() -> None:
    rng = np.random.default_rng(2)
    passed = 0
    for _ in range(2000):
        x = rng.normal(size=200)
        found = fit_gate(rng.normal(size=200) * (1 + np.abs(x)), x)
        assert found is not None
        passed += found.ratio > 1.645
    assert abs(passed / 2000 - 0.05) < 0.015
