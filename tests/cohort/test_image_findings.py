"""What `cohort check` says of CTs and masks: each case spoils one patient of a cohort whose other CTs are in order."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmcare.cli.main import main
from mmcare.formats.nifti import write_nifti
from mmcare.workflow.cohort_check import check_cohort_folder

from .conftest import DICTIONARY

Values = np.ndarray
Write = Callable[..., Path]
ENTRY = 'modalities:\n  ct: {files: "ct/{patient}.nii.gz", mask: "ct/{patient}_gtv.nii.gz"}\n'
AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])
TUMOUR = (slice(8, 13), slice(10, 15), slice(4, 8))
BAD = "P03"


def body(number: int = 3) -> tuple[Values, Values]:
    """Soft tissue around two lungs, a tumour in the left one, its mask; each patient's own by one voxel."""
    values = np.full((40, 30, 12), -850, dtype=np.int16)
    values[:3] = values[-3:] = values[18:22] = 40
    values[:, :3] = values[:, -3:] = 40
    values[TUMOUR] = 45
    mask = np.zeros(values.shape, dtype=bool)
    mask[TUMOUR] = True
    values[1, 1, 1] += number
    return values, mask


def put(folder: Path, patient: str, values: Values, mask: Values, mask_affine: Values = AFFINE) -> None:
    write_nifti(folder / "ct" / f"{patient}.nii.gz", values, AFFINE)
    write_nifti(folder / "ct" / f"{patient}_gtv.nii.gz", mask, mask_affine)


@pytest.fixture
def cohort(write: Write) -> Path:
    folder = write(DICTIONARY + ENTRY)
    (folder / "ct").mkdir()
    for number in range(24):
        put(folder, f"P{number:02d}", *body(number))
    return folder


def said(folder: Path, **options: object) -> list[str]:
    _, findings = check_cohort_folder(folder, **options)  # type: ignore[arg-type]
    return [f"{f.severity}: {f}".replace(f"{folder}/", "") for f in findings]


def shifted(mm: float) -> Values:
    affine = AFFINE.copy()
    affine[0, 3] = mm
    return affine


def grid(folder: Path) -> None:
    put(folder, BAD, *body(), mask_affine=shifted(58.0))


def twice(folder: Path) -> None:
    values, mask = body()
    put(folder, BAD, values - 1024, mask)


def flipped(folder: Path) -> None:
    values, mask = body()
    put(folder, BAD, values, mask[::-1].copy())


def cut(folder: Path) -> None:
    values, mask = body()
    put(folder, BAD, values[..., :6].copy(), mask[..., :6].copy())


def in_air(folder: Path) -> None:
    values, mask = body()
    put(folder, BAD, values, np.roll(mask, 9, axis=1))


def empty(folder: Path) -> None:
    values, mask = body()
    put(folder, BAD, values, np.zeros_like(mask))


def damaged(folder: Path) -> None:
    path = folder / "ct" / f"{BAD}.nii.gz"
    whole = gzip.compress(gzip.decompress(path.read_bytes()), compresslevel=0)  # its bytes as they are, after 15 more
    path.write_bytes(whole[: 15 + 3036])


