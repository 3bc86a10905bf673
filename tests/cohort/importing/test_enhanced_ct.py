"""A CT as one multi-frame file: the same voxels as its single slices, and the same words where its frames are wrong."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from mmcare.formats import read_dicom_series, read_volume
from mmcare.workflow.import_dicom import ImportOptions, import_dicom

from .conftest import N_SLICES, Import, said, write_ct, write_enhanced, write_rtstruct

Change = Callable[[Dataset], object]


@pytest.fixture
def single(tmp_path: Path) -> Path:
    """The same CT as single slices, beside the source; each slice with a slope of its own."""

    def own_slope(dataset: Dataset, index: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = 1 + index, -1000 - index

    return write_ct(tmp_path / "single", change=own_slope)


@pytest.mark.parametrize("syntax", [None, RLELossless])
@pytest.mark.parametrize("legacy", [True, False])
def test_the_frames_are_the_slices(source: Path, single: Path, legacy: bool, syntax: str | None) -> None:
    write_enhanced(source / "ct", single, legacy=legacy, syntax=syntax)
    volume, findings = read_dicom_series(source)
    expected, _ = read_dicom_series(single)
    assert findings == []
    np.testing.assert_array_equal(volume.values, expected.values)
    np.testing.assert_allclose(volume.affine, expected.affine, atol=1e-9)
    assert volume.series == expected.series


def test_it_is_imported_with_its_structure_set(source: Path, cohort: Path, single: Path, import_: Import) -> None:
    write_enhanced(source / "ct", single)
    write_rtstruct(source / "rs")
    summary = import_("gtv*")
    assert said(summary, source) == []
    assert summary.files == {"multi-frame CT, imported": 1, "mask, imported": 1}
    assert summary.patients[0].image == "8 slices, 24 x 24 x 8 voxels of 2 x 2 x 3 mm, RAS"
    assert summary.patients[0].mask == "RTSTRUCT GTV-1: 75 voxels"
    assert [str(result.outcome) for result in import_("gtv*").patients] == ["there already"]


def frame(dataset: Dataset, index: int) -> Dataset:
    return dataset.PerFrameFunctionalGroupsSequence[index]


def without_measures(image: Dataset) -> None:
    for group in (*image.PerFrameFunctionalGroupsSequence, *image.SharedFunctionalGroupsSequence):
        group.pop("PixelMeasuresSequence", None)


def without_rescale(image: Dataset) -> None:
    del frame(image, 2).PixelValueTransformationSequence


def one_left_out(image: Dataset) -> None:
    image.PerFrameFunctionalGroupsSequence = image.PerFrameFunctionalGroupsSequence[:-1]


def two_at_one_place(image: Dataset) -> None:
    frame(image, 4).PlanePositionSequence = frame(image, 3).PlanePositionSequence


def cut_pixels(image: Dataset) -> None:
    image.PixelData = image.PixelData[:-100]


SERIES = "error: SRC, patient P1, series 'Thorax 2': "
REFUSED: dict[str, tuple[Change, str]] = {
    "no spacing": (
        without_measures,
        "error: ct, patient P1, frame 1, (0028,0030) PixelSpacing: is absent; two distances in mm, both above 0, are "
        "due. The same in 7 more frames of the series. Export the series again.",
    ),
    "no rescale of one frame": (
        without_rescale,
        "error: ct, patient P1, frame 3: (0028,1053) RescaleSlope and (0028,1052) RescaleIntercept absent: without "
        "both, the pixel values are not Hounsfield units. Export the series again with its rescale elements.",
    ),
    "a frame that is not described": (
        one_left_out,
        "error: ct, patient P1: has 8 frames and describes 7 (in PerFrameFunctionalGroupsSequence). Export the series "
        "again.",
    ),
    "two frames at one place": (
        two_at_one_place,
        f"{SERIES}1 pair of slices at one position, the first at 112 mm: ct (frame 4) and ct (frame 5). Keep one "
        "acquisition in the folder.",
    ),
    "pixel data cut": (
        cut_pixels,
        "error: ct, patient P1, frame 1, (7FE0,0010) PixelData: 9,216 bytes of pixel data expected (8 frames x 24 rows "
        "x 24 columns x 16 bits), 9,116 found. The file is cut or changed: export it again.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_frames_that_make_no_volume_are_refused_in_words(
    case: str, source: Path, cohort: Path, single: Path, import_: Import
) -> None:
    change, message = REFUSED[case]
    write_enhanced(source / "ct", single, change)
    summary = import_("gtv*")
    assert said(summary, source) == [message]
    assert summary.files == {"of a refused patient": 1}
    assert not cohort.exists()


def test_a_scout_of_several_frames_is_left_out(source: Path, single: Path, import_: Import) -> None:
    write_enhanced(
        source / "sc", single, lambda image: setattr(image, "ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"])
    )
    write_ct(source / "ct", series=5)
    summary = import_()
    assert summary.files == {"CT slice, imported": N_SLICES, "scout": 1}


@pytest.mark.slow
def test_a_published_ct_in_one_file_gives_the_published_mask(tmp_path: Path, real_data: Path) -> None:
    with tarfile.open(real_data / "nsclc-radiomics-ct-LUNG1-001" / "LUNG1-001.tar.xz") as archive:
        archive.extractall(tmp_path / "archive", filter="data")
    patient, source = tmp_path / "archive" / "LUNG1-001", tmp_path / "source"
    write_enhanced(source / "ct.dcm", patient / "ct")
    (patient / "rtstruct").rename(source / "rtstruct")
    import_dicom(source, tmp_path / "cohort", ImportOptions(("gtv-1",)))
    volume, _ = read_volume(tmp_path / "cohort" / "ct" / "LUNG1-001.nii.gz")
    expected, _ = read_dicom_series(patient / "ct")
    np.testing.assert_array_equal(volume.values, expected.values)
    mask = nibabel.load(tmp_path / "cohort" / "ct" / "LUNG1-001_gtv.nii.gz")
    assert int(np.asarray(mask.dataobj).sum()) == 54_639
