"""Published patients imported from their archives, as DICOM and as NIfTI, with and without their identity."""

from __future__ import annotations

import csv
import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from mmcare.cli.main import main
from mmcare.errors import Severity
from mmcare.formats import Volume, read_mask, read_nifti
from mmcare.formats.image_checks import check_image
from mmcare.workflow.import_dicom import ImportOptions, import_dicom

VOXELS = {"LUNG1-001": 54_639, "LUNG1-002": 125_531}
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def cohort(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both patients, by one command each."""
    folder = tmp_path_factory.mktemp("lung1") / "cohort"
    for patient in VOXELS:
        archive = real_data / f"nsclc-radiomics-ct-{patient}" / f"{patient}.tar.xz"
        assert main(["cohort", "import-dicom", str(archive), "--cohort", str(folder), "--roi", "gtv-1"]) == 0
    return folder


def test_the_cohort_is_accepted(cohort: Path, capfd: Capture) -> None:
    assert main(["cohort", "check", str(cohort)]) == 0
    assert capfd.readouterr().out == f"{cohort}: 2 patients, arms all, no endpoints; ct\n"
    assert [path.name for path in cohort.parent.iterdir()] == ["cohort"]


@pytest.mark.parametrize("patient", VOXELS)
def test_the_mask_is_the_published_one(cohort: Path, real_data: Path, patient: str) -> None:
    volume, findings = read_nifti(cohort / "ct" / f"{patient}.nii.gz")
    mask, more = read_mask(cohort / "ct" / f"{patient}_gtv.nii.gz", None, volume)
    assert [*findings, *more] == []
    assert int(mask.sum()) == VOXELS[patient]
    published = real_data / f"nsclc-radiomics-ct-{patient}" / f"{patient}_GTV-1_mask_derived.nii.gz"
    np.testing.assert_array_equal(mask, read_mask(published, None, volume)[0])
    with (real_data / "lung1-clinical-radiomics" / "lung1_gtv_seed_points_LPS_mm.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["PatientID"] == patient)
    seed = [-float(row["coordX"]), -float(row["coordY"]), float(row["coordZ"]), 1.0]
    assert mask[tuple(np.rint(np.linalg.inv(volume.affine) @ seed).astype(int)[:3])]


def test_the_phantom_is_one_in_both_forms(real_data: Path, tmp_path: Path) -> None:
    phantom = real_data / "ibsi1-ct-phantom"
    summary = import_dicom(phantom / "dicom", tmp_path / "cohort", ImportOptions(("gtv*",)))
    assert summary.files == {"CT slice, imported": 60, "mask, imported": 1}
    volume, _ = read_nifti(tmp_path / "cohort" / "ct" / "1.nii.gz")
    nifti, _ = read_nifti(phantom / "nifti" / "image" / "phantom.nii.gz")
    assert volume.geometry.difference(nifti.geometry) == ""
    np.testing.assert_array_equal(volume.values, nifti.values)
    mine, _ = read_mask(tmp_path / "cohort" / "ct" / "1_gtv.nii.gz", None, volume)
    theirs, _ = read_mask(phantom / "nifti" / "mask" / "mask.nii.gz", None, nifti)
    assert 2 * (mine & theirs).sum() / (mine.sum() + theirs.sum()) == 1.0


def test_the_published_mask_beside_the_images_gives_the_same(cohort: Path, real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "nsclc-radiomics-ct-LUNG1-001"
    with tarfile.open(folder / "LUNG1-001.tar.xz") as archive:
        archive.extractall(tmp_path / "source", filter="data")
    for path in (tmp_path / "source" / "LUNG1-001" / "rtstruct").iterdir():
        path.unlink()
    name = "LUNG1-001_GTV-1_mask_derived.nii.gz"
    (tmp_path / "source" / name).write_bytes((folder / name).read_bytes())
    import_dicom(tmp_path / "source", tmp_path / "cohort", ImportOptions(("gtv-1",)))
    found = nibabel.load(tmp_path / "cohort" / "ct" / "LUNG1-001_gtv.nii.gz")
    np.testing.assert_array_equal(found.dataobj, nibabel.load(cohort / "ct" / "LUNG1-001_gtv.nii.gz").dataobj)


@pytest.mark.parametrize("patient", VOXELS)
def test_flips_swaps_and_offsets_are_found(cohort: Path, patient: str) -> None:
    volume, _ = read_nifti(cohort / "ct" / f"{patient}.nii.gz")
    mask, _ = read_mask(cohort / "ct" / f"{patient}_gtv.nii.gz", None, volume)
    volume = replace(volume, mask=mask)
    assert check_image(volume) == []

    def codes(**changes: object) -> list[str]:
        return [finding.code for finding in check_image(replace(volume, **changes))]  # type: ignore[arg-type]

    assert codes(mask=mask[::-1].copy()) == ["flipped-mask"]
    assert [codes_of_crop(volume, flip) for flip in (False, True)] == [[], ["flipped-mask"]]
    assert codes(values=volume.values - 1024) == ["hu-offset-twice"]
    middle = int(np.flatnonzero(mask.any(axis=(0, 1))).mean())
    assert codes(values=volume.values[..., :middle].copy(), mask=mask[..., :middle].copy()) == ["cut-tumour"]


def codes_of_crop(volume: Volume, flip: bool) -> list[str]:
    """What is said of a crop of 130 mm about the tumour's middle, its mask as drawn or flipped."""
    assert volume.mask is not None
    middle = np.argwhere(volume.mask).mean(axis=0)
    half = np.ceil(65 / np.array(volume.spacing_mm))
    box = tuple(slice(max(0, int(low)), int(high)) for low, high in zip(middle - half, middle + half, strict=True))
    mask = volume.mask[box][::-1] if flip else volume.mask[box]
    crop = replace(volume, values=volume.values[box].copy(), mask=mask.copy())
    return [finding.code for finding in check_image(crop)]


def test_cohort_check_finds_swapped_masks(cohort: Path, tmp_path: Path, capfd: Capture) -> None:
    folder = tmp_path / "swapped"
    shutil.copytree(cohort, folder)
    first, second = (folder / "ct" / f"{patient}_gtv.nii.gz" for patient in VOXELS)
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    assert main(["cohort", "check", str(folder)]) == 2
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Error")]
    for line, path, patient in zip(lines, (first, second), VOXELS, strict=True):
        assert line.startswith(f"Error: {path}, patient {patient}, modality ct: the mask lies on another grid than the")
        assert line.endswith("of the mask's voxels overlap with the CT.")


def test_what_is_deidentified_on_the_way_in_names_nobody(
    cohort: Path, real_data: Path, tmp_path: Path, capfd: Capture
) -> None:
    """The same voxels under another id; no original id or UID in any byte."""
    archive = real_data / "nsclc-radiomics-ct-LUNG1-001" / "LUNG1-001.tar.xz"
    key, out = tmp_path / "study.key", tmp_path / "out" / "cohort"
    assert main(["cohort", "new-key", str(key)]) == 0
    arguments = ["cohort", "import-dicom", str(archive), "--cohort", str(out), "--roi", "gtv-1"]
    assert main([*arguments, "--deidentify", str(key)]) == 0
    assert [path.name for path in out.parent.iterdir()] == ["cohort"]
    (record,) = (out / "ct").glob("*.json")
    patient = record.stem
    original = json.loads((cohort / "ct" / "LUNG1-001.json").read_text())["series"]
    secrets = ["LUNG1-001", "20080918", *(original[key] for key in original if key.endswith("uid"))]
    for path in out.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        content = b"" if path.name.endswith(".nii.gz") else content
        assert not [secret for secret in secrets if secret.encode() in content or secret in path.name]
    for suffix in ("", "_gtv"):
        found = nibabel.load(out / "ct" / f"{patient}{suffix}.nii.gz")
        expected = nibabel.load(cohort / "ct" / f"LUNG1-001{suffix}.nii.gz")
        np.testing.assert_array_equal(found.dataobj, expected.dataobj)
        assert found.header["descrip"] == expected.header["descrip"]
    capfd.readouterr()
    assert main(["cohort", "check", str(out)]) in (0, 1)
    from mmcare.cohort.deidentify import check_identifiers

    assert not [f for f in check_identifiers(out) if f.severity in (Severity.ERROR, Severity.WARNING)]
