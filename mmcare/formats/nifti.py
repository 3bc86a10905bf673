"""Volumes and masks in NIfTI-1 and -2 (`.nii`, `.nii.gz`)."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats.atomic import write_bytes
from mmcare.formats.masks import as_mask
from mmcare.formats.nifti_mending import heard_mending
from mmcare.formats.volume import Geometry, Volume, canonical, spans_space

__all__ = ["read_nifti", "read_nifti_mask", "write_nifti"]

GZIP_MAGIC = b"\x1f\x8b"
LARGEST_RATIO = 1032  # to which deflate can compress: RFC 1951
_UNITS = {0: "unknown", 1: "metres", 2: "mm", 3: "micrometres"}
_CHUNK = 1 << 20
_INT16 = np.iinfo(np.int16)


def read_nifti(path: Path | str) -> tuple[Volume, list[Finding]]:
    """The volume in a NIfTI file, in HU as the file's scaling gives it, axes in RAS+ order.

    Raises:
        CohortError: The file is no NIfTI, cut, not three-dimensional, not in mm, or holds NaN.

    Source:
        nifti.nimh.nih.gov, nifti1.h and nifti2.h.
    """
    path = Path(path)
    image, findings = _open(path)
    values, affine = canonical(_as_hounsfield(path, _data(path, image)), _affine(image))
    return Volume(values, affine), findings  # type: ignore[arg-type]


def read_nifti_mask(path: Path | str) -> tuple[npt.NDArray[np.bool_], Geometry, list[Finding]]:
    """The mask in a NIfTI file (i, j, k), axes in RAS+ order, its grid, and what was found.

    Raises:
        CohortError: As `read_nifti`, or there are other values than 0 and 1.
    """
    path = Path(path)
    image, findings = _open(path)
    values, affine = canonical(as_mask(_data(path, image), path), _affine(image))
    i, j, k = values.shape
    return values, Geometry((i, j, k), affine), findings  # type: ignore[return-value]


def write_nifti(path: Path | str, values: npt.NDArray[Any], affine: npt.NDArray[np.float64]) -> None:
    """Write a volume or mask as NIfTI-1 in mm; the same values give the same bytes, and the file is whole or absent.

    Args:
        path: `.nii.gz` is compressed (level 1), `.nii` is not.
        values: (i, j, k) int16, float32, uint8, or bool (written as 0 and 1).
        affine: (4, 4) from (i, j, k) to mm in RAS+.

    Raises:
        MMCareError: The file cannot be written.
    """
    import nibabel

    path = Path(path)
    data = values.astype(np.uint8) if values.dtype == np.bool_ else values
    image = nibabel.Nifti1Image(np.asarray(data), affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    content = image.to_bytes()
    write_bytes(path, gzip.compress(content, compresslevel=1, mtime=0) if path.suffix == ".gz" else content)


def _open(path: Path) -> tuple[Any, list[Finding]]:
    """The image with its header read and checked, its values not yet read."""
    import nibabel

    _check_name(path)
    try:
        with heard_mending() as mended:
            image = nibabel.load(path)
    # nibabel raises whatever a damaged header makes it stumble over.
    except Exception as error:
        what = f"cannot be read as NIfTI ({cut(f'{type(error).__name__}: {error}')})."
        raise CohortError(Finding(file=path, what=what, todo="Export it again.", code="no-nifti")) from error
    if not isinstance(image, (nibabel.Nifti1Image, nibabel.Nifti1Pair)):
        what = f"holds a {type(image).__name__}, no NIfTI."
        raise CohortError(Finding(file=path, what=what, todo="Convert it to NIfTI.", code="no-nifti"))
    _check_shape(path, image)
    _check_size(path, image)
    return image, [*_said(path, mended), *_check_space(path, image)]


def _said(path: Path, mended: list[str]) -> list[Finding]:
    what = [f"has a header that is not in order ({cut(said)}); it is read as if mended so." for said in mended]
    todo = "Look at its size, spacing and orientation, or export it again."
    return [Finding(file=path, what=w, todo=todo, severity=Severity.WARNING, code="header-mended") for w in what]


def _check_name(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError as error:
        what = f"cannot be read: {error.strerror}."
        raise CohortError(Finding(file=path, what=what, todo="Name a NIfTI file.", code="not-readable")) from error
    is_gzip, named_gzip = start == GZIP_MAGIC, path.name.lower().endswith(".gz")
    if not start:
        raise CohortError(Finding(file=path, what="the file is empty.", todo="Export it again.", code="empty-file"))
    if is_gzip != named_gzip:
        kinds = ("a compressed file named as if it were not", "no compressed file, though its name ends in .gz")
        new = path.name + ".gz" if is_gzip else path.name[: -len(".gz")]
        todo = f"Rename it to {new}."
        raise CohortError(Finding(file=path, what=f"is {kinds[named_gzip]}.", todo=todo, code="wrong-name"))


def _check_shape(path: Path, image: Any) -> None:
    shape = image.shape
    if len(shape) < 3 or any(n != 1 for n in shape[3:]) or min(shape) < 1:
        what = f"has the shape {' x '.join(map(str, shape))}; a volume of 3 dimensions is due."
        raise CohortError(Finding(file=path, what=what, todo="Save the one volume that is meant.", code="not-3d"))
    if image.get_data_dtype().kind not in "iuf":
        what = f"holds values of type {image.get_data_dtype()}; whole or real numbers are due."
        raise CohortError(Finding(file=path, what=what, todo="Save it as numbers, in HU.", code="value-type"))


def _check_size(path: Path, image: Any) -> None:
    """Compare the size that the header declares with the bytes at hand, before memory is taken."""
    expected = _expected_bytes(image)
    size = path.stat().st_size
    if path.suffix.lower() != ".gz" and size < expected:
        raise _cut(path, expected, size)
    if path.suffix.lower() == ".gz" and size * LARGEST_RATIO < expected:
        what = f"declares {expected:,} bytes, which its {size:,} compressed bytes cannot hold."
        raise CohortError(Finding(file=path, what=what, todo="Export it again.", code="cut-file"))


def _expected_bytes(image: Any) -> int:
    values = int(np.prod([int(n) for n in image.shape], dtype=object)) * int(image.get_data_dtype().itemsize)
    return values + int(image.dataobj.offset)


def _check_space(path: Path, image: Any) -> list[Finding]:
    code = int(image.header["xyzt_units"]) % 8
    unit = _UNITS.get(code, f"a unit of code {code}")
    if unit not in ("mm", "unknown"):
        what = f"gives its voxel sizes in {unit}; millimetres are due."
        todo = "Save it in mm: correct the unit if the numbers are mm, else scale them."
        raise CohortError(Finding(file=path, key="xyzt_units", what=what, todo=todo, code="not-in-mm"))
    affine = _affine(image)
    if not spans_space(affine):
        what = f"has no usable orientation (affine {np.round(affine[:3], 4).tolist()})."
        raise CohortError(Finding(file=path, what=what, todo="Export it again.", code="no-orientation"))
    if int(image.header["sform_code"]) == 0 and int(image.header["qform_code"]) == 0:
        what = "does not say how it lies in space (sform and qform code 0): left, right and the origin are guessed."
        todo = "Export it again with its orientation."
        return [Finding(file=path, what=what, todo=todo, severity=Severity.WARNING, code="no-orientation")]
    return []


def _affine(image: Any) -> npt.NDArray[np.float64]:
    return np.asarray(image.affine, dtype=np.float64)


def _data(path: Path, image: Any) -> npt.NDArray[np.generic]:
    """(i, j, k), scaled where the header has a scaling, else as stored."""
    proxy = image.dataobj
    unscaled = (float(proxy.slope), float(proxy.inter)) == (1.0, 0.0)
    try:
        values = proxy.get_unscaled() if unscaled else np.asarray(proxy, dtype=np.float32)
    except (EOFError, zlib.error, gzip.BadGzipFile, OSError, ValueError) as error:
        raise _cut(path, _expected_bytes(image), _bytes_at_hand(path)) from error
    return np.asarray(values).reshape(image.shape[:3])


def _bytes_at_hand(path: Path) -> int:
    """Bytes that can be decompressed before the file ends or breaks."""
    n = 0
    try:
        with gzip.open(path) as file:
            while chunk := file.read1(_CHUNK):
                n += len(chunk)
    except (EOFError, zlib.error, OSError):
        return n
    return n


def _cut(path: Path, expected: int, found: int) -> CohortError:
    what = f"is cut or damaged: {expected:,} bytes expected, {found:,} found."
    return CohortError(Finding(file=path, what=what, todo="Copy or export it again.", code="cut-file"))


def _as_hounsfield(path: Path, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    if values.dtype.kind in "iu":
        fits = _INT16.min <= values.min() and values.max() <= _INT16.max  # type: ignore[operator]
        return values.astype(np.int16 if fits else np.float32)
    n = int(np.count_nonzero(~np.isfinite(values)))  # type: ignore[arg-type, call-overload]
    if n:
        what = f"{n:,} of {values.size:,} voxels are NaN or infinite."
        raise CohortError(Finding(file=path, what=what, todo="Write -1000 (air) for them.", code="not-finite"))
    return values.astype(np.float32)
