"""What looks wrong with a CT and its mask though both can be read: offset, side, edge, another patient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.errors import Finding, Severity
from mmcare.formats.volume import Volume

__all__ = ["check_image"]

TISSUE_HU = -300.0
"""Between lung (about -850) and soft tissue (0 to 100)."""
MANY, MORE = 0.6, 0.3
"""Share in tissue, of what only the mirrored mask covers, from which that fits, and by how much more it must be."""
LEAST_APART = 0.1
"""Share of a mask that its mirror image must leave out to be told from it: near the middle of a crop they overlap."""
LUNG_HU = -700.0
FAINT_HU, DENSER_HU = 30.0, 150.0
"""How much denser than its surroundings a mask is at most that does not fit, and at least that fits."""
_AROUND_MM = 8.0
_SIDES = (("left", "right"), ("back", "front"), ("feet", "head"))


def check_image(volume: Volume, patient: str | None = None) -> list[Finding]:
    """What looks wrong with a CT in HU and, where there is one, its mask; nothing is changed.

    The rescale offset counted twice or never, a mask at the edge of the CT, a mask that fits the CT only when mirrored,
    and a mask that lies in air where a tumour is due.

    Args:
        volume: The CT in HU with its mask, axes in RAS+ order.
        patient: For the messages.
    """
    findings = list(_offset(volume.values))
    if volume.mask is not None and volume.mask.any():
        findings += [*_edges(volume, volume.mask), *_side(volume, volume.mask)]
    elif volume.mask is not None:
        findings.append(Finding(what="the mask is empty.", todo="Bring the mask of this CT.", code="empty-mask"))
    return [finding.at(patient=patient) for finding in findings]


def _offset(values: npt.NDArray[np.int16] | npt.NDArray[np.float32]) -> Iterator[Finding]:
    """Air is -1000 HU, soft tissue 0 to 100: where neither is there and both are 1024 away, the offset is at fault."""
    low, middle, high = np.percentile(values[::2, ::2, ::2], [1, 50, 99]).tolist()
    if low < -1500 and high < -300:
        what = f"the 1st percentile is {low:.0f} HU and the 99th {high:.0f} HU; air is -1000 and soft tissue 0 to 100: "
        what += "it seems that the rescale intercept was applied twice."
        yield Finding(what=what, todo="Add 1024 to the values, or export them again.", code="hu-offset-twice")
    elif low > -50 and high > 900 and middle < 1200:
        what = f"the 1st percentile is {low:.0f} HU and the 99th {high:.0f} HU; air is -1000 and soft tissue 0 to 100: "
        what += "it seems that the rescale intercept was not applied."
        todo = "Subtract 1024 from the values, or export them again."
        yield Finding(what=what, todo=todo, severity=Severity.WARNING, code="hu-offset-never")


def _edges(volume: Volume, mask: npt.NDArray[np.bool_]) -> Iterator[Finding]:
    for axis, names in enumerate(_SIDES):
        used = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        for name, left in zip(names, (int(used[0]), mask.shape[axis] - 1 - int(used[-1])), strict=True):
            if left == 0:
                spacing = volume.spacing_mm[axis]
                what = f"the CT ends inside the tumour at the {name}: the mask reaches its last slice, 0 mm from the "
                what += f"edge; at least {spacing:.4g} mm (one voxel) is due."
                todo = "Bring a CT that holds the whole tumour, or leave the patient out."
                yield Finding(what=what, todo=todo, severity=Severity.WARNING, code="cut-tumour")


@dataclass(frozen=True, slots=True)
class _Fit:
    """How a mask lies in a CT: its share in tissue, its median, and how much denser it is than its surroundings."""

    tissue: float
    median_hu: float
    contrast_hu: float


def _side(volume: Volume, mask: npt.NDArray[np.bool_]) -> Iterator[Finding]:
    mirrored = mask[::-1]
    here, there = _fit(volume, mask), _fit(volume, mirrored)
    said = (
        f"{here.tissue:.0%} of the mask overlaps with tissue (above {TISSUE_HU:.0f} HU), mirrored {there.tissue:.0%}; "
    )
    said += f"median inside {here.median_hu:.0f} HU, mirrored {there.median_hu:.0f} HU"
    if there.contrast_hu > DENSER_HU and (apart := _fits_only_mirrored(volume, mask, mirrored)) is not None:
        what = f"the mask seems flipped left-right: {said}{apart}."
        todo = "Compare CT and mask in a viewer; export the mask again."
        yield Finding(what=what, todo=todo, severity=Severity.WARNING, code="flipped-mask")
    elif here.median_hu < LUNG_HU and here.contrast_hu < 100.0:
        what = (
            f"the mask lies in air or lung, and is no denser than its surroundings: {said}. It may belong to another "
        )
        what += "patient."
        todo = "Compare CT and mask in a viewer."
        yield Finding(what=what, todo=todo, severity=Severity.WARNING, code="mask-in-air")


def _fits_only_mirrored(volume: Volume, mask: npt.NDArray[np.bool_], mirrored: npt.NDArray[np.bool_]) -> str | None:
    """What is to be said where a mask and its mirror image differ and only the mirror image fits there; else None.

    Near the middle of a crop the two overlap; what they share says nothing of the side.
    """
    only_here, only_there = mask & ~mirrored, mirrored & ~mask
    share = np.count_nonzero(only_here) / np.count_nonzero(mask)
    if share < LEAST_APART:
        return None
    here, there = _fit(volume, only_here), _fit(volume, only_there)
    fits = there.tissue >= max(MANY, here.tissue + MORE)
    if not fits or here.contrast_hu > FAINT_HU:  # a tumour, a ground-glass one too, is denser than what is around it
        return None
    if share == 1:
        return ""
    return f"; of the {share:.0%} where the two differ {here.tissue:.0%} is tissue, mirrored {there.tissue:.0%}"


def _fit(volume: Volume, mask: npt.NDArray[np.bool_]) -> _Fit:
    from scipy.ndimage import binary_dilation

    box = _box(volume, mask)
    values, inside = volume.values[box], mask[box]
    steps = max(1, round(_AROUND_MM / 2 / min(volume.spacing_mm)))
    around = binary_dilation(inside, iterations=steps) & ~inside
    core = values[inside]
    outer = float(np.mean(values[around])) if around.any() else float(np.mean(core))
    return _Fit(float(np.mean(core > TISSUE_HU)), float(np.median(core)), float(np.mean(core)) - outer)


def _box(volume: Volume, mask: npt.NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    """The mask's box and its surroundings: no more of the CT is looked at."""
    sides = []
    for axis in range(3):
        used = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        more = int(np.ceil(_AROUND_MM / volume.spacing_mm[axis]))
        sides.append(slice(max(0, int(used[0]) - more), int(used[-1]) + 1 + more))
    return sides[0], sides[1], sides[2]
