"""NRRD: volumes and masks as 3D Slicer writes them, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import nrrd
import numpy as np
import pytest

from mmcare.errors import CohortError
from mmcare.formats import read_nrrd, read_nrrd_mask

VALUES = np.arange(60, dtype=np.int16).reshape(3, 4, 5) - 1000
SPACE = {
    "space": "left-posterior-superior",
    "space directions": [[0.8, 0, 0], [0, 0.5, 0], [0, 0, 2]],
    "space origin": [-10, -20, 100],
}


def save(path: Path, values: np.ndarray, **changes: object) -> Path:
    header = {**SPACE, **{name.replace("_", " "): value for name, value in changes.items()}}
    nrrd.write(str(path), values, {name: value for name, value in header.items() if value is not None})
    return path


def error_of(path: Path) -> str:
    with pytest.raises(CohortError) as caught:
        read_nrrd(path)
    return str(caught.value)


@pytest.mark.parametrize(("space", "signs"), [("left-posterior-superior", (-1, -1)), ("RAS", (1, 1)), ("LAS", (-1, 1))])
@pytest.mark.parametrize("encoding", ["gzip", "raw"])
def test_values_stay_at_their_places_in_mm(tmp_path: Path, space: str, signs: tuple[int, int], encoding: str) -> None:
    volume, findings = read_nrrd(save(tmp_path / "ct.nrrd", VALUES, space=space, encoding=encoding))
    assert findings == []
    assert repr(volume) == "Volume(3 x 4 x 5 voxels of 0.8 x 0.5 x 2 mm, RAS)"
    assert volume.values.dtype == np.int16
    for a, b, c in np.ndindex(VALUES.shape):
        place = [signs[0] * (-10 + 0.8 * a), signs[1] * (-20 + 0.5 * b), 100 + 2 * c, 1]
        i, j, k, _ = np.rint(np.linalg.solve(volume.affine, place)).astype(int)
        assert volume.values[i, j, k] == VALUES[a, b, c]


def test_what_makes_no_volume(tmp_path: Path) -> None:
    four = tmp_path / "four.nrrd"
    nrrd.write(str(four), np.zeros((2, 3, 4, 5), np.int16))
    assert error_of(four) == (
        f"{four}, sizes: has the shape 2 x 3 x 4 x 5; a volume of 3 dimensions is due. Save the one volume meant."
    )
    bare = tmp_path / "bare.nrrd"
    nrrd.write(str(bare), VALUES)
    assert error_of(bare) == (
        f"{bare}, space: space 'absent', directions [[nan, nan, nan], [nan, nan, nan], [nan, nan, nan]], origin [nan, "
        "nan, nan]; due are one of the spaces LPS, LAS and RAS, three directions in space and an origin. "
        "Export it again with its orientation."
    )
    metres = save(tmp_path / "m.nrrd", VALUES, space_units=["m", "m", "m"])
    assert error_of(metres) == f"{metres}, space units: gives its voxel sizes in m; millimetres are due. Save it in mm."
    values = VALUES.astype(np.float32)
    values[0, 0, 0] = np.nan
    nan = save(tmp_path / "nan.nrrd", values)
    assert error_of(nan) == f"{nan}: 1 of 60 voxels are NaN or infinite. Write -1000 (air) for them."


def test_cut_and_detached_files(tmp_path: Path) -> None:
    path = save(tmp_path / "ct.nrrd", VALUES, encoding="raw")
    path.write_bytes(path.read_bytes()[:-30])
    assert error_of(path) == (
        f"{path}: is cut or damaged: 120 bytes of values expected, 90 bytes found (raw). Copy or export it again."
    )
    noise = np.random.default_rng(0).integers(-1000, 1000, (30, 40, 50)).astype(np.int16)
    path = save(tmp_path / "z.nrrd", noise)
    path.write_bytes(path.read_bytes()[:-30_000])
    assert error_of(path).startswith(f"{path}: cannot be read as NRRD (")
    path = save(tmp_path / "d.nhdr", VALUES)
    assert error_of(path) == (
        f"{path}: holds a header only, its values lie in another file; a NRRD with both in one file is due. "
        "Save it as .nrrd."
    )


def test_masks(tmp_path: Path) -> None:
    mask, geometry, _ = read_nrrd_mask(save(tmp_path / "m.nrrd", (VALUES == -1000).astype(np.uint8)))
    assert (mask.dtype, int(mask.sum()), geometry.orientation) == (bool, 1, "RAS")
    path = save(tmp_path / "m.nrrd", (VALUES == -1000).astype(np.uint8) * 7)
    with pytest.raises(CohortError) as caught:
        read_nrrd_mask(path)
    assert str(caught.value) == (
        f"{path}: a mask holds 0 (outside) and 1 (inside) only; found: 7 (1 voxel). Save the region alone, as 0 and 1."
    )
