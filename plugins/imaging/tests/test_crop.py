"""Cutting a box out of a volume, on phantoms whose answer is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from mmcare.components import Absent, Region
from mmcare.formats import Volume
from mmcare.inputs.locate import region_of
from mmcare_imaging.crop import AIR_HU, Box, box_around, region_mask, resample_mask, resample_values
from mmcare_imaging.plugin import MaskConfig
from mmcare_imaging.segmenters import GivenMask

CENTRE_MM = np.array([3.37, -21.61, 40.93])
"""Of all phantoms: on no voxel of any of them."""


def turned(degrees: float, axis: int) -> np.ndarray:
    """A rotation about one axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = (a for a in range(3) if a != axis)
    matrix = np.eye(3)
    matrix[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
    return matrix


GRIDS = {
    "isotropic": np.diag([1.0, 1.0, 1.0]),
    "thick slices": np.diag([0.7, 0.7, 2.5]),
    "flipped": np.diag([-0.9, -0.9, 1.4]),
    "permuted": np.array([[0.0, 1.1, 0.0], [0.0, 0.0, 0.8], [1.3, 0.0, 0.0]]),
    "oblique": turned(20, 2) @ turned(12, 0) @ np.diag([0.9, 1.0, 1.2]),
}


def affine_of(axes: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """The affine of a grid whose middle is CENTRE_MM and a bit."""
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = CENTRE_MM + 0.3 - axes @ ((np.array(shape) - 1) / 2)
    return affine


def millimetres(shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    """(i, j, k, 3), where the centre of each voxel is."""
    indices = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return indices @ affine[:3, :3].T + affine[:3, 3]


def ball(axes: np.ndarray, radius_mm: float, half_mm: float = 36.0) -> Volume:
    """A ball of 40 HU at CENTRE_MM in lung of -860 HU."""
    i, j, k = np.ceil(2 * half_mm / np.linalg.norm(axes, axis=0)).astype(int).tolist()
    affine = affine_of(axes, (i, j, k))
    inside = np.linalg.norm(millimetres((i, j, k), affine) - CENTRE_MM, axis=-1) <= radius_mm
    return Volume(np.where(inside, 40, -860).astype(np.int16), affine, mask=inside)


def located(volume: Volume) -> Region:
    region = region_of(volume, GivenMask(MaskConfig()), "key")
    assert not isinstance(region, Absent)
    return region


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.3, 0.8, 1.1)])
def test_hu_that_rise_linearly_with_mm_are_found_at_every_voxel(grid: str, spacing: tuple[float, float, float]) -> None:
    shape = (70, 66, 62)
    affine = affine_of(GRIDS[grid], shape)
    slope, start = np.array([3.0, -2.0, 5.0]), -200.0
    volume = Volume((millimetres(shape, affine) @ slope + start).astype(np.float32), affine)
    box = Box((17, 16, 15), np.array(spacing), CENTRE_MM, np.zeros(3), False)
    expected = millimetres(box.size, box.affine) @ slope + start
    assert np.abs(resample_values(volume, box) - expected).max() <= 0.51  # rounded to whole HU


