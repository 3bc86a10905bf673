"""The front for volumes and masks: the content says what a file is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mmcare.formats
from mmcare.errors import CohortError
from mmcare.formats import read_mask, read_volume, write_nifti

AFFINE = np.diag([0.8, 0.5, 2, 1])
VALUES = np.zeros((3, 4, 5), np.int16)


def test_a_volume_from_each_format(tmp_path: Path, write_ct: Callable[..., Path]) -> None:
    import nrrd

    write_nifti(tmp_path / "ct.nii.gz", VALUES, AFFINE)
    header = {"space": "RAS", "space directions": np.diag([0.8, 0.5, 2]).tolist(), "space origin": [0, 0, 0]}
    nrrd.write(str(tmp_path / "ct.nrrd"), VALUES, header)
    nifti, _ = read_volume(tmp_path / "ct.nii.gz")
    slicer, _ = read_volume(tmp_path / "ct.nrrd")
    assert repr(nifti) == repr(slicer) == "Volume(3 x 4 x 5 voxels of 0.8 x 0.5 x 2 mm, RAS)"
    dicom, _ = read_volume(write_ct(tmp_path / "ct"))
    assert repr(dicom) == "Volume(6 x 5 x 4 voxels of 0.8 x 0.5 x 2 mm, RAS)"


def test_what_is_no_volume(tmp_path: Path, write_ct: Callable[..., Path]) -> None:
    one = write_ct(tmp_path / "ct") / "001"
    archive = tmp_path / "ct.zip"
    archive.write_bytes(b"PK\x03\x04" + b"\0" * 400)
    for path, message in (
        (one, f"is one DICOM file; a CT is a folder of them. Name the folder of its series, {one.parent}."),
        (
            archive,
            "is a zip archive; allowed are a folder of DICOM files, a NIfTI (.nii, .nii.gz) or a NRRD file. "
            "Name one of these, or convert it.",
        ),
        (tmp_path / "absent.nii", "there is no such file. Name the image."),
    ):
        with pytest.raises(CohortError) as caught:
            read_volume(path)
        assert str(caught.value) == f"{path}: {message}"


def test_a_mask_on_another_grid(tmp_path: Path) -> None:
    write_nifti(tmp_path / "ct.nii.gz", VALUES, AFFINE)
    volume, _ = read_volume(tmp_path / "ct.nii.gz")
    path = tmp_path / "mask.nii.gz"
    write_nifti(path, VALUES == 0, AFFINE)
    assert read_mask(path, None, volume)[0].all()
    shifted = AFFINE.copy()
    shifted[0, 3] = 0.25
    for values, affine, difference in (
        (VALUES[:2] == 0, AFFINE, "size 2 x 4 x 5 against 3 x 4 x 5 voxels; 100%"),
        (VALUES == 0, shifted, "origin (0.25, 0, 0) mm against (0, 0, 0) mm; up to 0.25 mm apart; 100%"),
    ):
        write_nifti(path, values, affine)
        with pytest.raises(CohortError) as caught:
            read_mask(path, None, volume)
        assert str(caught.value) == (
            f"{path}: the mask lies on another grid than the CT: {difference} of the mask's voxels overlap "
            "with the CT. Resample the mask to the CT's grid (nearest neighbour)."
        )


def test_a_structure_set_needs_the_name_of_a_region(
    tmp_path: Path, write_ct: Callable[..., Path], write_rtstruct: Callable[..., Path]
) -> None:
    volume, _ = read_volume(write_ct(tmp_path / "ct"))
    path = write_rtstruct({"GTV-1": [], "Heart": []})
    with pytest.raises(CohortError) as caught:
        read_mask(path, None, volume)
    assert str(caught.value) == (
        f"{path}, roi: a structure set needs the name of a region; it holds: 'GTV-1', 'Heart'. Give `roi:`."
    )
    with pytest.raises(CohortError) as caught:
        read_mask(tmp_path / "ct", "GTV-1", volume)
    assert str(caught.value) == f"{tmp_path / 'ct'}: holds 0 structure sets (RTSTRUCT); one is due. Name the file."


def test_every_public_name_is_there() -> None:
    names = {name: getattr(mmcare.formats, name) for name in mmcare.formats.__all__}
    assert all(callable(value) for value in names.values())
    assert dir(mmcare.formats) == sorted(mmcare.formats.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'read_everything'"):
        mmcare.formats.read_everything  # noqa: B018


def test_the_room_and_its_table_reader_are_light() -> None:
    """Neither torch nor an image library is imported before an image is read; importing the room imports no numpy."""
    code = (
        "import sys, mmcare.formats; assert 'numpy' not in sys.modules; mmcare.formats.read_table;"
        "mmcare.formats.read_volume; heavy = {'torch', 'pydicom', 'nibabel', 'nrrd', 'skimage', 'pandas', 'scipy'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
