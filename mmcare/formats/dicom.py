"""A CT series as a folder of DICOM files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats.dicom_frames import slices_of
from mmcare.formats.dicom_grid import check_slices, grid
from mmcare.formats.dicom_headers import DicomFolder, ImageHeader, read_headers
from mmcare.formats.rows import counted
from mmcare.formats.volume import Series, Volume, canonical

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["read_dicom_series", "read_dicom_slices", "volume_of_slices"]

MOST_LISTED = 5
_INT16 = np.iinfo(np.int16)


def read_dicom_series(folder: Path | str, series_uid: str | None = None) -> tuple[Volume, list[Finding]]:
    """The CT in a folder of DICOM files, in HU, and what was found on the way.

    Files are known by their content; all headers are read and checked before any pixel is.

    Args:
        folder: Folder with the files of one CT series; other objects (a structure set, a scout) may lie beside them.
        series_uid: SeriesInstanceUID of the one to read, where there are several.

    Raises:
        CohortError: There is no CT, there are several series, or the slices make no volume in HU: see the checks of
            `check_slices` and `grid`.

    Source:
        DICOM PS3.3 C.7.6.2 (image plane), C.11.1 (modality LUT).
    """
    slices, findings = read_dicom_slices(folder, series_uid)
    return volume_of_slices(slices), findings


def read_dicom_slices(folder: Path | str, series_uid: str | None = None) -> tuple[list[ImageHeader], list[Finding]]:
    """The headers of the CT series that `read_dicom_series` reads, each image once, in no order.

    Raises:
        CohortError: There is no CT, or there are several series.
    """
    folder = Path(folder)
    found = read_headers(folder)
    slices = _one_series(folder, _axial(folder, found), series_uid, found)
    slices = _each_once(slices, found)
    return slices, [*found.findings, *_count(folder, found, len(slices))]


def volume_of_slices(slices: Sequence[ImageHeader]) -> Volume:
    """The CT in HU of the slices of one series, each given once, in any order; of an enhanced CT, the one file.

    Raises:
        CohortError: The slices make no volume in HU: see the checks of `check_slices` and `grid`.
    """
    slices = slices_of(slices)
    check_slices(slices)
    ordered, affine = grid(slices)
    values, affine = canonical(_hounsfield(ordered).transpose(2, 1, 0), affine)
    first = ordered[0]
    series = Series(first.series_uid, first.study_uid, first.frame_of_reference_uid, first.description)
    return Volume(values, affine, series=series)  # type: ignore[arg-type]


def _axial(folder: Path, found: DicomFolder) -> list[ImageHeader]:
    """The CT slices among all objects: neither other modalities, nor scouts, nor other multi-frame images."""
    others = Counter(header.modality or "unnamed modality" for header in found.headers if header.modality != "CT")
    images = [header for header in found.headers if header.modality == "CT"]
    if not images:
        raise CohortError(_no_ct(folder, found, others))
    for modality, count in others.items():
        found.left_out[modality] = count
    multi = [header for header in images if header.n_frames > 1 and not header.is_enhanced_ct]
    if multi:
        raise CohortError(of_frames_unknown(multi[0]))
    for scout in (header for header in images if "LOCALIZER" in header.image_type):
        found.leave_out("scout", _scout(scout))
    axial = [header for header in images if "LOCALIZER" not in header.image_type]
    if not axial:
        what = f"holds scouts only ({len(images)} images of type LOCALIZER); axial slices are due."
        raise CohortError(Finding(file=folder, what=what, todo="Name the folder of the CT series.", code="no-ct"))
    return axial


def of_frames_unknown(header: ImageHeader) -> Finding:
    """An image of several frames whose class does not say where they lie."""
    what = f"is an image of {header.n_frames} frames of the class '{header.sop_class}', which does not say where each "
    what += "lies; a CT of several frames is 'Enhanced CT Image Storage'."
    todo = "Export it as single slices, or convert it to NIfTI (for example with dcm2niix)."
    return Finding(file=header.path, what=what, todo=todo, code="multi-frame")


def _one_series(
    folder: Path, images: Sequence[ImageHeader], series_uid: str | None, found: DicomFolder
) -> list[ImageHeader]:
    by_uid: dict[str, list[ImageHeader]] = {}
    for header in images:
        by_uid.setdefault(header.series_uid, []).append(header)
    listed = _listed(by_uid)
    if series_uid is None and len(by_uid) > 1:
        what = f"holds {len(by_uid)} CT series: {listed}."
        todo = "Move all but one out of the folder, or give the `series_uid` of the one to read."
        raise CohortError(Finding(file=folder, what=what, todo=todo, code="several-series"))
    if series_uid is not None and series_uid not in by_uid:
        what = f"there is no CT series {cut(series_uid)}; the folder holds {listed}."
        raise CohortError(
            Finding(file=folder, what=what, todo="Give the `series_uid` of one of them.", code="no-series")
        )
    chosen = series_uid if series_uid is not None else images[0].series_uid
    if len(by_uid) > 1:
        found.left_out["other series"] = len(images) - len(by_uid[chosen])
    return by_uid[chosen]


def _listed(by_uid: Mapping[str, Sequence[ImageHeader]]) -> str:
    series = [
        f"'{cut(slices[0].description, 40)}' with {counted(len(slices), 'slice')} ({uid})"
        for uid, slices in by_uid.items()
    ]
    more = f"; and {len(series) - MOST_LISTED} more" if len(series) > MOST_LISTED else ""
    return "; ".join(series[:MOST_LISTED]) + more


def _each_once(slices: Sequence[ImageHeader], found: DicomFolder) -> list[ImageHeader]:
    first: dict[str, ImageHeader] = {}
    for header in slices:
        if header.sop_instance_uid in first:
            what = (
                f"is the same image as {first[header.sop_instance_uid].path.name} (one SOPInstanceUID); it is left out."
            )
            code = "duplicate-image"
            found.leave_out("image twice", Finding(file=header.path, what=what, severity=Severity.WARNING, code=code))
        else:
            first[header.sop_instance_uid] = header
    return list(first.values())


def _hounsfield(ordered: Sequence[ImageHeader]) -> npt.NDArray[np.int16] | npt.NDArray[np.float32]:
    """(slice, row, column) in HU; int16 where that loses nothing."""
    whole = all(float(number).is_integer() for header in ordered for number in (header.slope, header.intercept))  # type: ignore[arg-type]
    shape = (len(ordered), ordered[0].rows, ordered[0].columns)
    values = np.empty(shape, np.int16 if whole else np.float32)
    decoded: dict[Path, npt.NDArray[np.integer[Any]]] = {}
    for index, header in enumerate(ordered):
        slice_hu = _pixels(header, decoded) * float(header.slope or 1) + float(header.intercept or 0)
        fits = _INT16.min <= slice_hu.min() and slice_hu.max() <= _INT16.max
        if values.dtype == np.int16 and not fits:
            values = values.astype(np.float32)
        values[index] = slice_hu
    return values


def _pixels(header: ImageHeader, decoded: dict[Path, npt.NDArray[np.integer[Any]]]) -> npt.NDArray[np.integer[Any]]:
    """(row, column) of a slice; `decoded` keeps the frames of a file of several."""
    if header.frame is None:
        return _decode(header, (header.rows, header.columns))
    if header.path not in decoded:
        shape = (header.n_frames, header.rows, header.columns)
        decoded[header.path] = _decode(header, shape[header.n_frames == 1 :]).reshape(shape)
    return decoded[header.path][header.frame]


def _decode(header: ImageHeader, shape: tuple[int, ...]) -> npt.NDArray[np.integer[Any]]:
    from pydicom.pixels import pixel_array

    try:
        source = _with_meta(header) if header.is_bare else header.path
        pixels: npt.NDArray[np.integer[Any]] = pixel_array(source, raw=True)
    # Decoders raise whatever a damaged stream makes them stumble over.
    except Exception as error:
        what = f"the pixel data cannot be decoded ({cut(f'{type(error).__name__}: {error}')})."
        raise CohortError(
            Finding(file=header.path, what=what, todo="Export the file again.", code="damaged-pixels")
        ) from error
    if pixels.shape != shape:
        what = f"the pixel data hold {pixels.shape} pixels; {header.rows} rows x {header.columns} columns are declared."
        raise CohortError(Finding(file=header.path, what=what, todo="Export the file again.", code="damaged-pixels"))
    return pixels


def _with_meta(header: ImageHeader) -> Dataset:
    """A file that lacks its file meta, with the transfer syntax in which it was found to be written."""
    from pydicom import dcmread
    from pydicom.uid import UID

    dataset = dcmread(header.path, force=True)
    dataset.file_meta.TransferSyntaxUID = UID(header.transfer_syntax)
    return dataset


def _no_ct(folder: Path, found: DicomFolder, others: Counter[str]) -> list[Finding]:
    listed = ", ".join(f"{count} {modality}" for modality, count in others.most_common(MOST_LISTED))
    what = f"no CT image among {found.n_files} files (found: {listed or 'no DICOM file'}); a CT series is due."
    todo = "Name the folder of the CT series."
    damaged = [finding for finding in found.findings if finding.severity is Severity.ERROR]
    return [Finding(file=folder, what=what, todo=todo, code="no-ct"), *damaged]


def _scout(header: ImageHeader) -> Finding:
    what = f"is a scout (image type {cut('/'.join(header.image_type))}), no axial slice; it is left out."
    return Finding(file=header.path, what=what, severity=Severity.NOTE, code="scout")


def _count(folder: Path, found: DicomFolder, used: int) -> list[Finding]:
    """The account of the folder's files: used and left out make all."""
    if found.n_files != used + sum(found.left_out.values()):
        raise AssertionError(f"{found.n_files} files, {used} used, left out {found.left_out}")
    if not found.left_out:
        return []
    listed = ", ".join(f"{count} {reason}" for reason, count in found.left_out.items())
    what = f"{used} of {found.n_files} files are slices of the series; left out: {listed}."
    return [Finding(file=folder, what=what, severity=Severity.NOTE, code="files-left-out")]