@pytest.mark.parametrize("grid", GRIDS)
def test_the_box_lies_around_the_tumour_and_the_mask_is_the_ball(grid: str) -> None:
    volume = ball(GRIDS[grid], 11.0)
    region = located(volume)
    voxel_mm = np.abs(volume.affine[:3, :3]).sum(1)
    assert (np.abs(region.centre_mm - CENTRE_MM) <= voxel_mm / 2 + 1e-9).all()
    assert (np.abs(region.extent_mm - 22.0) <= voxel_mm).all()
    box = box_around(region, (48, 48, 48), (1.0, 1.0, 1.0), 5.0, shrink=True)
    assert not box.overflows
    mask = resample_mask(region.mask, box).astype(bool)
    where = millimetres(box.size, box.affine)[mask]
    assert np.abs(where.mean(0) - CENTRE_MM).max() < 0.15
    assert mask.sum() == pytest.approx(4 / 3 * np.pi * 11**3, rel=0.03)
    distance = np.linalg.norm(millimetres(box.size, box.affine) - CENTRE_MM, axis=-1)
    soft = voxel_mm.max() + 1
    hu = resample_values(volume, box)
    assert (hu[distance < 11 - soft] == 40).all()
    assert (hu[distance > 11 + soft] == -860).all()


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("margin", [3.0, 7.6])
def test_the_mask_with_its_margin_is_the_greater_ball(grid: str, margin: float) -> None:
    region = located(ball(GRIDS[grid], 8.0))
    box = box_around(region, (44, 44, 44), (1.0, 1.0, 1.0), margin, shrink=True)
    mask = region_mask(region.mask, box, margin).astype(bool)
    distance = np.linalg.norm(millimetres(box.size, box.affine) - CENTRE_MM, axis=-1)
    soft = np.abs(GRIDS[grid]).sum(1).max() / 2 + 0.5  # half a voxel of the volume, half a voxel of the box
    assert mask[distance <= 8 + margin - soft].all()
    assert not mask[distance >= 8 + margin + soft].any()
    assert mask.sum() == pytest.approx(4 / 3 * np.pi * (8 + margin) ** 3, rel=0.1)


def test_a_cube_on_the_grid_grows_by_whole_voxels_along_each_axis() -> None:
    values = np.full((40, 40, 40), -860, dtype=np.int16)
    mask = np.zeros(values.shape, dtype=bool)
    mask[16:24, 16:24, 16:24] = True
    region = located(Volume(values, np.diag([1.0, 1.0, 1.0, 1.0]), mask=mask))
    np.testing.assert_array_equal(region.lower_mm, [15.5] * 3)
    np.testing.assert_array_equal(region.upper_mm, [23.5] * 3)
    box = box_around(region, (16, 16, 16), (1.0, 1.0, 1.0), 4.0, shrink=True)
    assert not box.overflows
    np.testing.assert_array_equal(box.affine[:3, 3], [12.0] * 3)
    np.testing.assert_array_equal(region_mask(region.mask, box, 0.0), mask[12:28, 12:28, 12:28])
    grown = region_mask(region.mask, box, 4.0)
    middle = grown[8, 8]
    assert middle.all()  # 4 + 8 + 4 voxels: all of the box
    assert not grown[0, 0, 0]  # the corner is 6.9 mm away, not 4
    assert region_mask(region.mask, box, 2.0)[8, 8].tolist() == [0] * 2 + [1] * 12 + [0] * 2


def test_a_tumour_at_the_border_has_air_where_the_volume_ends() -> None:
    values = np.full((30, 30, 30), 25, dtype=np.int16)
    mask = np.zeros(values.shape, dtype=bool)
    mask[:6, 10:16, 24:] = True
    volume = Volume(values, np.diag([1.0, 1.0, 1.0, 1.0]), mask=mask)
    region = located(volume)
    box = box_around(region, (20, 20, 20), (1.0, 1.0, 1.0), 3.0, shrink=True)
    where = millimetres(box.size, box.affine)
    outside = ((where < -0.99) | (where > 29.99)).any(-1)
    hu = resample_values(volume, box)
    assert outside.any()
    assert (hu[outside] == AIR_HU).all()
    assert (hu[~outside] == 25).all()
    assert resample_mask(region.mask, box).sum() == mask.sum()


