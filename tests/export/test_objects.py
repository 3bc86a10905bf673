"""Segmentations and pictures lie on the series that they were made for, however it was scanned and stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pytest
from pydicom import dcmread

from mmcare.explain import Saliency, Target
from mmcare.export.heat import Heat, heat_on_series
from mmcare.export.maker import Maker, dicom_text
from mmcare.export.overlay import AGAINST, FOR, blended, overlay_images
from mmcare.export.segmentation import TumourMask, heat_segmentation, heat_title, mask_segmentation
from mmcare.export.source import SourceSeries, read_source
from mmcare.formats import Volume, read_mask
from mmcare.formats.dicom import read_dicom_series

from .series import write_series

MAKER = Maker("9.8.7", "runs-0001", "run-id", "ab" * 32)
STRAIGHT = np.array([[0.8, 0, 0, -12], [0, 0.8, 0, -20], [0, 0, 2.0, 100], [0, 0, 0, 1]])
_TURN = 0.35
_ROUND = np.array([[np.cos(_TURN), -np.sin(_TURN), 0], [np.sin(_TURN), np.cos(_TURN), 0], [0, 0, 1]])
_NOD = np.array([[1, 0, 0], [0, np.cos(0.2), -np.sin(0.2)], [0, np.sin(0.2), np.cos(0.2)]])
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = _ROUND @ _NOD @ np.diag([0.8, 0.9, 2.0])
OBLIQUE[:3, 3] = [-12, -20, 100]
WAYS: list[Any] = [
    pytest.param((STRAIGHT, "axial", False), id="axial"),
    pytest.param((STRAIGHT, "axial", True), id="reverse"),
    pytest.param((OBLIQUE, "axial", False), id="oblique"),
    pytest.param((OBLIQUE, "sagittal", True), id="oblique-sagittal-reverse"),
]
TARGET = Target("os", 3, "sbrt")


def volume_of(affine: np.ndarray) -> Volume:
    """Noise: no two voxels are alike by chance."""
    values = np.random.default_rng(1).integers(-900, 900, (24, 22, 12)).astype(np.int16)
    return Volume(values, affine)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Volume, SourceSeries]:
    """A volume, and the series that it was read from."""
    affine, plane, reverse = request.param
    volume = volume_of(affine)
    folder = write_series(tmp_path / "ct", volume, plane=plane, reverse=reverse)
    series, findings = read_source(folder, None, None)
    assert findings == []
    return volume, series


def saved(dataset: Any, folder: Path) -> Path:
    dataset.save_as(folder / "object.dcm", enforce_file_format=True)
    return folder / "object.dcm"


def test_the_series_is_the_volume(way: tuple[Volume, SourceSeries]) -> None:
    volume, series = way
    assert series.volume.geometry.difference(volume.geometry) == ""
    np.testing.assert_array_equal(series.volume.values, volume.values)
    for frame, image in zip(series.frames(volume.values), series.images, strict=True):
        stored = dcmread(series.folder / f"{int(image.InstanceNumber):03d}.dcm").pixel_array
        np.testing.assert_array_equal(frame, stored.astype(int) - 1024)


def test_a_mask_comes_back_voxel_by_voxel(way: tuple[Volume, SourceSeries], tmp_path: Path) -> None:
    volume, series = way
    mask = np.random.default_rng(2).random(volume.shape) < 0.3
    mask[:, :, [0, -1]] = mask[[0, -1]] = False
    found = TumourMask(series.frames(mask), "Tumour, as unet3d found it", "unet3d")
    path = saved(mask_segmentation(series, found, MAKER, 9001), tmp_path)
    like, _ = read_dicom_series(series.folder)
    back, findings = read_mask(path, None, like)
    np.testing.assert_array_equal(back, mask)
    assert findings == []


def test_each_frame_refers_to_the_slice_that_it_lies_on(way: tuple[Volume, SourceSeries], tmp_path: Path) -> None:
    volume, series = way
    mask = np.zeros(volume.shape, dtype=bool)
    mask[4:9, 5:12, 3:8] = True
    read = highdicom.seg.segread(
        saved(mask_segmentation(series, TumourMask(series.frames(mask), "Tumour", "unet3d"), MAKER, 9001), tmp_path)
    )
    by_uid = {str(image.SOPInstanceUID): image for image in series.images}
    for frame in read.PerFrameFunctionalGroupsSequence:
        source = frame.DerivationImageSequence[0].SourceImageSequence[0]
        image = by_uid[str(source.ReferencedSOPInstanceUID)]
        position = frame.PlanePositionSequence[0].ImagePositionPatient
        np.testing.assert_allclose(np.float64(position), np.float64(image.ImagePositionPatient), atol=1e-4)
    (referenced,) = read.ReferencedSeriesSequence
    assert str(referenced.SeriesInstanceUID) == str(series.images[0].SeriesInstanceUID)
    assert {str(one.ReferencedSOPInstanceUID) for one in referenced.ReferencedInstanceSequence} <= set(by_uid)


@pytest.mark.parametrize("at", [(6, 6, 4), (15, 12, 7)])
def test_a_planted_bright_cube_lies_in_its_place(
    way: tuple[Volume, SourceSeries], at: tuple[int, int, int], tmp_path: Path
) -> None:
    """Map on a grid of its own -> slices of the series -> file -> the CT's voxels, to within one voxel."""
    volume, series = way
    middle_mm = volume.affine[:3, :3] @ at + volume.affine[:3, 3]
    grid = np.diag([1.0, 1.0, 1.0, 1.0])
    grid[:3, 3] = middle_mm - [10, 11, 12]
    bright = np.zeros((24, 24, 24), dtype=np.float32)
    bright[9:12, 10:13, 11:14] = 1
    saliency = Saliency(TARGET, "ct", bright * 0, 1.0, grid, "grad-cam", None, against=bright)
    heat = heat_on_series(saliency, series)
    read = highdicom.seg.segread(saved(heat_segmentation(series, heat, MAKER, 9002), tmp_path))
    back = read.get_volume(allow_missing_positions=True, rescale_fractional=True)
    values = back.array[..., 0]
    places = np.argwhere(values > values.max() / 2).mean(0)
    found_mm = np.diag([-1, -1, 1]) @ (back.affine[:3, :3] @ places + back.affine[:3, 3])
    off = np.linalg.inv(volume.affine[:3, :3]) @ (found_mm - middle_mm)
    assert np.abs(off).max() <= 1, off


