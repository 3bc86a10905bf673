"""Volumes and masks in NRRD (`.nrrd`), as 3D Slicer writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmcare.errors import CohortError, Finding, cut
from mmcare.formats.masks import as_mask
from mmcare.formats.volume import Geometry, Volume, canonical, spans_space

__all__ = ["read_nrrd", "read_nrrd_mask"]

MAGIC = b"NRRD"
LARGEST_RATIO = 1032  # to which deflate can compress: RFC 1951
_INT16 = np.iinfo(np.int16)
_BYTES = {
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), 2),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2),
    **dict.fromkeys(
        ("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t", "float"), 4
    ),
    **dict.fromkeys(("longlong", "long long", "int64", "int64_t", "uint64", "uint64_t", "double"), 8),
}
_TO_RAS = {
    "right-anterior-superior": (1.0, 1.0, 1.0),
    "ras": (1.0, 1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0),
    "las": (-1.0, 1.0, 1.0),
    "left-posterior-superior": (-1.0, -1.0, 1.0),
    "lps": (-1.0, -1.0, 1.0),
}


def read_nrrd(path: Path | str) -> tuple[Volume, list[Finding]]:
    """The volume in a NRRD file, taken as HU, axes in RAS+ order.

    Raises:
        CohortError: The file is no NRRD, cut, not three-dimensional, not in mm, without a space, or holds NaN.

    Source:
        teem.sourceforge.net/nrrd/format.html.
    """
    path = Path(path)
    stored, affine = _read(path)
    if stored.dtype.kind == "f" and not np.isfinite(stored).all():  # type: ignore[call-overload]
        n = int(np.count_nonzero(~np.isfinite(stored)))  # type: ignore[call-overload]
        what = f"{n:,} of {stored.size:,} voxels are NaN or infinite."
        raise CohortError(Finding(file=path, what=what, todo="Write -1000 (air) for them.", code="not-finite"))
    fits = stored.dtype.kind in "iu" and _INT16.min <= stored.min() and stored.max() <= _INT16.max  # type: ignore[operator]
    values, affine = canonical(stored.astype(np.int16 if fits else np.float32), affine)
    return Volume(values, affine), []  # type: ignore[arg-type]


def read_nrrd_mask(path: Path | str) -> tuple[npt.NDArray[np.bool_], Geometry, list[Finding]]:
    """The mask in a NRRD file (i, j, k), axes in RAS+ order, its grid, and what was found.

    Raises:
        CohortError: As `read_nrrd`, or there are other values than 0 and 1.
    """
    path = Path(path)
    stored, affine = _read(path)
    values, affine = canonical(as_mask(stored, path), affine)
    i, j, k = values.shape
    return values, Geometry((i, j, k), affine), []  # type: ignore[return-value]


def _read(path: Path) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.float64]]:
    import nrrd

    try:
        with path.open("rb") as file:
            header = nrrd.read_header(file)
            offset = file.tell()
            _check(path, header)
            _check_size(path, header, offset)
            stored = nrrd.read_data(header, file, str(path))
    except CohortError:
        raise
    # pynrrd raises whatever a damaged header or stream makes it stumble over.
    except Exception as error:
        what = f"cannot be read as NRRD ({cut(f'{type(error).__name__}: {error}')})."
        raise CohortError(Finding(file=path, what=what, todo="Export it again.", code="no-nrrd")) from error
    return np.asarray(stored), _affine(header)


def _check(path: Path, header: Any) -> None:
    if "data file" in header or "datafile" in header:
        what = "holds a header only, its values lie in another file; a NRRD with both in one file is due."
        raise CohortError(Finding(file=path, what=what, todo="Save it as .nrrd.", code="detached-nrrd"))
    sizes = [int(n) for n in header["sizes"]]
    if len(sizes) != 3 or min(sizes) < 1:
        what = f"has the shape {' x '.join(map(str, sizes))}; a volume of 3 dimensions is due."
        raise CohortError(Finding(file=path, key="sizes", what=what, todo="Save the one volume meant.", code="not-3d"))
    space = str(header.get("space", "absent"))
    directions = np.asarray(header.get("space directions", np.full((3, 3), np.nan)), dtype=np.float64)
    origin = np.asarray(header.get("space origin", np.full(3, np.nan)), dtype=np.float64)
    placed = (
        directions.shape == (3, 3) and spans_space(directions) and origin.shape == (3,) and np.isfinite(origin).all()
    )
    if space.lower() not in _TO_RAS or not placed:
        what = (
            f"space '{cut(space)}', directions {directions.round(4).tolist()}, origin {origin.round(4).tolist()}; due "
        )
        what += "are one of the spaces LPS, LAS and RAS, three directions in space and an origin."
        todo = "Export it again with its orientation."
        raise CohortError(Finding(file=path, key="space", what=what, todo=todo, code="no-orientation"))
    units = {str(unit) for unit in header.get("space units", ())} - {"mm", "", "???"}
    if units:
        what = f"gives its voxel sizes in {', '.join(sorted(units))}; millimetres are due."
        raise CohortError(Finding(file=path, key="space units", what=what, todo="Save it in mm.", code="not-in-mm"))


def _check_size(path: Path, header: Any, offset: int) -> None:
    """Compare the size that the header declares with the bytes at hand, before memory is taken."""
    voxels = int(np.prod([int(n) for n in header["sizes"]], dtype=object))
    expected = voxels * _BYTES.get(str(header["type"]), 1)
    found = path.stat().st_size - offset
    if found * (1 if header["encoding"] == "raw" else LARGEST_RATIO) < expected:
        what = (
            f"is cut or damaged: {expected:,} bytes of values expected, {found:,} bytes found ({header['encoding']})."
        )
        raise CohortError(Finding(file=path, what=what, todo="Copy or export it again.", code="cut-file"))


def _affine(header: Any) -> npt.NDArray[np.float64]:
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(header["space directions"], dtype=np.float64).T
    affine[:3, 3] = np.asarray(header["space origin"], dtype=np.float64)
    turn = np.diag([*_TO_RAS[str(header["space"]).lower()], 1.0])
    return turn @ affine
