"""Structure sets: exactly the voxels whose centres lie inside, and words where the contours do not belong."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmcare.errors import CohortError
from mmcare.formats import Geometry, Volume, rasterise, read_dicom_series, read_mask, read_rtstruct

WriteCT = Callable[..., Path]
WriteRT = Callable[..., Path]


def square(left: float, right: float, back: float, front: float, head: float) -> list[tuple[float, float, float]]:
    """A contour in DICOM's axes (to the left, the back, the head)."""
    return [(left, back, head), (right, back, head), (right, front, head), (left, front, head)]


@pytest.fixture
def volume(tmp_path: Path, write_ct: WriteCT) -> Volume:
    return read_dicom_series(write_ct(tmp_path / "ct"))[0]


def error_of(structures: Path, roi: str, volume: Volume) -> str:
    with pytest.raises(CohortError) as caught:
        rasterise(read_rtstruct(structures), roi, volume)
    return str(caught.value)


def test_voxel_centres_inside_are_in(volume: Volume, write_rtstruct: WriteRT) -> None:
    """Columns stand at -10, -9.2, … mm, rows at -20, -19.5, … mm, slices at 100, 102, … mm."""
    path = write_rtstruct({"GTV-1": [square(-9.5, -7.5, -19.7, -18.8, 102)]})
    mask, findings = rasterise(read_rtstruct(path), "gtv-1", volume)
    assert findings == []
    inside_mm = volume.affine @ np.vstack([np.argwhere(mask).T, np.ones(mask.sum())])
    found = sorted((round(-x, 1), round(-y, 1), round(z, 1)) for x, y, z in inside_mm[:3].T)
    assert found == [(c, r, 102.0) for c in (-9.2, -8.4, -7.6) for r in (-19.5, -19.0)]


def test_a_contour_within_a_contour_is_a_hole(volume: Volume, write_rtstruct: WriteRT) -> None:
    outer, inner = square(-9.5, -6.5, -19.7, -18.3, 102), square(-8.6, -8.2, -19.2, -18.8, 102)
    mask, _ = rasterise(read_rtstruct(write_rtstruct({"GTV": [outer, inner]})), "GTV", volume)
    assert mask.sum() == 4 * 3 - 1


def test_even_odd_fill_agrees_with_another_implementation(write_rtstruct: WriteRT) -> None:
    """Stars that cross themselves, against the parity of the edges that a ray from each voxel centre crosses."""
    random = np.random.default_rng(3)
    geometry = Geometry((40, 30, 1), np.eye(4))
    for _ in range(5):
        points = np.column_stack([random.uniform(2, 37, 9), random.uniform(2, 27, 9)])
        path = write_rtstruct({"A": [[(-x, -y, 0) for x, y in points]]})
        mask, _ = rasterise(read_rtstruct(path), "A", geometry)
        centres = np.argwhere(np.ones((40, 30)))
        crossings = np.zeros(len(centres), int)
        for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
            spans = (y0 > centres[:, 1]) != (y1 > centres[:, 1])
            with np.errstate(divide="ignore", invalid="ignore"):
                at = x0 + (centres[:, 1] - y0) / (y1 - y0) * (x1 - x0)
            crossings += spans & (centres[:, 0] < at)
        np.testing.assert_array_equal(mask[..., 0].ravel(), crossings % 2 == 1)


def test_a_pattern_unites_and_says_so(volume: Volume, write_rtstruct: WriteRT) -> None:
    first, second = square(-9.5, -7.5, -19.7, -18.8, 102), square(-9.5, -7.5, -19.7, -18.8, 104)
    path = write_rtstruct({"GTV-1": [first], "gtv-2": [second], "Heart": [first]})
    mask, findings = rasterise(read_rtstruct(path), "GTV*", volume)
    assert mask.sum() == 12
    assert [str(finding) for finding in findings] == [
        f"{path}, roi: 2 regions match 'GTV*' and are united: 'GTV-1', 'gtv-2'."
    ]


def test_no_such_region_and_one_without_contours(volume: Volume, write_rtstruct: WriteRT) -> None:
    path = write_rtstruct({"GTV-1": [], "Heart": [square(-9.5, -7.5, -19.7, -18.8, 102)]})
    assert error_of(path, "PTV", volume) == (
        f"{path}, roi: no region matches 'PTV'; the file holds: 'GTV-1', 'Heart'. Name one of these."
    )
    assert error_of(path, "GTV-1", volume) == (
        f"{path}, roi: the region 'GTV-1' has no closed contour; the regions with contours are: 'Heart'. "
        "Name one of these."
    )