@pytest.mark.parametrize("at", [(7, 9, 11), (8, 8, 8), (0, 0, 0)])
def test_a_mask_smaller_than_a_voxel_of_the_box_keeps_the_voxel_it_lies_in(at: tuple[int, int, int]) -> None:
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[at] = True
    volume = Volume(np.zeros(mask.shape, dtype=np.int16), np.diag([0.5, 0.5, 0.5, 1.0]), mask=mask)
    region = located(volume)
    np.testing.assert_array_equal(region.extent_mm, [0.5] * 3)
    box = box_around(region, (5, 5, 5), (3.0, 3.0, 3.0), 0.0, shrink=True)
    found = np.argwhere(resample_mask(region.mask, box))
    np.testing.assert_array_equal(found, [[2, 2, 2]])  # the box is centred on it


def test_a_region_larger_than_the_box_is_seen_coarser_or_cut() -> None:
    volume = ball(np.diag([1.0, 1.0, 1.0]), 20.0)
    region = located(volume)
    extent = region.extent_mm.max()
    shrunk = box_around(region, (16, 16, 16), (2.0, 2.0, 2.0), 4.0, shrink=True)
    assert shrunk.overflows
    np.testing.assert_allclose(shrunk.spacing_mm, [(extent + 8) / 16] * 3)  # one factor on all axes
    np.testing.assert_allclose(shrunk.wanted_mm, region.extent_mm + 8)
    whole = resample_mask(region.mask, shrunk).sum() * np.prod(shrunk.spacing_mm)
    assert whole == pytest.approx(volume.mask.sum(), rel=0.05)
    cut = box_around(region, (16, 16, 16), (2.0, 2.0, 2.0), 4.0, shrink=False)
    assert cut.overflows
    np.testing.assert_array_equal(cut.spacing_mm, [2.0] * 3)
    np.testing.assert_array_equal(cut.centre_mm, shrunk.centre_mm)


def test_what_the_box_cuts_off_grows_into_it() -> None:
    """A plate below the box, 2 mm away, with a margin of 5 mm: the lowest 3 mm of the box belong to it."""
    mask = np.zeros((40, 40, 40), dtype=bool)
    mask[:, :, 5] = mask[20, 20, 5:] = True
    region = located(Volume(np.zeros(mask.shape, dtype=np.int16), np.eye(4), mask=mask))
    box = box_around(region, (8, 8, 28), (1.0, 1.0, 1.0), 5.0, shrink=False)
    assert box.overflows
    bottom = box.affine[2, 3]  # centre of the lowest voxel: the plate's centre is at 5 mm
    column = region_mask(region.mask, box, 5.0)[0, 0]
    np.testing.assert_array_equal(column.astype(bool), bottom + np.arange(28) - 5 <= 5.5)
    assert 0 < column.sum() < 28


def test_only_the_voxels_under_the_box_are_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy import ndimage

    sizes = []
    true = ndimage.affine_transform
    monkeypatch.setattr(
        ndimage, "affine_transform", lambda part, *a, **k: sizes.append(part.size) or true(part, *a, **k)
    )
    volume = Volume(np.zeros((256, 256, 100), dtype=np.int16), np.diag([0.8, 0.8, 3.0, 1.0]))
    resample_values(volume, Box((24, 24, 24), np.array([1.5] * 3), np.array([100.0, 100, 150]), np.zeros(3), False))
    (touched,) = sizes
    assert touched <= (24 * 1.5 / 0.8 + 14) ** 2 * (24 * 1.5 / 3 + 10)
    assert touched < volume.values.size / 50


def test_a_tumour_on_an_oblique_grid_is_bounded_by_its_own_voxels() -> None:
    """Not by the corners of their block of indices, which lie farther out."""
    mask = np.zeros((41, 41, 5), dtype=bool)
    mask[20, :, 2] = mask[:, 20, 2] = True  # a cross
    axes = turned(45, 2)
    affine = np.eye(4)
    affine[:3, :3] = axes
    region = located(Volume(np.zeros(mask.shape, dtype=np.int16), affine, mask=mask))
    arm = 40 * np.sqrt(0.5) + np.sqrt(2)  # from end to end of an arm, and the corners of its end voxels
    np.testing.assert_allclose(region.extent_mm, [arm, arm, 1.0])
