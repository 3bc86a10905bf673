"""From the headers of a series' slices to one grid: what must hold of each slice, and of all of them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from mmcare.errors import CohortError, Finding, cut
from mmcare.formats.dicom_headers import ImageHeader
from mmcare.formats.rows import counted, first_lines

__all__ = ["check_slices", "grid"]

LARGEST_SIDE = 4096  # pixels: no CT is larger, and compressed pixel data cannot be compared with what they declare
LARGEST_TILT_DEGREES = 0.1
UNEVEN = 0.05  # of the slice distance: rounded positions of one decimal stay below it
_UNIT_TOLERANCE = 1e-3

Problem = tuple[str, str, str, str]  # code, key, what, todo


def check_slices(slices: Sequence[ImageHeader]) -> None:
    """Check each slice by itself: size, bytes, rescale, pixel spacing, orientation, position.

    Raises:
        CohortError: A finding for each kind of problem, naming the first file and how many more have it.
    """
    found: dict[str, tuple[ImageHeader, Problem]] = {}
    counts: Counter[str] = Counter()
    for header in slices:
        for check in _CHECKS:
            for problem in check(header):
                found.setdefault(problem[0], (header, problem))
                counts[problem[0]] += 1
    if found:
        raise CohortError(_finding(header, problem, counts[code]) for code, (header, problem) in found.items())


def grid(slices: Sequence[ImageHeader]) -> tuple[list[ImageHeader], npt.NDArray[np.float64]]:
    """The slices in order along their normal, and the affine of (column, row, slice) to mm in RAS+.

    Raises:
        CohortError: The slices make no grid: they differ in size, spacing or direction, one is missing, they stand at
            two distances, or the gantry was tilted.

    Source:
        DICOM PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1.
    """
    first = slices[0]
    _check_alike(slices)
    if len(slices) < 2:
        raise _series_error(first, "the series has one slice; a volume needs at least 2.", "Name the whole series.")
    across, down = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    normal = np.cross(across, down)
    ordered = sorted(slices, key=lambda header: float(np.dot(normal, header.position_mm)))
    positions = np.array([header.position_mm for header in ordered])
    _check_distances(ordered, positions @ normal)
    step = (positions[-1] - positions[0]) / (len(ordered) - 1)
    _check_tilt(first, step, normal)
    affine = np.eye(4)
    rows_mm, columns_mm = first.pixel_spacing_mm
    affine[:3] = np.stack([across * columns_mm, down * rows_mm, step, positions[0]], axis=1)
    return ordered, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def _bytes(header: ImageHeader) -> Iterator[Problem]:
    if header.frame:  # said of the file, once
        return
    frames = f"{header.n_frames} frames x " if header.n_frames > 1 else ""
    size = f"{frames}{header.rows} rows x {header.columns} columns x {header.bits_allocated} bits"
    if header.pixel_bytes is None and max(header.rows, header.columns) > LARGEST_SIDE:
        what = f"declares {size}; a side is at most {LARGEST_SIDE} pixels."
        yield "image-size", "(0028,0010) Rows", what, "Export it again."
    elif header.expected_bytes == 0 or header.bits_allocated not in (8, 16, 32) or header.samples != 1:
        what = f"declares {size} and {header.samples} samples a pixel; a CT slice has 8, 16 or 32 bits and 1 sample."
        yield "image-size", "(0028,0010) Rows", what, "Export it again."
    elif header.pixel_bytes is not None and not 0 <= header.pixel_bytes - header.expected_bytes <= 1:
        what = f"{header.expected_bytes:,} bytes of pixel data expected ({size}), {header.pixel_bytes:,} found."
        yield "pixel-bytes", "(7FE0,0010) PixelData", what, "The file is cut or changed: export it again."


def _decoder(header: ImageHeader) -> Iterator[Problem]:
    from pydicom.pixels import get_decoder
    from pydicom.uid import UID

    if header.pixel_bytes is not None or header.frame:
        return
    syntax = UID(header.transfer_syntax)
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = "Deflated" in syntax.name
    if not available:
        what = f"the pixel data are compressed as '{syntax.name}', for which no decoder is installed."
        yield "no-decoder", "(0002,0010) TransferSyntaxUID", what, 'Install one: pip install "pylibjpeg[all]".'


def _rescale(header: ImageHeader) -> Iterator[Problem]:
    names = {"(0028,1053) RescaleSlope": header.slope, "(0028,1052) RescaleIntercept": header.intercept}
    absent = [name for name, value in names.items() if value is None]
    if absent:
        what = f"{' and '.join(absent)} absent: without both, the pixel values are not Hounsfield units."
        yield "no-rescale", "", what, "Export the series again with its rescale elements."
    elif header.slope == 0:
        what = "is 0, so that all pixels are one value."
        yield "no-rescale", "(0028,1053) RescaleSlope", what, "Export the series again."


def _spacing(header: ImageHeader) -> Iterator[Problem]:
    spacing = header.pixel_spacing_mm
    if len(spacing) != 2 or not all(0 < value < np.inf for value in spacing):
        found = "\\".join(f"{value:g}" for value in spacing) or "absent"
        what = f"is {found}; two distances in mm, both above 0, are due."
        yield "pixel-spacing", "(0028,0030) PixelSpacing", what, "Export the series again."


def _orientation(header: ImageHeader) -> Iterator[Problem]:
    found = "\\".join(f"{value:g}" for value in header.orientation) or "absent"
    vectors = np.array(header.orientation).reshape(-1, 3) if len(header.orientation) == 6 else np.zeros((2, 3))
    if not np.allclose(vectors @ vectors.T, np.eye(2), rtol=0, atol=_UNIT_TOLERANCE):
        what = f"is {found}; two directions of length 1 at a right angle are due."
        yield "orientation", "(0020,0037) ImageOrientationPatient", what, "Export the series again."


def _position(header: ImageHeader) -> Iterator[Problem]:
    if len(header.position_mm) != 3 or not np.isfinite(header.position_mm).all():
        found = "\\".join(f"{value:g}" for value in header.position_mm) or "absent"
        what = f"is {found}; three coordinates in mm are due."
        yield "position", "(0020,0032) ImagePositionPatient", what, "Export the series again."


_CHECKS: tuple[Callable[[ImageHeader], Iterator[Problem]], ...] = (
    _bytes,
    _decoder,
    _rescale,
    _spacing,
    _orientation,
    _position,
)


def _finding(header: ImageHeader, problem: Problem, count: int) -> Finding:
    code, key, what, todo = problem
    several = "more file" if header.frame is None else "more frame"
    more = f" The same in {counted(count - 1, several)} of the series." if count > 1 else ""
    frame = "" if header.frame is None else f"frame {header.frame + 1}"
    place = ", ".join(part for part in (frame, key) if part)
    return Finding(file=header.path, key=place or None, what=what + more, todo=todo, code=code)


def _series_error(header: ImageHeader, what: str, todo: str, code: str = "no-grid") -> CohortError:
    key = f"series '{cut(header.description, 40)}'" if header.description else f"series {header.series_uid}"
    return CohortError(Finding(file=header.path.parent, key=key, what=what, todo=todo, code=code))


def _check_alike(slices: Sequence[ImageHeader]) -> None:
    first = slices[0]
    for name, value in (
        ("rows x columns", lambda h: f"{h.rows} x {h.columns}"),
        ("pixel spacing", lambda h: " x ".join(f"{mm:.6g}" for mm in h.pixel_spacing_mm) + " mm"),
        ("orientation", lambda h: "\\".join(f"{cosine:.3f}" for cosine in np.round(h.orientation, 3) + 0.0)),
    ):
        other = next((header for header in slices if value(header) != value(first)), None)
        if other is not None:
            what = f"the slices differ in {name}: {value(first)} in {first.name}, {value(other)} in {other.name}."
            raise _series_error(first, what, "Keep the slices of one acquisition in the folder.", "mixed-slices")


def _check_distances(ordered: Sequence[ImageHeader], along_mm: npt.NDArray[np.float64]) -> None:
    distances = np.diff(along_mm)
    usual = float(np.median(distances))
    even = np.linspace(along_mm[0], along_mm[-1], len(along_mm))
    if usual > 0 and np.abs(along_mm - even).max() <= UNEVEN * usual:
        return
    same = np.flatnonzero(distances < UNEVEN * usual) if usual > 0 else np.flatnonzero(distances <= 0)
    if len(same):
        files = f"{ordered[same[0]].name} and {ordered[same[0] + 1].name}"
        what = (
            f"{counted(len(same), 'pair')} of slices at one position, the first at {along_mm[same[0]]:.6g} mm: {files}."
        )
        raise _series_error(ordered[0], what, "Keep one acquisition in the folder.", "slices-at-one-position")
    steps = distances / usual
    gaps = np.flatnonzero(steps > 1.5)
    if len(gaps) and np.abs(steps - np.round(steps)).max() <= 2 * UNEVEN:
        missing = int(np.round(steps[gaps] - 1).sum())
        places = first_lines([f"between {along_mm[i]:.6g} and {along_mm[i + 1]:.6g} mm" for i in gaps])
        total = len(ordered) + missing
        what = f"slices are missing ({missing} of {total}), {places}; the others are {usual:.6g} mm apart."
        raise _series_error(ordered[0], what, "Export the whole series again.", "missing-slice")
    counts = Counter(round(float(distance), 2) for distance in distances).most_common()
    places = first_lines([f"{distance:g} mm ({count} times)" for distance, count in counts])
    what = f"the slices stand at {len(counts)} distances: {places}; a volume has one."
    todo = "Keep the part with one distance, or resample the series to one."
    raise _series_error(ordered[0], what, todo, "slice-distances")


def _check_tilt(first: ImageHeader, step: npt.NDArray[np.float64], normal: npt.NDArray[np.float64]) -> None:
    cosine = float(np.dot(step, normal) / np.linalg.norm(step))
    tilt = float(np.degrees(np.arccos(min(cosine, 1.0))))
    if tilt > LARGEST_TILT_DEGREES:
        what = f"the gantry was tilted: the slices are stacked {tilt:.1f} degrees off their normal; allowed are "
        what += f"{LARGEST_TILT_DEGREES} degrees."
        raise _series_error(first, what, "Resample the series to an upright grid first.", "gantry-tilt")
