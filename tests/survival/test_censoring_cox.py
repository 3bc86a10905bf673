"""Censoring that depends on covariates: R's values, and what must hold."""

from __future__ import annotations

import numpy as np
import pytest

from mmcare.survival import censoring_cox, reverse_kaplan_meier

from .conftest import Reference


def covariates(reference: Reference) -> np.ndarray:
    return np.stack([reference.column("age10"), reference.column("ecog")], axis=1)


@pytest.mark.parametrize("endpoint", ["os", "lc"])
def test_coefficients(reference: Reference, endpoint: str) -> None:
    expected = reference.value(f"{endpoint}.own.censoring_cox_fit")
    arm = reference.column("arm").astype(int)
    found = censoring_cox(*reference.of(endpoint), covariates(reference), arm, arms=2)
    for code in (0, 1):
        said = expected[f"arm{code}"]
        np.testing.assert_allclose(found.coefficients[code], [said["age10"], said["ecog"]], rtol=0, atol=1e-6)


@pytest.mark.parametrize("endpoint", ["os", "lc"])
def test_probability_at_given_coefficients(reference: Reference, endpoint: str) -> None:
    expected = reference.value(f"{endpoint}.own.censoring_cox_given")
    x, arm = covariates(reference), reference.column("arm").astype(int)
    given = [expected["b"]["arm0"], expected["b"]["arm1"]]
    found = censoring_cox(*reference.of(endpoint), x, arm, arms=2, coefficients=given)
    for horizon in (1, 3, 5):
        g = found.before(horizon, x[:10], arm[:10])
        np.testing.assert_allclose(g, expected["G_before"][f"t{horizon}"], rtol=0, atol=1e-12)


def test_without_covariates_it_is_nearly_kaplan_meier(reference: Reference) -> None:
    """exp(-H) for prod(1 - dH): the same to the square of the jumps."""
    time, event = reference.of("os")
    none = np.zeros((len(time), 1))
    found = censoring_cox(time, event, none, np.zeros(len(time)), arms=1)
    assert found.coefficients[0, 0] == 0.0
    g = reverse_kaplan_meier(time, event).at([1.0, 3.0], left=True)
    np.testing.assert_allclose(found.before([1.0, 3.0], none[:2], [0, 0]), g, atol=0.01)


def test_an_arm_where_nobody_is_censored_and_one_without_patients() -> None:
    time = np.array([1.0, 2.0, 3.0])
    found = censoring_cox(time, [1, 1, 2], np.array([[0.0], [1.0], [2.0]]), [0, 0, 0], arms=2)
    assert found.baselines[1] is None
    np.testing.assert_array_equal(found.before(time, [[5.0]] * 3, [0, 0, 0]), 1.0)
    assert np.isnan(found.before(1.0, [[0.0]], [1])).all()
    assert np.isnan(found.before(3.5, [[0.0]], [0])).all(), "beyond follow-up nothing is known"


def test_a_covariate_that_separates_is_refused() -> None:
    time, early = np.arange(1.0, 41), (np.arange(40) < 20).astype(float)
    with pytest.raises(ValueError) as caught:
        censoring_cox(time, 1 - early, early[:, None], np.zeros(40), arms=1)
    assert str(caught.value) == (
        "Arm 0: a covariate separates who was censored early from who was not, so the Cox model of censoring has "
        "no finite coefficient. Leave it out, or take the arm's Kaplan-Meier of censoring."
    )
