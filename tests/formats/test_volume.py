"""A volume never loses its grid, and two grids are told apart by both their values."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mmcare.formats import Geometry, Volume
from mmcare.formats.volume import canonical

AFFINE = np.array([[0.5, 0, 0, -10], [0, 0.8, 0, -20], [0, 0, 3, 100], [0, 0, 0, 1.0]])


def test_repr_is_for_clinicians() -> None:
    values = np.zeros((4, 5, 6), np.int16)
    mask = values == 0
    assert repr(Volume(values, AFFINE)) == "Volume(4 x 5 x 6 voxels of 0.5 x 0.8 x 3 mm, RAS)"
    assert repr(Volume(values, AFFINE, mask)) == "Volume(4 x 5 x 6 voxels of 0.5 x 0.8 x 3 mm, RAS, mask of 120 voxels)"


@pytest.mark.parametrize(
    ("values", "affine", "mask", "message"),
    [
        (np.zeros((4, 5), np.int16), AFFINE, None, "values must be"),
        (np.zeros((4, 5, 6)), AFFINE, None, "values must be"),
        (np.zeros((4, 5, 6), np.int16), AFFINE[:3], None, "affine must be"),
        (np.zeros((4, 5, 6), np.int16), AFFINE, np.zeros((4, 5, 5), bool), "mask must be"),
    ],
)
def test_parts_that_do_not_fit_are_refused(values: object, affine: object, mask: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Volume(values, affine, mask)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("order", "signs"),
    list(itertools.product(itertools.permutations(range(3)), [(1, 1, 1), (-1, 1, -1), (-1, -1, -1)])),
)
def test_canonical_moves_axes_and_no_voxel(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    """However the axes run, each value stays at its place in mm, and the axes run to right, front and head."""
    values = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    directions = np.zeros((3, 3))
    for axis in range(3):
        directions[order[axis], axis] = signs[axis] * (axis + 0.5)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = directions, [7, -8, 9]
    turned, new = canonical(values, affine)
    assert Geometry(turned.shape, new).orientation == "RAS"  # type: ignore[arg-type]
    assert all(stride > 0 for stride in turned.strides)
    for index in np.ndindex(values.shape):
        place = affine @ [*index, 1]
        i, j, k, _ = np.rint(np.linalg.solve(new, place)).astype(int)
        assert turned[i, j, k] == values[index]


def test_one_grid_within_a_hundredth_of_the_spacing() -> None:
    grid = Geometry((4, 5, 6), AFFINE)
    near, far = AFFINE.copy(), AFFINE.copy()
    near[0, 3] += 0.004
    far[0, 3] += 0.006
    assert grid.difference(Geometry((4, 5, 6), near)) == ""
    assert grid.difference(Geometry((4, 5, 6), far)) == (
        "origin (-10, -20, 100) mm against (-9.994, -20, 100) mm; up to 0.006 mm apart"
    )


def test_both_values_of_what_differs_are_named() -> None:
    grid = Geometry((4, 5, 6), AFFINE)
    assert grid.difference(Geometry((4, 5, 7), AFFINE)) == "size 4 x 5 x 6 against 4 x 5 x 7 voxels"
    coarse, turned = AFFINE.copy(), AFFINE.copy()
    coarse[2, 2] = 2.5
    turned[:2, 0] = 0.5 * np.array([np.cos(0.1), np.sin(0.1)])
    assert grid.difference(Geometry((4, 5, 6), coarse)) == (
        "spacing 0.5, 0.8, 3 mm against 0.5, 0.8, 2.5 mm; up to 2.5 mm apart"
    )
    assert grid.difference(Geometry((4, 5, 6), turned)) == (
        "axes (1, 0, 0) (0, 1, 0) (0, 0, 1) against (0.995, 0.0998, 0) (0, 1, 0) (0, 0, 1); up to 0.1499 mm apart"
    )
