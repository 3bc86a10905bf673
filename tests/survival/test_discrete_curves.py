"""From hazards to probabilities at any time: R's given head, and what must hold."""

from __future__ import annotations

import numpy as np
import pytest

from mmcare.survival import (
    DEFAULT_EDGES,
    IntervalGrid,
    discrete_expected_events,
    discrete_hazards,
    discrete_incidence,
)

from .conftest import Reference, given_head

GRID = IntervalGrid(np.array(DEFAULT_EDGES))


def curves(hazards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, K+1) free of the event, and the competing incidence, at the edges."""
    at = np.stack([discrete_incidence(hazards, GRID, edge) for edge in GRID.edges], axis=2)
    return 1 - at[:, 0], at[:, 1] if hazards.shape[1] == 2 else np.zeros_like(at[:, 0])


@pytest.mark.parametrize("endpoint", ["os", "lc"])
@pytest.mark.parametrize("time", ["1", "3", "5", "2.5"])
def test_risk_at_edges_and_inside_an_interval(reference: Reference, endpoint: str, time: str) -> None:
    expected = reference.value(f"{endpoint}.own.discrete_head")["risk"][f"t{time}"]
    arm = reference.column("arm")
    risk = discrete_incidence(given_head(reference, endpoint), GRID, float(time))[:, 0]
    np.testing.assert_allclose(risk[:5], expected["first5"], rtol=0, atol=1e-12)
    for code in (0, 1):
        assert risk[arm == code].mean() == pytest.approx(expected[f"mean_arm{code}"], rel=0, abs=1e-12)


@pytest.mark.parametrize("endpoint", ["os", "lc"])
@pytest.mark.parametrize("horizon", [1, 3, 5])
def test_events_expected(reference: Reference, endpoint: str, horizon: int) -> None:
    expected = reference.value(f"{endpoint}.own.discrete_head")["calibration"]
    time, _ = reference.of(endpoint)
    found = discrete_expected_events(given_head(reference, endpoint), GRID, np.minimum(time, horizon))[:, 0]
    for code in (0, 1):
        said = expected[f"arm{code}"][f"t{horizon}"]["E"]
        assert found[reference.column("arm") == code].sum() == pytest.approx(said, rel=0, abs=1e-10)


@pytest.mark.parametrize("causes", [1, 2])
def test_hazards_come_back_from_their_curves(causes: int) -> None:
    hazards = np.random.default_rng(causes).uniform(0, 0.4, (7, causes, GRID.count))
    free, competing = curves(hazards)
    found = discrete_hazards(free, competing if causes == 2 else None)
    np.testing.assert_allclose(found, hazards, rtol=0, atol=1e-12)


def test_the_parts_of_a_whole() -> None:
    """Free of all, failed and dead sum to one; without covariates events expected of one cause are -log S."""
    hazards = np.random.default_rng(0).uniform(0, 0.4, (5, 2, GRID.count))
    for time in (0.0, 0.1, 1.0, 4.2, 5.0):
        both = discrete_incidence(hazards, GRID, time)
        one = discrete_incidence(hazards.sum(1, keepdims=True), GRID, time)
        np.testing.assert_allclose(both.sum(1), one[:, 0], rtol=0, atol=1e-14)
        expected = discrete_expected_events(hazards.sum(1, keepdims=True), GRID, time)
        np.testing.assert_allclose(np.exp(-expected), 1 - one, rtol=0, atol=1e-14)


def test_nothing_beyond_the_last_edge_nor_beyond_a_curve() -> None:
    hazards = np.full((1, 1, GRID.count), 0.1)
    hazards[..., -1] = np.nan  # the model's support ends at 4 years
    assert np.isfinite(discrete_incidence(hazards, GRID, 4.0)).all()
    assert np.isnan(discrete_incidence(hazards, GRID, 4.1)).all()
    assert np.isfinite(discrete_expected_events(hazards, GRID, 4.0)).all()
    assert np.isnan(discrete_expected_events(hazards, GRID, 4.1)).all()
    assert np.isnan(discrete_incidence(np.full((1, 1, GRID.count), 0.1), GRID, 5.1)).all()
    free = np.array([[1.0, 0.5, 0.0, 0.0, np.nan]])
    np.testing.assert_array_equal(discrete_hazards(free), [[[0.5, 1.0, 0.0, np.nan]]])
