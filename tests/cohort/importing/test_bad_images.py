"""What is said of images that are wrong, case by case of a hospital's errors; every file is accounted for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import JPEGLosslessSV1, MRImageStorage

from .conftest import (
    N_SLICES,
    PIXEL_MM,
    SIZE,
    STEP_MM,
    TUMOUR,
    Import,
    SliceChange,
    inside,
    said,
    thorax,
    tumour,
    write_ct,
    write_rtstruct,
)

Make = Callable[[Path], object]
Case = tuple[Make, str, list[str]]


def setting(**elements: object) -> SliceChange:
    def change(dataset: Dataset, index: int) -> None:
        for name, value in elements.items():
            setattr(dataset, name, value)

    return change


def absent(*names: str) -> SliceChange:
    def change(dataset: Dataset, index: int) -> None:
        for name in names:
            delattr(dataset, name)

    return change


def first_rows_doubled(dataset: Dataset, index: int) -> None:
    dataset.Rows = 2 * SIZE if index == 0 else SIZE


def at(position: Callable[[int], list[float]]) -> SliceChange:
    def change(dataset: Dataset, index: int) -> None:
        dataset.ImagePositionPatient = position(index)

    return change


def changed(change: SliceChange | None = None, **options: object) -> Make:
    """A patient with a structure set, whose slices are changed."""

    def make(source: Path) -> None:
        write_ct(source / "a", change=change, **options)  # type: ignore[arg-type]
        write_rtstruct(source / "rs")

    return make


def edited(edit: Callable[[Path], object]) -> Make:
    """A patient in order, then one slice's file edited."""

    def make(source: Path) -> None:
        changed()(source)
        edit(source / "a" / "2-004")

    return make


def drawn(rois: dict[str, list[list[float]]], of: str | None = None, hu: np.ndarray | None = None) -> Make:
    """A patient with other contours."""

    def make(source: Path) -> None:
        write_ct(source / "a", hu=hu)
        write_rtstruct(source / "rs", rois=rois, of=of)

    return make


def beside(values: np.ndarray | None = None, up_mm: float = 0.0, unit: str = "mm", name: str = "P1_GTV-1.nii") -> Make:
    """A patient with a mask as NIfTI."""

    def make(source: Path) -> Path:
        write_ct(source / "a")
        affine = np.diag([-PIXEL_MM, -PIXEL_MM, STEP_MM, 1])
        affine[:3, 3] = [20, 30, 100 + up_mm]
        image = nibabel.Nifti1Image(inside().transpose(2, 1, 0).astype(np.uint8) if values is None else values, affine)
        image.header.set_xyzt_units(unit)
        nibabel.save(image, source / name)
        return source / name

    return make


def odd_values() -> np.ndarray:
    values = inside().transpose(2, 1, 0).astype(np.float32)
    values[0, 0, :3] = [0.5, 7, 255]
    return values


def cut_short(source: Path) -> None:
    path = source / "P1_GTV-1.nii.gz"
    beside(name=path.name)(source)
    path.write_bytes(path.read_bytes()[:-20])


def renamed(source: Path) -> None:
    beside()(source)
    (source / "P1_GTV-1.nii").rename(source / "P1_GTV-1.nii.gz")


def compressed(dataset: Dataset, index: int) -> None:
    dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    dataset.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True


def with_scout(source: Path) -> None:
    changed()(source)
    write_ct(source / "sc", change=setting(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), series=6, n=1)


def with_loop(source: Path) -> None:
    changed()(source)
    os.symlink(source, source / "a" / "up")


def at_the_feet() -> tuple[dict[str, list[list[float]]], np.ndarray]:
    where = (slice(0, 3), TUMOUR[1], TUMOUR[2])
    hu = thorax()
    hu[where] = 45
    return {"GTV-1": tumour(where)}, hu


