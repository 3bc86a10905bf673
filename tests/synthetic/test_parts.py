"""Small parts of the generator: quantiles, outlines, tubes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from mmcare.synthetic.nodule import Nodule, draw_outline, spicules
from mmcare.synthetic.random import poisson_quantile, stage_uniforms
from mmcare.synthetic.tubes import Tube, branching_vessels, draw_tube


def test_poisson_quantiles_are_scipys() -> None:
    rng = np.random.default_rng(0)
    u, rate = rng.random(50_000), np.exp(rng.normal(0, 1.5, 50_000))
    np.testing.assert_array_equal(poisson_quantile(u, rate), poisson.ppf(u, rate))
    assert poisson_quantile(0.999, 0.0) == 0


def test_uniforms_of_some_patients_are_theirs_in_any_cohort() -> None:
    np.testing.assert_array_equal(stage_uniforms(3, 4, [7, 2], 5), stage_uniforms(3, 4, 9, 5)[[7, 2]])
    assert not np.intersect1d(stage_uniforms(3, 4, 9, 5), stage_uniforms(3, 5, 9, 5)).size
    assert not np.intersect1d(stage_uniforms(3, 4, 9, 5), stage_uniforms(4, 4, 9, 5)).size


@pytest.mark.parametrize("seed", range(5))
def test_an_outline_has_mean_nothing_and_mean_square_one_over_the_sphere(seed: int) -> None:
    directions = np.random.default_rng(99).standard_normal((200_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    wave = draw_outline(np.random.default_rng(seed))(directions.astype(np.float32))
    assert wave.mean() == pytest.approx(0, abs=0.01)
    assert np.square(wave).mean() == pytest.approx(1, abs=0.02)


def test_spicules_are_as_many_as_spiculation_says() -> None:
    of = Nodule(20.0, 1.0, 0.7, 0.5)
    drawn = [spicules(of, np.random.default_rng(i)) for i in range(400)]
    assert np.mean([len(s) for s in drawn]) == pytest.approx(14 * 0.7, abs=0.5)
    lengths = np.linalg.norm(np.concatenate(drawn), axis=1)
    assert lengths.min() >= 2 and lengths.max() <= 8 and lengths.mean() == pytest.approx(5, abs=0.1)


def test_vessels_branch_and_grow_thinner() -> None:
    vessels = branching_vessels(np.random.default_rng(1), 25)
    assert len(vessels) == 25
    assert all(0.6 <= vessel.radius_mm <= 2.5 for vessel in vessels)
    for number, vessel in enumerate(vessels[4:], start=4):
        parent = vessels[(number - 4) // 2]
        np.testing.assert_array_equal(vessel.start, parent.end)
        assert vessel.radius_mm <= parent.radius_mm
    fewer = branching_vessels(np.random.default_rng(1), 16)
    for one, other in zip(fewer, vessels, strict=False):
        np.testing.assert_array_equal(one.end, other.end)


def test_a_tube_has_its_volume() -> None:
    """A capsule is a cylinder and a ball; a cone with its round base, a third of a cylinder and half a ball.

    The soft edge adds some.
    """
    axis = (np.arange(96) - 47.5).astype(np.float32)
    start, end = np.array([-10.0, 0.3, 0.2]), np.array([15.0, 4.0, -3.0])
    length = float(np.linalg.norm(end - start))
    for end_radius, expected, within in (
        (4.0, np.pi * 16 * length + 4 / 3 * np.pi * 64, 0.1),
        (0.0, np.pi * 16 * length / 3 + 2 / 3 * np.pi * 64, 0.2),
    ):
        values = np.zeros((96, 96, 96), dtype=np.float32)
        draw_tube(values, axis, Tube(start, end, 4.0, end_radius), 1.0)
        assert values.sum() == pytest.approx(expected, rel=within)
        assert values.max() <= 1 and values[0].max() == 0


def test_a_tube_outside_the_field_changes_nothing() -> None:
    axis = (np.arange(64) * 1.5 - 47.25).astype(np.float32)
    values = np.zeros((64, 64, 64), dtype=np.float32)
    draw_tube(values, axis, Tube(np.array([80.0, 0, 0]), np.array([90.0, 5, 0]), 2.0, 2.0), 1.0)
    assert not values.any()
