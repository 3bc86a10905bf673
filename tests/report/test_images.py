"""What is shown of an image lies where it lay in the scan, whatever the scan's grid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmcare.explain import Saliency, Target
from mmcare.formats import Volume
from mmcare.report import ReportData
from mmcare.report.imaging import ImageView, LoadedImage, view_of
from mmcare.report.packing import unpacked_bytes, unpacked_int16
from mmcare.report.volume_grid import MOST_VOXELS, around

from .browser import Browser
from .conftest import Page

AT_MM = np.array([12.0, -20.0, 31.0])
"""Where a bright cube lies."""


def _affine(spacing: tuple[float, float, float], degrees: float) -> np.ndarray:
    """A grid turned about the axis to the head and tilted by as much about the one to the right."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ tilt @ np.diag(spacing)
    affine[:3, 3] = AT_MM - affine[:3, :3] @ np.array([30, 22, 14])
    return affine


GRIDS = {"anisotropic": _affine((1.0, 1.0, 3.0), 0), "oblique": _affine((1.5, 1.2, 2.5), 12)}


def _scan(affine: np.ndarray) -> Volume:
    values = np.full((64, 60, 32), -1000, dtype=np.int16)
    values[28:33, 20:25, 13:16] = 500
    return Volume(values, affine, values > 0)


def _heat(affine: np.ndarray) -> Saliency:
    """A map on a coarser grid of its own, along the axes, hot where the cube is."""
    own = np.diag([4.0, 4.0, 4.0, 1.0])
    own[:3, 3] = AT_MM - 4 * np.array([9, 8, 7])
    values = np.zeros((16, 16, 16), dtype=np.float32)
    values[9, 8, 7] = 1
    return Saliency(Target("os", 2, "sbrt"), "ct", values, 1.0, own, "grad-cam", 0.5)


def _mm(view: ImageView, voxel: np.ndarray) -> np.ndarray:
    matrix = np.array(view.affine).reshape(3, 4)
    return matrix[:, :3] @ voxel + matrix[:, 3]


@pytest.fixture(params=GRIDS)
def view(request: pytest.FixtureRequest) -> ImageView:
    affine = GRIDS[request.param]
    return view_of("ct", LoadedImage(_scan(affine)), [_heat(affine)], {"sbrt": "SBRT"})


def test_a_bright_cube_comes_back_in_its_place(view: ImageView) -> None:
    hu = unpacked_int16(view.data, view.shape)
    bright = np.argwhere(hu > 0)
    assert np.linalg.norm(_mm(view, bright.mean(0)) - AT_MM) < view.spacing_mm
    inside = unpacked_bytes(view.outlines[0].data, view.shape) > 0
    np.testing.assert_array_less(0, hu[inside & (hu > -990)].max())
    assert np.linalg.norm(_mm(view, np.argwhere(inside).mean(0)) - AT_MM) < view.spacing_mm
    assert np.linalg.norm(_mm(view, np.array(view.start)) - AT_MM) < view.spacing_mm


def test_the_heat_lies_over_the_cube(view: ImageView) -> None:
    matrix = np.array(view.heat_maps[0].matrix).reshape(3, 4)
    place = matrix[:, :3] @ np.array(view.start) + matrix[:, 3]
    assert np.abs(place - [9, 8, 7]).max() < view.spacing_mm / 4


def test_a_page_draws_the_heat_where_the_cube_is(
    view: ImageView, data: ReportData, page: Page, browser: Browser
) -> None:
    with browser.open(page(data.model_copy(update={"images": (view,)}))) as opened:
        hottest = opened.page.evaluate(
            """() => { const v = MM.shown[0], [ni, nj, nk] = v.image.shape; let best = -1, at = null;
            for (let k = 0; k < nk; k++) for (let j = 0; j < nj; j++) for (let i = 0; i < ni; i++) {
              const heat = v.heatAt(v.map, [i, j, k]); if (heat > best) { best = heat; at = [i, j, k]; } }
            return at; }"""
        )
        value = opened.page.evaluate("() => MM.shown[0].values[MM.shown[0].index(MM.shown[0].at)]")
    assert np.linalg.norm(_mm(view, np.array(hottest)) - AT_MM) < 2 * view.spacing_mm
    assert value == unpacked_int16(view.data, view.shape)[view.start]


def test_the_right_side_of_the_patient_is_on_the_left(
    view: ImageView, data: ReportData, page: Page, browser: Browser
) -> None:
    """In axial slices front is up; in the others the head is up, and front is on the left of the sagittal one."""
    with browser.open(page(data.model_copy(update={"images": (view,)}))) as opened:
        corners = {
            plane: opened.page.evaluate("(plane) => MM.shown[0].voxel(plane, 0, 0)", plane)
            for plane in ("axial", "coronal", "sagittal")
        }
    right, front, head = (n - 1 for n in view.shape)
    i, j, k = view.start
    assert corners == {"axial": [right, front, k], "coronal": [right, j, head], "sagittal": [i, front, head]}


def test_a_whole_scan_is_never_embedded_finer_than_the_budget() -> None:
    grid = around(np.zeros(3), np.array([400.0, 400, 500]), (512, 512, 300), np.diag([0.8, 0.8, 2.0, 1.0]))
    assert np.prod(grid.shape) <= MOST_VOXELS


def test_an_image_that_is_not_in_hu_gets_windows_of_its_own() -> None:
    suv = np.linspace(0, 12, 8**3, dtype=np.float32).reshape(8, 8, 8)
    found = view_of("pet", LoadedImage(Volume(suv, np.diag([8.0, 8, 8, 1]))), [], {})
    assert found.unit == ""
    assert [window.name for window in found.windows] == ["Most of it", "Whole range"]
    back = unpacked_int16(found.data, found.shape) * found.slope + found.intercept
    assert back.max() == pytest.approx(12, abs=0.01)


def test_heat_maps_and_outlines_of_a_demo_patient(of_images: Callable[[str], ReportData], images: Path) -> None:
    (view,) = of_images("SYN-00003").images
    assert (view.modality, view.unit) == ("ct", "HU")
    assert [outline.name for outline in view.outlines] == ["Tumour, as drawn"]
    for outline in view.outlines:
        assert unpacked_bytes(outline.data, view.shape).any()
    for heat in view.heat_maps:
        assert unpacked_bytes(heat.data, heat.shape).shape == heat.shape