MIRRORED = (TUMOUR[0], TUMOUR[1], slice(SIZE - TUMOUR[2].stop, SIZE - TUMOUR[2].start))
SERIES = "error: a, patient P1, series 'Thorax 2': "
MORE = "The same in 7 more files of the series. Export the series again"
REFUSED: dict[str, tuple[Make, str]] = {
    "D01 a mask on another grid": (
        beside(up_mm=7),
        "error: P1_GTV-1.nii, patient P1: the mask lies on another grid than the CT: origin (-26, -16, 107) mm against "
        "(-26, -16, 100) mm; up to 7 mm apart; 100% of the mask's voxels overlap with the CT. "
        "Resample the mask to the CT's grid (nearest neighbour).",
    ),
    "D02 a slice missing": (
        edited(Path.unlink),
        f"{SERIES}slices are missing (1 of 8), between 109 and 115 mm; the others are 3 mm apart. Export the whole "
        "series again.",
    ),
    "D03 two slice distances": (
        changed(at(lambda i: [-20, -30, 100 + (3 * i if i < 5 else 12 + 1.25 * (i - 4))])),
        f"{SERIES}the slices stand at 2 distances: 3 mm (4 times), 1.25 mm (3 times); a volume has one. Keep the part "
        "with one distance, or resample the series to one.",
    ),
    "D05 gantry tilt": (
        changed(at(lambda i: [-20, -30 + 3 * i * np.tan(np.radians(12)), 100 + 3 * i])),
        f"{SERIES}the gantry was tilted: the slices are stacked 12.0 degrees off their normal; allowed are 0.1 "
        "degrees. Resample the series to an upright grid first.",
    ),
    "D06 no rescale": (
        changed(absent("RescaleSlope", "RescaleIntercept")),
        "error: a/2-001, patient P1: (0028,1053) RescaleSlope and (0028,1052) RescaleIntercept absent: without both, "
        f"the pixel values are not Hounsfield units. {MORE} with its rescale elements.",
    ),
    "D07 an RTSTRUCT of another study": (
        drawn({"GTV-1": tumour()}, of="P9"),
        "error: rs, patient P1: the contours were drawn on another study (1.2.826.8057.1) than the CT's "
        "(1.2.826.8049.1). Name the structure set of this CT, or the CT of this study.",
    ),
    "D08 a region without contours": (
        drawn({"GTV-1": [], "Heart": tumour()}),
        "error: rs, patient P1, roi: the region 'GTV-1' has no closed contour; the regions with contours are: 'Heart'. "
        "Name one of these.",
    ),
    "D09 pixel data cut": (
        edited(lambda path: path.write_bytes(path.read_bytes()[:-100])),
        "error: a/2-004, patient P1, (7FE0,0010) PixelData: 1,152 bytes of pixel data expected (24 rows x 24 columns x "
        "16 bits), 1,052 found. The file is cut or changed: export it again.",
    ),
    "D20 rows doubled": (
        changed(first_rows_doubled),
        "error: a/2-008, patient P1, (7FE0,0010) PixelData: 2,304 bytes of pixel data expected (48 rows x 24 columns x "
        "16 bits), 1,152 found. The file is cut or changed: export it again.",
    ),
    "D21 pixel spacing 0": (
        changed(setting(PixelSpacing=[0, 2])),
        "error: a/2-001, patient P1, (0028,0030) PixelSpacing: is 0\\2; two distances in mm, both above 0, are due. "
        f"{MORE}.",
    ),
    "D21 pixel spacing absent": (
        changed(absent("PixelSpacing")),
        "error: a/2-001, patient P1, (0028,0030) PixelSpacing: is absent; two distances in mm, both above 0, are due. "
        f"{MORE}.",
    ),
    "D22 orientation not orthonormal": (
        changed(setting(ImageOrientationPatient=[1, 0, 0, 0.2, 1, 0])),
        "error: a/2-001, patient P1, (0020,0037) ImageOrientationPatient: is 1\\0\\0\\0.2\\1\\0; two directions of "
        f"length 1 at a right angle are due. {MORE}.",
    ),
    "D25 a mask in metres": (
        beside(unit="meter"),
        "error: P1_GTV-1.nii, patient P1, xyzt_units: gives its voxel sizes in metres; millimetres are due. Save it in "
        "mm: correct the unit if the numbers are mm, else scale them.",
    ),
    "D25 a mask in micrometres": (
        beside(unit="micron"),
        "error: P1_GTV-1.nii, patient P1, xyzt_units: gives its voxel sizes in micrometres; millimetres are due. Save "
        "it in mm: correct the unit if the numbers are mm, else scale them.",
    ),
    "D26 a mask with other values": (
        beside(odd_values()),
        "error: P1_GTV-1.nii, patient P1: a mask holds 0 (outside) and 1 (inside) only; found: 0.5 (1 voxel), 7 (1 "
        "voxel), 255 (1 voxel). Save the region alone, as 0 and 1.",
    ),
    "D27 a .nii renamed .nii.gz": (
        renamed,
        "error: P1_GTV-1.nii.gz, patient P1: is no compressed file, though its name ends in .gz. Rename it to "
        "P1_GTV-1.nii.",
    ),
    "D28 a mask of four dimensions": (
        beside(np.zeros((SIZE, SIZE, N_SLICES, 2), np.uint8)),
        "error: P1_GTV-1.nii, patient P1: has the shape 24 x 24 x 8 x 2; a volume of 3 dimensions is due. Save the one "
        "volume that is meant.",
    ),
    "D32 the offset applied twice": (
        changed(setting(RescaleIntercept=-2048)),
        "error: patient P1: the 1st percentile is -1874 HU and the 99th -979 HU; air is -1000 and soft tissue 0 to "
        "100: it seems that the rescale intercept was applied twice. Add 1024 to the values, or export them again.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_patient_that_is_refused(case: str, source: Path, cohort: Path, import_: Import) -> None:
    make, message = REFUSED[case]
    make(source)
    summary = import_("gtv*")
    assert [(result.patient, str(result.outcome)) for result in summary.patients] == [("P1", "refused")]
    assert said(summary, source) == [message]
    assert summary.files == {"of a refused patient": sum(path.is_file() for path in source.rglob("*"))}
    assert not cohort.exists()


IMPORTED: dict[str, tuple[Make, str]] = {
    "D23 a program in the preamble": (
        edited(lambda path: path.write_bytes(b"MZ" + path.read_bytes()[2:])),
        "warning: a/2-004: the DICOM file begins like a program of Windows (b'MZ' in the preamble). Do not run it; "
        "export it again if you do not know why.",
    ),
    "D24 a scout": (
        with_scout,
        "note: sc/6-001: is a scout (image type ORIGINAL/PRIMARY/LOCALIZER), no axial slice; it is left out.",
    ),
    "D30 a loop of links": (
        with_loop,
        "warning: a/up: the link leads to a folder that is read already (SRC); it is not followed. Remove the link.",
    ),
    "D33 a mask flipped left-right": (
        drawn({"GTV-1": tumour(MIRRORED)}),
        "warning: patient P1: the mask seems flipped left-right: 0% of the mask overlaps with tissue (above -300 HU), "
        "mirrored 100%; median inside -850 HU, mirrored 45 HU. Compare CT and mask in a viewer; export the mask again.",
    ),
    "D34 a CT that ends inside the tumour": (
        drawn(at_the_feet()[0], hu=at_the_feet()[1]),
        "warning: patient P1: the CT ends inside the tumour at the feet: the mask reaches its last slice, 0 mm from "
        "the edge; at least 3 mm (one voxel) is due. Bring a CT that holds the whole tumour, or leave the patient out.",
    ),
    "a mask of another patient": (
        drawn({"GTV-1": tumour((TUMOUR[0], slice(15, 18), slice(14, 18)))}),
        "warning: patient P1: the mask lies in air or lung, and is no denser than its surroundings: 0% of the mask "
        "overlaps with tissue (above -300 HU), mirrored 0%; median inside -850 HU, mirrored -850 HU. It may belong to "
        "another patient. Compare CT and mask in a viewer.",
    ),
}


@pytest.mark.parametrize("case", IMPORTED)
def test_a_patient_that_is_imported_with_words(case: str, source: Path, import_: Import) -> None:
    make, message = IMPORTED[case]
    make(source)
    summary = import_("gtv*")
    assert [(result.patient, str(result.outcome)) for result in summary.patients] == [("P1", "imported")]
    assert said(summary, source) == [message]
    assert sum(summary.files.values()) == sum(path.is_file() for path in source.rglob("*") if "up" not in path.parts)


def test_d10_compressed_without_a_decoder(source: Path, import_: Import) -> None:
    if get_decoder(JPEGLosslessSV1).is_available:
        pytest.skip("this environment has a decoder of lossless JPEG")
    changed(compressed)(source)
    assert said(import_("gtv*"), source) == [
        "error: a/2-001, patient P1, (0002,0010) TransferSyntaxUID: the pixel data are compressed as "
        f"'{JPEGLosslessSV1.name}', for which no decoder is installed. The same in 7 more files of the series. "
        'Install one: pip install "pylibjpeg[all]".'
    ]


def test_d27_a_mask_that_is_cut(source: Path, import_: Import) -> None:
    cut_short(source)
    (message,) = said(import_("gtv*"), source)
    found = message.partition("4,960 bytes expected, ")[2].partition(" found")[0]
    assert message == (
        f"error: P1_GTV-1.nii.gz, patient P1: is cut or damaged: 4,960 bytes expected, {found} found. "
        "Copy or export it again."
    )
    assert 0 <= int(found.replace(",", "")) < 4960  # how many depends on the library that decompresses


def test_d28_a_multi_frame_image_that_does_not_say_where_its_frames_lie(source: Path, import_: Import) -> None:
    write_ct(source / "a", change=setting(NumberOfFrames=4), n=1)
    summary = import_()
    assert said(summary, source) == [
        "warning: a/2-001: is an image of 4 frames of the class 'CT Image Storage', which does not say where each "
        "lies; a CT of several frames is 'Enhanced CT Image Storage'. Export it as single slices, or convert it to "
        "NIfTI (for example with dcm2niix).",
        "error: SRC: no patient's CT among 1 files (found: 1 multi-frame CT); a CT series is due. Name the folder of "
        "the series.",
    ]


def test_d29_mr_where_ct_is_due(source: Path, import_: Import) -> None:
    write_ct(source / "a", change=setting(Modality="MR", SOPClassUID=MRImageStorage))
    summary = import_()
    assert said(summary, source) == [
        "error: SRC: no patient's CT among 8 files (found: 8 of modality MR); a CT series is due. Name the folder of "
        "the series."
    ]


def test_files_without_a_patient_are_said_once(source: Path, import_: Import) -> None:
    write_ct(source / "a", change=setting(PatientID=""))
    summary = import_()
    assert summary.files == {"without PatientID": 8}
    assert said(summary, source)[0] == (
        "error: a/2-001: (0010,0020) PatientID is absent or empty in 8 files: it is not known whose they are. "
        "Export them again with an id for each patient."
    )


def test_a_series_of_two_patients(source: Path, import_: Import) -> None:
    def swapped(dataset: Dataset, index: int) -> None:
        dataset.PatientID = "P7" if index < 2 else "P1"

    write_ct(source / "a", change=swapped)
    write_ct(source / "b", patient="P2")
    summary = import_()
    assert [(result.patient, str(result.outcome)) for result in summary.patients] == [("P2", "imported")]
    assert said(summary, source)[:2] == [
        f"error: patient {one}: the series 1.2.826.8049.2 holds slices under this id and under '{other}': the images "
        "are mixed up. Find out whose they are, and export them again."
        for one, other in (("P1", "P7"), ("P7", "P1"))
    ]
    assert summary.files == {"CT slice, imported": 8, "of patients whose images are mixed up": 8}


def test_an_id_that_no_file_can_have(source: Path, cohort: Path, import_: Import) -> None:
    write_ct(source / "a", patient="12/34")
    summary = import_()
    assert (cohort / "ct" / "12-34-a7487e589668.nii.gz").exists()
    assert said(summary, source)[0] == (
        "warning: patient 12/34: the id '12/34' cannot be part of a file name (allowed are 1 to 64 of the letters A-Z "
        "and a-z, digits, '-', '_', '.' and inner spaces, beginning with a letter or digit, not ending in '.', and no "
        "device name of Windows such as CON); the cohort calls the patient '12-34-a7487e589668'. Use that id in the "
        "cohort's tables."
    )


def test_slices_without_preamble_are_read(source: Path, cohort: Path, import_: Import) -> None:
    for path in write_ct(source / "a").iterdir():
        dataset = dcmread(path)
        bare = Dataset(dict(dataset.items()))
        bare.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)
    assert path.read_bytes()[:2] == b"\x08\x00"
    summary = import_()
    assert [str(result.outcome) for result in summary.patients] == ["imported"]
    found = np.asarray(nibabel.load(cohort / "ct" / "P1.nii.gz").dataobj)
    np.testing.assert_array_equal(found[::-1, ::-1].transpose(2, 1, 0), thorax())