def test_a_map_is_stored_in_steps_of_a_byte_with_a_segment_a_direction(tmp_path: Path) -> None:
    series, _ = read_source(write_series(tmp_path / "ct", volume_of(STRAIGHT)), None, None)
    shape = series.frames(series.volume.values).shape
    speaks_for, against = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    speaks_for[5, 3, 4], against[6, 7, 8] = 1, np.float32(51 / 255)
    path = saved(heat_segmentation(series, Heat(TARGET, "Grad-CAM", speaks_for, against), MAKER, 9002), tmp_path)
    read = highdicom.seg.segread(path)
    assert (read.SegmentationType, read.SegmentationFractionalType) == ("FRACTIONAL", "PROBABILITY")
    assert read.MaximumFractionalValue == 255
    labels = [read.get_segment_description(number).segment_label for number in read.segment_numbers]
    assert labels == ["os@3:sbrt, speaks for", "os@3:sbrt, speaks against"]
    stored = read.get_volume(allow_missing_positions=True, rescale_fractional=False).array
    assert sorted(np.unique(stored[..., 0]).tolist()) == [0, 255]
    assert sorted(np.unique(stored[..., 1]).tolist()) == [0, 51]
    algorithm = read.get_segment_description(1)
    assert algorithm.algorithm_type.value == "AUTOMATIC"
    (named,) = algorithm.algorithm_identification
    assert (named.AlgorithmName, named.AlgorithmVersion, named.AlgorithmSource) == (
        "mmcare Grad-CAM",
        "9.8.7",
        "MM-Care",
    )


def test_a_mask_that_a_person_drew_is_no_algorithms(tmp_path: Path) -> None:
    series, _ = read_source(write_series(tmp_path / "ct", volume_of(STRAIGHT)), None, None)
    mask = np.zeros(series.frames(series.volume.values).shape, dtype=bool)
    mask[4, 4, 4] = True
    read = mask_segmentation(series, TumourMask(mask, "Tumour, as drawn", ""), MAKER, 9001)
    (segment,) = read.SegmentSequence
    assert (segment.SegmentAlgorithmType, segment.SegmentLabel) == ("MANUAL", "Tumour, as drawn")
    assert "SegmentationAlgorithmIdentificationSequence" not in segment


def test_a_picture_stands_where_its_slice_does(way: tuple[Volume, SourceSeries]) -> None:
    _, series = way
    shape = series.frames(series.volume.values).shape
    heat = Heat(TARGET, "Grad-CAM", np.zeros(shape, np.float32), np.ones(shape, np.float32))
    pictures = list(overlay_images(series, heat, MAKER, 9003))
    assert len(pictures) == len(series.images) == len({picture.SOPInstanceUID for picture in pictures})
    assert len({picture.SeriesInstanceUID for picture in pictures}) == 1
    for picture, image in zip(pictures, series.images, strict=True):
        assert picture.FrameOfReferenceUID == image.FrameOfReferenceUID
        assert picture.ImagePositionPatient == image.ImagePositionPatient
        assert picture.ImageOrientationPatient == image.ImageOrientationPatient
        assert picture.SourceImageSequence[0].ReferencedSOPInstanceUID == image.SOPInstanceUID
        assert picture.PixelSpacing == image.PixelSpacing
        assert (picture.Rows, picture.Columns) == (image.Rows, image.Columns)
    assert {tuple(picture.PatientOrientation) for picture in pictures} <= {("L", "P"), ("P", "F")}


def test_colours_are_grey_where_there_is_no_map_and_the_maps_where_there_is() -> None:
    hu = np.array([[-1350, 150, 1000, -600]], dtype=np.int16)
    none, all_ = np.zeros((1, 4), np.float32), np.ones((1, 4), np.float32)
    np.testing.assert_array_equal(blended(hu, none, none)[0], [[0] * 3, [255] * 3, [255] * 3, [128] * 3])
    np.testing.assert_array_equal(blended(hu, all_, none)[0, 0], np.rint(0.6 * np.array(FOR)))
    np.testing.assert_array_equal(blended(hu, none, all_)[0, 0], np.rint(0.6 * np.array(AGAINST)))


def test_a_title_names_the_output_and_fits_however_long_the_arm_is_called() -> None:
    none = np.zeros((1, 1, 1), np.float32)
    assert heat_title(Heat(TARGET, "Grad-CAM", none, none)) == "Grad-CAM, os@3:sbrt, research use only"
    long = heat_title(Heat(Target("os", 3, "sbrt\\" * 30), "Grad-CAM", none, none))
    assert len(long) == 64 and long.endswith("…, research use only") and "\\" not in long


def test_a_text_becomes_one_value_that_can_be_read() -> None:
    assert dicom_text("a\\b\nc\x1bd") == "a/b c d"
    assert dicom_text("x" * 65) == "x" * 63 + "…"
