"""DICOM series: what is read from them, and what is said of those that make no volume."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder
from pydicom.uid import (
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    MRImageStorage,
)

from mmcare.errors import CohortError, Severity
from mmcare.formats import Series, read_dicom_series

WriteCT = Callable[..., Path]


def error_of(folder: Path, **options: str) -> str:
    with pytest.raises(CohortError) as caught:
        read_dicom_series(folder, **options)
    return str(caught.value)


def setting(**elements: object) -> Callable[[Dataset, int], None]:
    def change(dataset: Dataset, index: int) -> None:
        for name, value in elements.items():
            setattr(dataset, name, value)

    return change


def only(index: int, **elements: object) -> Callable[[Dataset, int], None]:
    def change(dataset: Dataset, at: int) -> None:
        if at == index:
            setting(**elements)(dataset, at)

    return change


def test_hounsfield_units_on_the_right_grid(
    tmp_path: Path, write_ct: WriteCT, stored: Callable[[int], np.ndarray]
) -> None:
    volume, findings = read_dicom_series(write_ct(tmp_path / "ct"))
    assert repr(volume) == "Volume(6 x 5 x 4 voxels of 0.8 x 0.5 x 2 mm, RAS)"
    assert volume.values.dtype == np.int16
    assert findings == []
    assert volume.series == Series("1.2.2", "1.2.1", "1.2.3", "Thorax 1.2.2")
    for index in range(4):
        for row, column in np.ndindex(5, 6):
            left, back, head = -10 + 0.8 * column, -20 + 0.5 * row, 100 + 2 * index
            i, j, k, _ = np.rint(np.linalg.solve(volume.affine, [-left, -back, head, 1])).astype(int)
            assert volume.values[i, j, k] == stored(index)[row, column] - 1024


def test_fractional_slopes_and_large_values_become_float32(tmp_path: Path, write_ct: WriteCT) -> None:
    volume, _ = read_dicom_series(write_ct(tmp_path / "a", setting(RescaleSlope=0.5)))
    assert (volume.values.dtype, volume.values.max()) == (np.float32, 345 * 0.5 - 1024)
    volume, _ = read_dicom_series(write_ct(tmp_path / "b", setting(RescaleSlope=1000)))
    assert (volume.values.dtype, volume.values.max()) == (np.float32, 345_000 - 1024)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_byte_orders(tmp_path: Path, write_ct: WriteCT, syntax: str) -> None:
    plain, _ = read_dicom_series(write_ct(tmp_path / "plain"))
    folder = tmp_path / "other"
    for path in write_ct(folder).iterdir():
        dataset = dcmread(path)
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
        dataset["PixelData"].VR = "OW"
        dataset.file_meta.TransferSyntaxUID = syntax
        # The dataset remembers how it was read; a copy writes as its transfer syntax says.
        copy = Dataset(dict(dataset.items()))
        copy.file_meta = dataset.file_meta
        copy.preamble = dataset.preamble
        copy.save_as(path, enforce_file_format=True)
    other, _ = read_dicom_series(folder)
    np.testing.assert_array_equal(other.values, plain.values)


def test_other_objects_beside_the_series_are_counted(tmp_path: Path, write_ct: WriteCT) -> None:
    folder = write_ct(tmp_path / "ct")
    write_ct(folder, setting(Modality="MR", SOPClassUID=MRImageStorage), n=1, prefix="mr", series="1.3")
    write_ct(folder, setting(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), n=1, prefix="scout", series="1.4")
    (folder / "notes.txt").write_text("hello")
    shutil.copy(folder / "001", folder / "zz-copy")
    (folder / "cut").write_bytes((folder / "001").read_bytes()[:200])
    volume, findings = read_dicom_series(folder)
    assert volume.shape == (6, 5, 4)
    said = sorted(str(finding) for finding in findings)
    assert [text for text in said if "is a damaged" not in text] == [
        f"{folder / 'scout001'}: is a scout (image type ORIGINAL/PRIMARY/LOCALIZER), no axial slice; it is left out.",
        f"{folder / 'zz-copy'}: is the same image as 001 (one SOPInstanceUID); it is left out.",
        f"{folder}: 4 of 9 files are slices of the series; left out: 1 damaged, 1 no DICOM file, 1 MR, 1 scout, "
        "1 image twice.",
    ]
    damaged = next(finding for finding in findings if finding.code == "damaged-dicom")
    assert (damaged.file, damaged.severity) == (folder / "cut", Severity.ERROR)


def test_a_missing_slice(tmp_path: Path, write_ct: WriteCT) -> None:
    folder = write_ct(tmp_path / "ct", n=8)
    (folder / "005").unlink()
    assert error_of(folder) == (
        f"{folder}, series 'Thorax 1.2.2': slices are missing (1 of 8), between 104 and 108 mm; the others are 2 mm "
        "apart. Export the whole series again."
    )


def test_two_slice_distances(tmp_path: Path, write_ct: WriteCT) -> None:
    def uneven(dataset: Dataset, index: int) -> None:
        dataset.ImagePositionPatient = [-10, -20, 2 * index if index < 4 else 6 + 1.25 * (index - 3)]

    folder = write_ct(tmp_path / "ct", uneven, n=7)
    assert error_of(folder) == (
        f"{folder}, series 'Thorax 1.2.2': the slices stand at 2 distances: 2 mm (3 times), 1.25 mm (3 times); a "
        "volume has one. Keep the part with one distance, or resample the series to one."
    )


def test_two_slices_at_one_position(tmp_path: Path, write_ct: WriteCT) -> None:
    folder = write_ct(tmp_path / "ct", only(2, ImagePositionPatient=[-10, -20, 102]))
    assert error_of(folder) == (
        f"{folder}, series 'Thorax 1.2.2': 1 pair of slices at one position, the first at 102 mm: 002 and 003. "
        "Keep one acquisition in the folder."
    )


def test_rounded_positions_are_one_distance(tmp_path: Path, write_ct: WriteCT) -> None:
    def rounded(dataset: Dataset, index: int) -> None:
        dataset.ImagePositionPatient = [-10, -20, round(1.25 * index + 0.01, 1)]

    volume, findings = read_dicom_series(write_ct(tmp_path / "ct", rounded, n=9))
    assert findings == []
    assert volume.spacing_mm[2] == pytest.approx(1.25, abs=0.02)


def test_two_series(tmp_path: Path, write_ct: WriteCT) -> None:
    folder = write_ct(tmp_path / "ct")
    write_ct(folder, n=3, prefix="b", series="1.9")
    listed = "'Thorax 1.2.2' with 4 slices (1.2.2); 'Thorax 1.9' with 3 slices (1.9)"
    assert error_of(folder) == (
        f"{folder}: holds 2 CT series: {listed}. "
        "Move all but one out of the folder, or give the `series_uid` of the one to read."
    )
    assert error_of(folder, series_uid="1.5") == (
        f"{folder}: there is no CT series 1.5; the folder holds {listed}. Give the `series_uid` of one of them."
    )
    volume, findings = read_dicom_series(folder, series_uid="1.9")
    assert volume.shape == (6, 5, 3)
    assert [str(finding) for finding in findings] == [
        f"{folder}: 3 of 7 files are slices of the series; left out: 4 other series."
    ]


def test_gantry_tilt(tmp_path: Path, write_ct: WriteCT) -> None:
    def tilted(dataset: Dataset, index: int) -> None:
        dataset.ImagePositionPatient = [-10, -20 + 2 * index * np.tan(np.radians(12)), 2 * index]

    folder = write_ct(tmp_path / "ct", tilted)
    assert error_of(folder) == (
        f"{folder}, series 'Thorax 1.2.2': the gantry was tilted: the slices are stacked 12.0 degrees off their "
        "normal; allowed are 0.1 degrees. Resample the series to an upright grid first."
    )


def absent(*names: str) -> Callable[[Dataset, int], None]:
    def change(dataset: Dataset, index: int) -> None:
        for name in names:
            delattr(dataset, name)

    return change


SPACING = "(0028,0030) PixelSpacing: is {}; two distances in mm, both above 0, are due."
ORIENTATION = "(0020,0037) ImageOrientationPatient: is {}; two directions of length 1 at a right angle are due."
ZERO, NEGATIVE = "0\\0.8", "0.5\\-0.8"
SKEW = "1\\0\\0\\0.2\\1\\0"
MORE = " The same in 3 more files of the series. Export the series again"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            absent("RescaleSlope", "RescaleIntercept"),
            ": (0028,1053) RescaleSlope and (0028,1052) RescaleIntercept absent: without both, the pixel values are "
            f"not Hounsfield units.{MORE} with its rescale elements.",
        ),
        (
            absent("RescaleIntercept"),
            ": (0028,1052) RescaleIntercept absent: without both, the pixel values are not Hounsfield units."
            f"{MORE} with its rescale elements.",
        ),
        (
            setting(RescaleSlope=0),
            f", (0028,1053) RescaleSlope: is 0, so that all pixels are one value.{MORE}.",
        ),
        (setting(PixelSpacing=[0, 0.8]), f", {SPACING.format(ZERO)}{MORE}."),
        (setting(PixelSpacing=[0.5, -0.8]), f", {SPACING.format(NEGATIVE)}{MORE}."),
        (absent("PixelSpacing"), f", {SPACING.format('absent')}{MORE}."),
        (
            setting(ImageOrientationPatient=[1, 0, 0, 0.2, 1, 0]),
            f", {ORIENTATION.format(SKEW)}{MORE}.",
        ),
        (absent("ImageOrientationPatient"), f", {ORIENTATION.format('absent')}{MORE}."),
        (
            absent("ImagePositionPatient"),
            f", (0020,0032) ImagePositionPatient: is absent; three coordinates in mm are due.{MORE}.",
        ),
    ],
    ids=[
        "no-rescale",
        "no-intercept",
        "slope-0",
        "spacing-0",
        "spacing-negative",
        "no-spacing",
        "not-orthonormal",
        "no-orientation",
        "no-position",
    ],
)
def test_an_element_that_is_of_no_use(
    tmp_path: Path, write_ct: WriteCT, change: Callable[[Dataset, int], None], message: str
) -> None:
    folder = write_ct(tmp_path / "ct", change)
    assert error_of(folder) == f"{folder / '001'}{message}"


def test_all_kinds_of_problems_of_one_pass_are_said(tmp_path: Path, write_ct: WriteCT) -> None:
    folder = write_ct(tmp_path / "ct", only(1, PixelSpacing=[0, 0], RescaleSlope=0))
    assert len(error_of(folder).splitlines()) == 2


def test_pixel_data_that_are_cut(tmp_path: Path, write_ct: WriteCT) -> None:
    folder = write_ct(tmp_path / "ct")
    path = folder / "002"
    path.write_bytes(path.read_bytes()[:-10])
    assert error_of(folder) == (
        f"{path}, (7FE0,0010) PixelData: 60 bytes of pixel data expected (5 rows x 6 columns x 16 bits), 50 found. "
        "The file is cut or changed: export it again."
    )


def test_rows_doubled(tmp_path: Path, write_ct: WriteCT) -> None:
    folder = write_ct(tmp_path / "ct", only(0, Rows=10))
    assert error_of(folder) == (
        f"{folder / '004'}, (7FE0,0010) PixelData: 120 bytes of pixel data expected (10 rows x 6 columns x 16 bits), "
        "60 found. The file is cut or changed: export it again."
    )


def test_a_size_that_no_memory_holds_is_refused_before_memory_is_taken(tmp_path: Path, write_ct: WriteCT) -> None:
    folder = write_ct(tmp_path / "ct", setting(Rows=65535, Columns=65535))
    assert "8,589,672,450 bytes of pixel data expected (65535 rows x 65535 columns x 16 bits), 60 found." in error_of(
        folder
    )


def test_compressed_without_a_decoder(tmp_path: Path, write_ct: WriteCT) -> None:
    if get_decoder(JPEGLosslessSV1).is_available:
        pytest.skip("this environment has a decoder of lossless JPEG")

    def compressed(dataset: Dataset, index: int) -> None:
        from pydicom.encaps import encapsulate

        dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1
        dataset.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True

    folder = write_ct(tmp_path / "ct", compressed)
    assert error_of(folder) == (
        f"{folder / '001'}, (0002,0010) TransferSyntaxUID: the pixel data are compressed as '{JPEGLosslessSV1.name}', "
        "for which no decoder is installed. The same in 3 more files of the series. "
        'Install one: pip install "pylibjpeg[all]".'
    )


def test_slices_that_differ(tmp_path: Path, write_ct: WriteCT) -> None:
    folder = write_ct(tmp_path / "ct", only(1, PixelSpacing=[0.6, 0.8]))
    assert error_of(folder) == (
        f"{folder}, series 'Thorax 1.2.2': the slices differ in pixel spacing: 0.5 x 0.8 mm in 001, 0.6 x 0.8 mm in "
        "003. Keep the slices of one acquisition in the folder."
    )


def test_multi_frame(tmp_path: Path, write_ct: WriteCT) -> None:
    folder = write_ct(tmp_path / "ct", setting(NumberOfFrames=4), n=1)
    assert error_of(folder) == (
        f"{folder / '001'}: is an image of 4 frames of the class 'CT Image Storage', which does not say where each "
        "lies; a CT of several frames is 'Enhanced CT Image Storage'. Export it as single slices, or convert it to "
        "NIfTI (for example with dcm2niix)."
    )


def test_no_ct(tmp_path: Path, write_ct: WriteCT) -> None:
    mr = write_ct(tmp_path / "mr", setting(Modality="MR", SOPClassUID=MRImageStorage))
    assert error_of(mr) == (
        f"{mr}: no CT image among 4 files (found: 4 MR); a CT series is due. Name the folder of the CT series."
    )
    scouts = write_ct(tmp_path / "scouts", setting(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), n=2)
    assert error_of(scouts) == (
        f"{scouts}: holds scouts only (2 images of type LOCALIZER); axial slices are due. "
        "Name the folder of the CT series."
    )
    (tmp_path / "empty").mkdir()
    assert error_of(tmp_path / "empty") == (
        f"{tmp_path / 'empty'}: no CT image among 0 files (found: no DICOM file); a CT series is due. "
        "Name the folder of the CT series."
    )
    assert error_of(tmp_path / "absent") == (
        f"{tmp_path / 'absent'}: there is no such folder. Name the folder of the series."
    )


def test_one_slice(tmp_path: Path, write_ct: WriteCT) -> None:
    folder = write_ct(tmp_path / "ct", n=1)
    assert error_of(folder) == (
        f"{folder}, series 'Thorax 1.2.2': the series has one slice; a volume needs at least 2. Name the whole series."
    )


def test_links(tmp_path: Path, write_ct: WriteCT) -> None:
    folder = write_ct(tmp_path / "ct")
    os.symlink(tmp_path, folder / "up")
    os.symlink(folder / "self", folder / "self")
    volume, findings = read_dicom_series(folder)
    assert volume.shape == (6, 5, 4)
    assert [str(finding) for finding in findings] == [
        f"{folder / 'self'}: is no file that can be read (a link that leads nowhere or to itself, or a device); it is "
        "left out. Remove it.",
        f"{folder / 'up' / 'ct'}: the link leads to a folder that is read already ({folder}); it is not followed. "
        "Remove the link.",
        f"{folder}: 4 of 5 files are slices of the series; left out: 1 no regular file.",
    ]


@pytest.mark.parametrize(("magic", "system"), [(b"MZ", "Windows"), (b"\x7fELF", "Linux")])
def test_a_program_in_the_preamble(tmp_path: Path, write_ct: WriteCT, magic: bytes, system: str) -> None:
    folder = write_ct(tmp_path / "ct")
    path = folder / "002"
    content = path.read_bytes()
    path.write_bytes(magic + content[len(magic) :])
    volume, findings = read_dicom_series(folder)
    assert volume.shape == (6, 5, 4)
    assert [str(finding) for finding in findings] == [
        f"{path}: the DICOM file begins like a program of {system} ({magic!r} in the preamble). "
        "Do not run it; export it again if you do not know why."
    ]


def test_the_phantom_is_the_same_as_dicom_and_as_nifti(real_data: Path) -> None:
    from mmcare.formats import read_volume

    phantom = real_data / "ibsi1-ct-phantom"
    dicom, findings = read_volume(phantom / "dicom" / "image")
    nifti, _ = read_volume(phantom / "nifti" / "image" / "phantom.nii.gz")
    assert repr(dicom) == repr(nifti) == "Volume(204 x 201 x 60 voxels of 0.977 x 0.977 x 3 mm, RAS)"
    assert findings == []
    assert dicom.geometry.difference(nifti.geometry) == ""
    np.testing.assert_array_equal(dicom.values, nifti.values)


def test_sixty_slices_take_less_than_two_seconds_of_cpu(real_data: Path) -> None:
    start = time.process_time()
    read_dicom_series(real_data / "ibsi1-ct-phantom" / "dicom" / "image")
    assert time.process_time() - start < 2
