"""Overlap and surface distance of masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcare.evaluation.segmentation import dice, hausdorff_95_mm

SPACING = (0.8, 1.0, 3.0)


def ball(radius: float, centre: tuple[float, float, float], size: int = 32) -> np.ndarray:
    grid = np.stack(np.meshgrid(*[np.arange(size)] * 3, indexing="ij"), -1)
    return np.asarray(((grid - np.array(centre)) ** 2).sum(-1) <= radius**2)


def test_equal_masks_overlap_wholly_and_lie_no_distance_apart() -> None:
    mask = ball(6, (15, 15, 15))
    assert dice(mask, mask) == 1
    assert hausdorff_95_mm(mask, mask, SPACING) == 0


def test_a_cube_moved_by_a_voxel_in_closed_form() -> None:
    truth, found = np.zeros((2, 20, 20, 20), dtype=bool)
    truth[5:15, 5:15, 5:15] = True
    found[5:15, 5:15, 6:16] = True
    assert dice(found, truth) == pytest.approx(0.9)
    assert hausdorff_95_mm(found, truth, SPACING) == pytest.approx(3.0)


def test_nothing_can_be_said_of_empty_masks() -> None:
    empty, mask = np.zeros((32, 32, 32), dtype=bool), ball(4, (9, 9, 9))
    assert np.isnan(dice(empty, empty))
    assert dice(empty, mask) == 0
    assert np.isnan(hausdorff_95_mm(empty, mask, SPACING))
    assert np.isnan(hausdorff_95_mm(mask, empty, SPACING))


@pytest.mark.parametrize("seed", range(3))
def test_monai_computes_the_same(seed: int) -> None:
    metrics = pytest.importorskip("monai.metrics")
    rng = np.random.default_rng(seed)
    truth = ball(rng.uniform(4, 8), tuple(rng.uniform(12, 20, 3)))
    found = ball(rng.uniform(4, 8), tuple(rng.uniform(12, 20, 3))) ^ (rng.random(truth.shape) < 0.001)
    one_hot = [torch.from_numpy(mask)[None, None].float() for mask in (found, truth)]
    assert dice(found, truth) == pytest.approx(float(metrics.compute_dice(*one_hot)), abs=1e-6)
    theirs = float(
        metrics.compute_hausdorff_distance(*one_hot, include_background=True, percentile=95, spacing=SPACING)
    )
    assert hausdorff_95_mm(found, truth, SPACING) == pytest.approx(theirs, abs=1e-4)