def test_contours_of_another_study_series_or_space(volume: Volume, write_rtstruct: WriteRT) -> None:
    rois = {"GTV": [square(-9.5, -7.5, -19.7, -18.8, 102)]}
    path = write_rtstruct(rois, study="9.1", series="9.2", frame="9.3")
    assert error_of(path, "GTV", volume) == (
        f"{path}: the contours were drawn on another study (9.1) than the CT's (1.2.1). "
        "Name the structure set of this CT, or the CT of this study."
    )
    path = write_rtstruct(rois, series="9.2", frame="9.3")
    assert error_of(path, "GTV", volume) == (
        f"{path}: the contours were drawn on another series (9.2) than the CT's (1.2.2). "
        "Name the structure set of this CT, or the CT of this series."
    )
    mask, findings = rasterise(read_rtstruct(write_rtstruct(rois, series="9.2")), "GTV", volume)
    assert mask.sum() == 6
    assert [str(finding) for finding in findings] == [
        f"{path}: the contours were drawn on another series (9.2) than the CT's (1.2.2); both share one frame of "
        "reference, so that the contours are used. Check that they fit."
    ]


def test_contours_of_no_use_are_counted(volume: Volume, write_rtstruct: WriteRT) -> None:
    good = square(-9.5, -7.5, -19.7, -18.8, 102)
    path = write_rtstruct({"GTV": [good, good[:2], square(-9.5, -7.5, -19.7, -18.8, 300)]})
    mask, findings = rasterise(read_rtstruct(path), "GTV", volume)
    assert mask.sum() == 6
    assert [str(finding) for finding in findings] == [
        f"{path}: of the 3 contours of 'GTV', these are left out: 1 of fewer than 3 points, 1 outside the CT. "
        "Check the region in the planning system."
    ]
    path = write_rtstruct({"GTV": [square(-9.5, -7.5, -19.7, -18.8, 102.9)]})
    mask, findings = rasterise(read_rtstruct(path), "GTV", volume)
    assert [str(finding) for finding in findings] == [
        f"{path}: 1 of 1 contours of 'GTV' lie between two slices of the CT and are put into the nearest. "
        "Check that the contours were drawn on this CT."
    ]


def test_contours_elsewhere(volume: Volume, write_rtstruct: WriteRT) -> None:
    path = write_rtstruct({"GTV": [square(500, 510, -19.7, -18.8, 102)]})
    assert error_of(path, "GTV", volume) == (
        f"{path}: the 1 contours of 'GTV' enclose no voxel of the CT (0 lie outside of it). "
        "Name the CT that they were drawn on."
    )
    path = write_rtstruct({"GTV": [[(-9, -19, 102), (-8, -19, 103), (-8, -18, 104)]]})
    assert error_of(path, "GTV", volume) == (
        f"{path}: a contour of 'GTV' leaves its plane by 0.50 of the slice distance; allowed are 0.1: the contours do "
        "not lie in the slices of this CT. Name the CT that they were drawn on."
    )


def test_what_is_no_structure_set(tmp_path: Path, write_ct: WriteCT) -> None:
    text, ct = tmp_path / "notes.txt", write_ct(tmp_path / "ct") / "001"
    text.write_text("hello")
    for path, what in (
        (text, "is no DICOM file; a structure set (RTSTRUCT) is due."),
        (ct, "is a DICOM object of modality CT; a structure set (RTSTRUCT) is due."),
        (tmp_path / "absent", "cannot be read: No such file or directory."),
    ):
        with pytest.raises(CohortError) as caught:
            read_rtstruct(path)
        assert str(caught.value) == f"{path}: {what} Name the RTSTRUCT file."


@pytest.mark.parametrize(("patient", "slices", "voxels"), [("LUNG1-001", 134, 54_639), ("LUNG1-002", 111, 125_531)])
def test_published_tumours_have_their_voxel_counts(
    real_data: Path, tmp_path: Path, patient: str, slices: int, voxels: int
) -> None:
    folder = real_data / f"nsclc-radiomics-ct-{patient}"
    with tarfile.open(folder / f"{patient}.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    volume, findings = read_dicom_series(tmp_path / patient / "ct")
    assert (volume.shape, findings) == ((512, 512, slices), [])
    mask, findings = read_mask(tmp_path / patient / "rtstruct", "gtv-1", volume)
    assert (int(mask.sum()), findings) == (voxels, [])
    independent, _ = read_mask(folder / f"{patient}_GTV-1_mask_derived.nii.gz", None, volume)
    np.testing.assert_array_equal(mask, independent)


def test_the_phantom_has_one_mask_in_both_formats(real_data: Path) -> None:
    phantom = real_data / "ibsi1-ct-phantom"
    volume, _ = read_dicom_series(phantom / "dicom" / "image")
    contours, _ = read_mask(phantom / "dicom" / "mask", "GTV-1", volume)
    nifti, _ = read_mask(phantom / "nifti" / "mask" / "mask.nii.gz", None, volume)
    assert contours.sum() == nifti.sum() == 125_256
    assert 2 * (contours & nifti).sum() / (contours.sum() + nifti.sum()) == 1.0


def test_the_phantoms_contours_do_not_belong_to_another_patient(real_data: Path, volume: Volume) -> None:
    structures = real_data / "ibsi1-ct-phantom" / "dicom" / "mask"
    with pytest.raises(CohortError, match="the contours were drawn on another study"):
        read_mask(structures, "GTV-1", volume)
