"""NIfTI: volumes and masks, what is wrong with them, and files that are the same whenever they are written."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest

from mmcare.errors import CohortError
from mmcare.formats import read_nifti, read_nifti_mask, write_nifti

AFFINE = np.array([[-0.8, 0, 0, 10], [0, 0, 2, -20], [0, 0.5, 0, 100], [0, 0, 0, 1.0]])
VALUES = np.arange(60, dtype=np.int16).reshape(3, 4, 5) - 1000


def save(path: Path, values: np.ndarray, *, unit: str = "mm", codes: int = 1, affine: np.ndarray = AFFINE) -> Path:
    image = nibabel.Nifti1Image(values, affine)
    image.header.set_xyzt_units(unit)
    image.set_sform(affine, codes)
    image.set_qform(affine, codes)
    nibabel.save(image, path)
    return path


def error_of(path: Path) -> str:
    with pytest.raises(CohortError) as caught:
        read_nifti(path)
    return str(caught.value)


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_values_stay_at_their_places_in_mm(tmp_path: Path, name: str) -> None:
    volume, findings = read_nifti(save(tmp_path / name, VALUES))
    assert findings == []
    assert repr(volume) == "Volume(3 x 5 x 4 voxels of 0.8 x 2 x 0.5 mm, RAS)"
    assert volume.values.dtype == np.int16
    for index in np.ndindex(VALUES.shape):
        i, j, k, _ = np.rint(np.linalg.solve(volume.affine, AFFINE @ [*index, 1])).astype(int)
        assert volume.values[i, j, k] == VALUES[index]


def test_scaling_is_applied_and_other_types_become_float32(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VALUES, AFFINE)
    image.header.set_slope_inter(2, -5)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / "s.nii")
    volume, _ = read_nifti(tmp_path / "s.nii")
    assert volume.values.dtype == np.float32
    np.testing.assert_array_equal(np.sort(volume.values.ravel()), 2 * (np.arange(60) - 1000) - 5)
    volume, _ = read_nifti(save(tmp_path / "d.nii", VALUES.astype(np.float64) / 4))
    assert (volume.values.dtype, volume.values.min()) == (np.float32, -250)
    volume, _ = read_nifti(save(tmp_path / "i.nii", VALUES.astype(np.int32)))
    assert volume.values.dtype == np.int16
    volume, _ = read_nifti(save(tmp_path / "l.nii", VALUES.astype(np.int32) + 40_000))
    assert (volume.values.dtype, volume.values.max()) == (np.float32, 39_059)


@pytest.mark.parametrize(("unit", "said"), [("meter", "metres"), ("micron", "micrometres")])
def test_other_units_than_mm(tmp_path: Path, unit: str, said: str) -> None:
    path = save(tmp_path / "ct.nii.gz", VALUES, unit=unit)
    assert error_of(path) == (
        f"{path}, xyzt_units: gives its voxel sizes in {said}; millimetres are due. "
        "Save it in mm: correct the unit if the numbers are mm, else scale them."
    )


def test_four_dimensions(tmp_path: Path) -> None:
    path = save(tmp_path / "ct.nii.gz", np.zeros((3, 4, 5, 2), np.int16))
    assert error_of(path) == (
        f"{path}: has the shape 3 x 4 x 5 x 2; a volume of 3 dimensions is due. Save the one volume that is meant."
    )
    volume, _ = read_nifti(save(tmp_path / "one.nii.gz", np.zeros((3, 4, 5, 1), np.int16)))
    assert volume.shape == (3, 5, 4)


def test_cut_files(tmp_path: Path) -> None:
    plain, packed = tmp_path / "ct.nii", tmp_path / "ct.nii.gz"
    noise = np.random.default_rng(0).integers(-1000, 1000, (30, 40, 50)).astype(np.int16)
    save(plain, noise)
    save(packed, noise)
    plain.write_bytes(plain.read_bytes()[:-100])
    assert error_of(plain) == (
        f"{plain}: is cut or damaged: 120,352 bytes expected, 120,252 found. Copy or export it again."
    )
    packed.write_bytes(packed.read_bytes()[:-20_000])
    message = error_of(packed)
    assert message.startswith(f"{packed}: is cut or damaged: 120,352 bytes expected, ")
    assert message.endswith(" found. Copy or export it again.")


def test_a_name_that_does_not_fit_the_content(tmp_path: Path) -> None:
    path = save(tmp_path / "ct.nii", VALUES).rename(tmp_path / "a.nii.gz")
    assert error_of(path) == f"{path}: is no compressed file, though its name ends in .gz. Rename it to a.nii."
    path = save(tmp_path / "ct.nii.gz", VALUES).rename(tmp_path / "b.nii")
    assert error_of(path) == f"{path}: is a compressed file named as if it were not. Rename it to b.nii.gz."
    path = tmp_path / "c.nii.gz"
    path.write_bytes(b"")
    assert error_of(path) == f"{path}: the file is empty. Export it again."


def test_a_declared_size_that_the_bytes_cannot_hold(tmp_path: Path) -> None:
    path = tmp_path / "bomb.nii.gz"
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape((30_000, 30_000, 30_000))
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    path.write_bytes(gzip.compress(header.binaryblock + b"\0" * 100))
    size = path.stat().st_size
    assert error_of(path) == (
        f"{path}: declares 54,000,000,000,352 bytes, which its {size} compressed bytes cannot hold. Export it again."
    )


def test_nan_and_missing_orientation(tmp_path: Path) -> None:
    values = VALUES.astype(np.float32)
    values[0, 0, :2] = np.nan, np.inf
    path = save(tmp_path / "nan.nii.gz", values)
    assert error_of(path) == f"{path}: 2 of 60 voxels are NaN or infinite. Write -1000 (air) for them."
    path = save(tmp_path / "flat.nii.gz", VALUES)
    image = nibabel.load(path)
    image.header["srow_z"] = 0
    nibabel.save(nibabel.Nifti1Image(VALUES, None, image.header), path)
    assert error_of(path) == (
        f"{path}: has no usable orientation (affine [[-0.8, 0.0, 0.0, 10.0], [0.0, 0.0, 2.0, -20.0], "
        "[0.0, 0.0, 0.0, 0.0]]). Export it again."
    )
    path = save(tmp_path / "no.nii.gz", VALUES, codes=0)
    _, findings = read_nifti(path)
    assert [str(finding) for finding in findings] == [
        f"{path}: does not say how it lies in space (sform and qform code 0): left, right and the origin are guessed. "
        "Export it again with its orientation."
    ]


def test_what_is_no_nifti(tmp_path: Path) -> None:
    path = tmp_path / "x.nii"
    path.write_text("hello" * 100)
    assert error_of(path).startswith(f"{path}: cannot be read as NIfTI (ImageFileError: ")


def test_mask_values(tmp_path: Path) -> None:
    values = np.zeros((3, 4, 5), np.float32)
    values[0, 0] = 1
    mask, geometry, findings = read_nifti_mask(save(tmp_path / "m.nii.gz", values))
    assert (mask.dtype, mask.shape, int(mask.sum()), findings) == (bool, (3, 5, 4), 5, [])
    assert geometry.orientation == "RAS"
    values[1, 1], values[2, 0, :3] = 0.5, (255, np.nan, 7)
    path = save(tmp_path / "m.nii.gz", values)
    with pytest.raises(CohortError) as caught:
        read_nifti_mask(path)
    assert str(caught.value) == (
        f"{path}: a mask holds 0 (outside) and 1 (inside) only; found: 0.5 (5 voxels), 7 (1 voxel), 255 (1 voxel), "
        "nan (1 voxel). Save the region alone, as 0 and 1."
    )


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.uint8, np.bool_])
def test_written_files_are_equal_bytes_and_read_back(tmp_path: Path, dtype: type) -> None:
    values = (VALUES % 2).astype(dtype)
    write_nifti(tmp_path / "a.nii.gz", values, np.diag([0.8, 0.5, 2, 1]))
    write_nifti(tmp_path / "b.nii.gz", values, np.diag([0.8, 0.5, 2, 1]))
    content = (tmp_path / "a.nii.gz").read_bytes()
    assert content == (tmp_path / "b.nii.gz").read_bytes()
    assert content[4:8] == b"\0\0\0\0"  # the time that gzip would store
    volume, findings = read_nifti(tmp_path / "a.nii.gz")
    assert findings == []
    np.testing.assert_array_equal(volume.values, values)
    np.testing.assert_allclose(volume.affine, np.diag([0.8, 0.5, 2, 1]), atol=1e-7)


@pytest.mark.parametrize(
    ("at", "kind", "value", "said"),
    [
        (254, "<i2", 99, "sform_code 99 not valid; setting to 0"),
        (80, "<f4", -0.8, "pixdim[1,2,3] should be positive; setting to abs of pixdim values"),
        (80, "<f4", 0, "pixdim[1,2,3] should be non-zero; setting 0 dims to 1"),
    ],
)
def test_what_is_mended_of_a_header_is_said_once_and_here(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, at: int, kind: str, value: float, said: str
) -> None:
    path = save(tmp_path / "m.nii", VALUES)
    content = bytearray(path.read_bytes())
    spoilt = np.array([value], kind).tobytes()
    content[at : at + len(spoilt)] = spoilt
    path.write_bytes(content)
    for _ in range(2):
        _, findings = read_nifti(path)
        assert [f"{finding.severity}: {finding}" for finding in findings] == [
            f"warning: {path}: has a header that is not in order ({said}); it is read as if mended so. "
            "Look at its size, spacing and orientation, or export it again."
        ]
    assert caplog.messages == [], "nothing beside it"


def test_other_users_of_nibabel_hear_it_as_before(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = save(tmp_path / "m.nii", VALUES)
    read_nifti(path)
    content = bytearray(path.read_bytes())
    content[254:256] = b"\x63\x00"
    path.write_bytes(content)
    nibabel.load(path)
    assert caplog.messages == ["sform_code 99 not valid; setting to 0"]
