"""The grid: where times fall, and how thin intervals share a parameter."""

from __future__ import annotations

import numpy as np
import pytest

from mmcare.survival import IntervalGrid, StepCurve, intercept_only, kaplan_meier


def test_edges_are_the_default_ones_united_with_the_horizons() -> None:
    grid = IntervalGrid.of_horizons([2, 2.5, 7])
    assert grid.edges.tolist() == [0, 0.25, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7]


def test_times_at_an_edge_belong_to_the_interval_before() -> None:
    found = IntervalGrid(np.array([0.0, 1.0, 3.0])).locate([0.5, 1.0, 2.0, 3.0, 3.1])
    assert found.interval.tolist() == [0, 0, 1, 1, 2]
    assert found.fraction.tolist() == [0.5, 1.0, 0.5, 1.0, 0.0]


GRID = IntervalGrid(np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]))


@pytest.mark.parametrize(
    ("events", "horizons", "groups"),
    [
        ([9, 9, 9, 9, 9], [5], [0, 1, 2, 3, 4]),
        ([2, 3, 9, 9, 9], [5], [0, 0, 2, 3, 4]),
        ([9, 9, 9, 9, 1], [5], [0, 1, 2, 3, 3]),
        ([9, 9, 1, 9, 9], [3, 5], [0, 1, 1, 3, 4]),  # the horizon at 3 ends a group
        ([1, 1, 1, 9, 9], [3, 5], [0, 0, 0, 0, 4]),  # it cannot: too few events before it
        ([0, 0, 0, 0, 0], [3, 5], [0, 0, 0, 0, 0]),
    ],
)
def test_groups(events: list[int], horizons: list[float], groups: list[int]) -> None:
    assert GRID.groups(events, horizons).tolist() == groups


@pytest.mark.parametrize("seed", range(4))
def test_a_shared_rate_recovers_a_constant_hazard(seed: int) -> None:
    """Few events and unequal widths: the offset keeps the shared parameter a hazard a year."""
    rng = np.random.default_rng(seed)
    time = rng.exponential(1 / 0.02, 3000)
    found = intercept_only(np.minimum(time, 6), (time <= 6).astype(int), IntervalGrid.of_horizons([1, 3, 5]), [1, 3, 5])
    survival = np.cumprod(1 - found.hazards[0])
    assert abs(survival[-1] - np.exp(-0.02 * 5)) < 0.012


def test_a_cause_that_never_occurs_has_no_hazard() -> None:
    time, event = np.linspace(0.1, 6, 80), np.zeros(80, int)
    event[::2] = 1
    found = intercept_only(time, event, IntervalGrid.of_horizons([1, 3]), [1, 3], causes=2)
    assert (found.hazards[1] < 1e-5).all()
    assert np.isfinite(found.logits).all()


def test_a_curve_knows_its_end() -> None:
    curve = kaplan_meier([1.0, 2.0, 3.0], [1, 0, 1]).curve
    assert isinstance(curve, StepCurve)
    np.testing.assert_allclose(curve.at([0.0, 1.0, 3.0]), [1.0, 2 / 3, 0.0], rtol=1e-15)
    assert np.isnan(curve.at(3.01))
    assert curve.at(1.0, left=True) == 1.0