CT = f"ct/{BAD}.nii.gz, patient {BAD}, modality ct: "
MASK = f"ct/{BAD}_gtv.nii.gz, patient {BAD}, modality ct: "
CASES: dict[str, tuple[Callable[[Path], None], str]] = {
    "D01 a mask on another grid": (
        grid,
        f"error: {MASK}the mask lies on another grid than the CT: origin (58, 0, 0) mm against (0, 0, 0) mm; up to 58 "
        "mm apart; 60% of the mask's voxels overlap with the CT. Resample the mask to the CT's grid (nearest "
        "neighbour).",
    ),
    "D32 the offset twice": (
        twice,
        f"error: {CT}the 1st percentile is -1874 HU and the 99th -984 HU; air is -1000 and soft tissue 0 to 100: it "
        "seems that the rescale intercept was applied twice. Add 1024 to the values, or export them again.",
    ),
    "D33 a flipped mask": (
        flipped,
        f"warning: {MASK}the mask seems flipped left-right: 0% of the mask overlaps with tissue (above -300 HU), "
        "mirrored 100%; median inside -850 HU, mirrored 45 HU. Compare CT and mask in a viewer; export the mask again.",
    ),
    "D34 a cut tumour": (
        cut,
        f"warning: {MASK}the CT ends inside the tumour at the head: the mask reaches its last slice, 0 mm from the "
        "edge; at least 3 mm (one voxel) is due. Bring a CT that holds the whole tumour, or leave the patient out.",
    ),
    "a mask in air": (
        in_air,
        f"warning: {MASK}the mask lies in air or lung, and is no denser than its surroundings: 0% of the mask overlaps "
        "with tissue (above -300 HU), mirrored 0%; median inside -850 HU, mirrored -850 HU. It may belong to another "
        "patient. Compare CT and mask in a viewer.",
    ),
    "an empty mask": (empty, f"error: {MASK}the mask is empty. Bring the mask of this CT."),
    "a file cut short": (
        damaged,
        f"error: {CT}is cut or damaged: 29,152 bytes expected, 3,036 found. Copy or export it again.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_image_is_named(case: str, cohort: Path) -> None:
    spoil, message = CASES[case]
    spoil(cohort)
    assert said(cohort) == [message]
    assert said(cohort, images=False) == []


def test_findings_stand_in_the_order_of_patients_whatever_the_number_of_processes(cohort: Path) -> None:
    _, mask = body()
    for number in (20, 1, 11):
        put(cohort, f"P{number:02d}", body(number)[0], mask[::-1].copy())
    told: list[tuple[str, int, int]] = []
    _, alone = check_cohort_folder(cohort, workers=1)
    _, findings = check_cohort_folder(cohort, workers=2, progress=lambda *step: told.append(step))
    assert [finding.patient for finding in findings] == ["P01", "P11", "P20"]
    assert findings == alone
    assert told == [("Opening CTs and masks", done, 24) for done in range(1, 25)]


def test_a_ct_without_a_mask_is_opened_too(cohort: Path) -> None:
    values, mask = body()
    put(cohort, BAD, values - 1024, mask)
    (cohort / "ct" / f"{BAD}_gtv.nii.gz").unlink()
    assert [finding.code for finding in check_cohort_folder(cohort)[1]] == ["no-file", "hu-offset-twice"]


def outline(number: int) -> Values:
    """A mask that is no box: as each hand draws it."""
    _, mask = body()
    mask[np.unravel_index(np.flatnonzero(mask)[number : number + 30 : 7], mask.shape)] = False
    return mask


def test_one_ct_of_two_patients_is_found_in_whatever_form(cohort: Path) -> None:
    values, mask = body(7)
    (cohort / "ct" / "P07.nii.gz").unlink()
    write_nifti(cohort / "ct" / "P07.nii.gz", values.astype(np.float32), AFFINE)
    put(cohort, "P15", values, mask)
    put(cohort, "P20", values, outline(1))
    whole = body(11)[0]
    for patient in ("P11", "P12", "P13", "P14", "P16"):
        put(cohort, patient, whole, mask)
    todo = "Find out whose they are; who is in training and in testing at once makes results look too good."
    what = "one of them has another's images, or one person is listed more than once."
    assert said(cohort) == [
        f"warning: ct/P07.nii.gz, patient P07, modality ct: the CT is, voxel for voxel, also that of patients P15, P20:"
        f" {what} {todo}",
        f"warning: ct/P11.nii.gz, patient P11, modality ct: the CT is, voxel for voxel, also that of patients P12, P13,"
        f" P14 and 1 more: {what} {todo}",
    ]


def test_one_mask_of_two_patients_is_found_but_no_box_or_point(cohort: Path) -> None:
    for number in (4, 9):
        put(cohort, f"P{number:02d}", body(number)[0], outline(5))
    put(cohort, "P10", body(10)[0], outline(6))
    assert said(cohort) == [
        "warning: ct/P04_gtv.nii.gz, patient P04, modality ct: the mask is, voxel for voxel, also that of patient P09, "
        "and their CTs differ: it was drawn on one of these CTs only. Find out on whose it was drawn, and bring the "
        "others' own."
    ]


def test_no_false_alarm_on_a_synthetic_cohort(tmp_path: Path) -> None:
    from mmcare.synthetic import draw, write_cohort

    write_cohort(draw("heterogeneous", 20, 4), tmp_path / "synthetic")
    _, findings = check_cohort_folder(tmp_path / "synthetic")
    assert [str(finding) for finding in findings if finding.patient is not None] == []


def test_the_verb_opens_images_unless_told_not_to(cohort: Path, capfd: pytest.CaptureFixture[str]) -> None:
    flipped(cohort)
    assert main(["cohort", "check", str(cohort)]) == 1
    assert "the mask seems flipped left-right" in capfd.readouterr().err
    assert main(["cohort", "check", str(cohort), "--no-images"]) == 0
    assert "flipped" not in capfd.readouterr().err
    assert main(["cohort", "check", str(cohort), "--workers", "-1"]) == 2
    assert capfd.readouterr().err == (
        "Error: --workers: is -1; a number from 1 upwards is due, or 0 for as many as there are cores.\n"
        "  Give such a number.\n"
    )
