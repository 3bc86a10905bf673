"""The one way to a volume or a mask, whatever the file is: the format is told by content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmcare.errors import CohortError, Finding
from mmcare.formats.dicom import read_dicom_series
from mmcare.formats.nifti import GZIP_MAGIC, read_nifti, read_nifti_mask
from mmcare.formats.nrrd import MAGIC as NRRD_MAGIC
from mmcare.formats.nrrd import read_nrrd, read_nrrd_mask
from mmcare.formats.region_names import listed
from mmcare.formats.rtstruct import rasterise, read_rtstruct
from mmcare.formats.seg import SEG_CLASSES, Segmentation, read_seg, segment_mask
from mmcare.formats.volume import Geometry, Volume

__all__ = ["read_mask", "read_volume"]

_NIFTI_HEADERS = {size.to_bytes(4, order) for size in (348, 540) for order in ("little", "big")}  # type: ignore[arg-type]
_KNOWN = {b"PK\x03\x04": "a zip archive", b"\xfd7zXZ": "an xz archive", b"%PDF": "a PDF", b"\x89PNG": "a PNG picture"}


def read_volume(path: Path | str) -> tuple[Volume, list[Finding]]:
    """A CT: from a folder of DICOM files, a NIfTI (`.nii`, `.nii.gz`) or a NRRD file.

    Raises:
        CohortError: There is nothing, or nothing that can be read as a volume.
    """
    path = Path(path)
    kind = _kind(path)
    if kind == "folder":
        return read_dicom_series(path)
    if kind == "nifti":
        return read_nifti(path)
    if kind == "nrrd":
        return read_nrrd(path)
    if kind == "dicom":
        todo = f"Name the folder of its series, {path.parent}."
        raise CohortError(Finding(file=path, what="is one DICOM file; a CT is a folder of them.", todo=todo))
    raise _unknown(path, kind, "a folder of DICOM files, a NIfTI (.nii, .nii.gz) or a NRRD file")


def read_mask(path: Path | str, roi: str | None, like: Volume) -> tuple[npt.NDArray[np.bool_], list[Finding]]:
    """A mask on the grid of a volume: from an RTSTRUCT, a DICOM SEG, a NIfTI or a NRRD file.

    Args:
        path: The file; for an RTSTRUCT also a folder that holds one.
        roi: Name of the region, or a pattern such as `GTV*`; only of an RTSTRUCT or SEG.
        like: The volume.

    Returns:
        The mask (i, j, k), and what was found on the way.

    Raises:
        CohortError: There is nothing, nothing that can be read as a mask, or it lies on another grid than `like`.
    """
    path = Path(path)
    kind = _kind(path)
    if kind == "dicom" and _is_seg(path):
        segments = read_seg(path)
        return segment_mask(segments, _only_segment(segments) if roi is None else roi, like)
    if kind in ("dicom", "folder"):
        structures = read_rtstruct(path if kind == "dicom" else _only_rtstruct(path))
        if roi is None:
            names = ", ".join(f"'{region.name}'" for region in structures.rois)
            what = f"a structure set needs the name of a region; it holds: {names}."
            raise CohortError(Finding(file=path, key="roi", what=what, todo="Give `roi:`.", code="no-roi"))
        return rasterise(structures, roi, like)
    if kind not in ("nifti", "nrrd"):
        raise _unknown(path, kind, "a structure set (RTSTRUCT), a NIfTI (.nii, .nii.gz) or a NRRD file")
    mask, geometry, findings = (read_nifti_mask if kind == "nifti" else read_nrrd_mask)(path)
    difference = geometry.difference(like.geometry)
    if difference:
        inside = _share_inside(mask, geometry, like.geometry)
        what = f"the mask lies on another grid than the CT: {difference}; {inside}."
        todo = "Resample the mask to the CT's grid (nearest neighbour)."
        raise CohortError(Finding(file=path, what=what, todo=todo, code="another-grid"))
    return mask, findings


def _share_inside(mask: npt.NDArray[np.bool_], own: Geometry, ct: Geometry) -> str:
    """How much of a mask lies within the field of view of a CT, in mm; the two need no common grid."""
    voxels = np.argwhere(mask)
    if not voxels.size:
        return "the mask is empty"
    to_ct = np.linalg.inv(ct.affine) @ own.affine
    places = voxels @ to_ct[:3, :3].T + to_ct[:3, 3]
    within = ((places >= -0.5) & (places <= np.array(ct.shape) - 0.5)).all(axis=1)
    return f"{within.mean():.0%} of the mask's voxels overlap with the CT"


def _kind(path: Path) -> str:
    """`folder`, `nifti`, `nrrd`, `dicom`, or in words what else it is."""
    if path.is_dir():
        return "folder"
    try:
        with path.open("rb") as file:
            start = file.read(352)
    except OSError as error:
        what = (
            "there is no such file." if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}."
        )
        raise CohortError(Finding(file=path, what=what, todo="Name the image.", code="not-readable")) from error
    if start[128:132] == b"DICM":
        return "dicom"
    if start.startswith(NRRD_MAGIC):
        return "nrrd"
    name = path.name.lower()
    if start.startswith(GZIP_MAGIC) or start[:4] in _NIFTI_HEADERS or name.endswith((".nii", ".nii.gz")):
        return "nifti"
    return next((words for magic, words in _KNOWN.items() if start.startswith(magic)), "a file of another kind")


def _is_seg(path: Path) -> bool:
    from pydicom import dcmread

    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"])
    except Exception:  # whatever a damaged header raises, the reader of structure sets says it in words
        return False
    return header.get("SOPClassUID") in SEG_CLASSES


def _only_segment(segmentation: Segmentation) -> str:
    labels = [segment.label for segment in segmentation.segments]
    if len(labels) == 1:
        return labels[0]
    what = f"a segmentation needs the name of a segment; it holds: {listed(labels)}."
    raise CohortError(Finding(file=segmentation.file, key="roi", what=what, todo="Give `roi:`.", code="no-roi"))


def _only_rtstruct(folder: Path) -> Path:
    from mmcare.formats.dicom_headers import read_headers

    found = [header.path for header in read_headers(folder).headers if header.modality == "RTSTRUCT"]
    if len(found) != 1:
        names = f": {', '.join(path.name for path in found[:5])}" if found else ""
        what = f"holds {len(found)} structure sets (RTSTRUCT){names}; one is due."
        raise CohortError(Finding(file=folder, what=what, todo="Name the file.", code="no-rtstruct"))
    return found[0]


def _unknown(path: Path, kind: str, allowed: str) -> CohortError:
    todo = "Name one of these, or convert it."
    return CohortError(Finding(file=path, what=f"is {kind}; allowed are {allowed}.", todo=todo, code="unknown-format"))
