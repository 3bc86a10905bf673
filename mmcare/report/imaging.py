"""The patient's images as the page shows them: a cube around the tumour, its outline, and where the model looked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mmcare.components import Absent, Mask, Region, VolumeBatch
from mmcare.explain import PatientExplanation, Saliency
from mmcare.formats import Volume
from mmcare.inputs import open_stage
from mmcare.inputs.locate import region_of
from mmcare.report.case import Case
from mmcare.report.packing import packed_bytes, packed_int16
from mmcare.report.part import Part
from mmcare.report.volume_grid import ViewGrid, around, resampled
from mmcare.report.why import label_of
from mmcare.run import segmenters_of

__all__ = ["HeatMap", "ImageView", "LoadedImage", "Outline", "Window", "image_views", "loaded_image", "view_of"]

AIR_HU, LEAST_HU = -1000.0, -900.0
_STEPS = 4000
"""Into how many steps the range of an image that is not in HU is divided."""
Floats = npt.NDArray[np.float64]


class Window(Part):
    """A range of values that is shown from black to white."""

    name: str
    low: float
    high: float


class Outline(Part):
    """A mask on the image's grid, packed bytes: 1 inside."""

    name: str
    data: str


class HeatMap(Part):
    """Where the model looked, for one output.

    Attributes:
        key: Of the output. label: In words.
        method: `grad-cam`, or `occlusion`.
        in_tumour: Share of its mass in the region; None without one.
        shape: Of its own grid. matrix: 3 x 4, row by row, from the image's voxels to its own.
        data: Packed bytes, 0 to 255.
    """

    key: str
    label: str
    method: str
    in_tumour: float | None
    shape: tuple[int, int, int]
    matrix: tuple[float, ...]
    data: str


class ImageView(Part):
    """One image.

    Attributes:
        modality: Key. unit: `HU`, or empty.
        shape: Voxels along (right, front, head). spacing_mm: Of them. affine: 3 x 4 to mm in RAS+, row by row.
        slope: Value of a stored step. intercept: Value of a stored 0.
        data: Packed int16.
        windows: The first is used at the start. start: Voxel that is shown first.
        outlines: Of the tumour. heat_maps: An output each.
        notes: In words.
    """

    modality: str
    unit: str
    shape: tuple[int, int, int]
    spacing_mm: float
    affine: tuple[float, ...]
    slope: float
    intercept: float
    data: str
    windows: tuple[Window, ...]
    start: tuple[int, int, int]
    outlines: tuple[Outline, ...]
    heat_maps: tuple[HeatMap, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadedImage:
    """An image as read.

    Attributes:
        volume: With the drawn mask, where there is one.
        region: That was located in it; None without. found_by: Name of the segmenter.
    """

    volume: Volume
    region: Region | None = None
    found_by: str = ""


def image_views(case: Case, explanation: PatientExplanation | None, names: dict[str, str]) -> tuple[ImageView, ...]:
    """Of each image that the patient has; heat maps where there is an explanation."""
    saliency = explanation.saliency if explanation is not None else ()
    return tuple(
        view_of(name, loaded_image(case, name), [found for found in saliency if found.modality == name], names)
        for name, batch in case.batch.modalities.items()
        if isinstance(batch, VolumeBatch)
    )


def loaded_image(case: Case, name: str) -> LoadedImage:
    """The image as its file holds it; of a modality that shows no volume, the sample that the model was given."""
    spec = case.run.spec
    located = segmenters_of(spec, case.run.folder).get(name)
    stage = open_stage(name, spec.modalities[name], case.cohort, located)
    assert stage is not None, "the patient has it"
    raw = stage.modality.read(stage.source, case.patient)
    try:
        volume = stage.modality.volume(raw)
    except TypeError:
        return LoadedImage(_sample(case, name))
    if stage.segmenter is None:
        return LoadedImage(volume)
    region = region_of(volume, stage.segmenter, "")
    part = spec.modalities[name].parts["roi"].entry.component.name
    return LoadedImage(volume, None if isinstance(region, Absent) else region, part)


def _sample(case: Case, name: str) -> Volume:
    batch: Any = case.batch.modalities[name]
    return Volume(batch.values[0, 0].float().numpy(), batch.affine[0].double().numpy())


def view_of(name: str, image: LoadedImage, saliency: Sequence[Saliency], names: dict[str, str]) -> ImageView:
    """The image on the page's grid, packed, with its outlines and heat maps.

    Args:
        name: Of the modality. image: As read. saliency: Of this image. names: Of the arms, by key.
    """
    volume = image.volume
    centre, extent = _looked_at(image)
    grid = around(centre, extent, volume.shape, volume.affine)
    in_hu = float(volume.values.min()) <= LEAST_HU
    values = resampled(volume.values, volume.affine, grid, outside=AIR_HU if in_hu else 0.0)
    stored, slope, intercept = _steps(values, in_hu)
    return ImageView(
        modality=name,
        unit="HU" if in_hu else "",
        shape=grid.shape,
        spacing_mm=float(grid.affine[0, 0]),
        affine=tuple(grid.affine[:3].ravel().tolist()),
        slope=slope,
        intercept=intercept,
        data=packed_int16(stored),
        windows=_windows(values, in_hu),
        start=grid.voxel(_middle(image)),
        outlines=tuple(_outlines(image, grid)),
        heat_maps=tuple(_heat_map(found, grid, names) for found in saliency),
        notes=tuple(_notes(grid, volume)),
    )


def _looked_at(image: LoadedImage) -> tuple[Floats, Floats]:
    """Centre and extent in mm of all masks together; without one, the whole image's."""
    volume = image.volume
    region = image.region.mask if image.region is not None else None
    drawn = Mask(volume.mask, volume.affine) if volume.mask is not None else None
    bounds = [_bounds_mm(mask) for mask in (region, drawn) if mask is not None and mask.values.any()]
    if bounds:
        lower, upper = np.min([low for low, _ in bounds], axis=0), np.max([high for _, high in bounds], axis=0)
        return (lower + upper) / 2, upper - lower
    middle = volume.affine[:3, :3] @ ((np.array(volume.shape) - 1) / 2) + volume.affine[:3, 3]
    return middle, np.abs(volume.affine[:3, :3]) @ np.array(volume.shape)


def _middle(image: LoadedImage) -> Floats:
    """The place in mm that is shown first: the middle of the tumour as drawn, else of the region, else of the image."""
    volume = image.volume
    if volume.mask is not None and volume.mask.any():
        return np.asarray(volume.affine[:3, :3] @ np.argwhere(volume.mask).mean(0) + volume.affine[:3, 3])
    if image.region is not None:
        return image.region.centre_mm
    return np.asarray(volume.affine[:3, :3] @ ((np.array(volume.shape) - 1) / 2) + volume.affine[:3, 3])


def _bounds_mm(mask: Mask) -> tuple[Floats, Floats]:
    places = np.argwhere(mask.values) @ mask.affine[:3, :3].T + mask.affine[:3, 3]
    return places.min(0), places.max(0)


def _steps(values: npt.NDArray[np.float32], in_hu: bool) -> tuple[npt.NDArray[np.int16], float, float]:
    """Whole HU; of anything else its range in steps."""
    if in_hu:
        return np.clip(np.rint(values), -32768, 32767).astype(np.int16), 1.0, 0.0
    low, high = float(values.min()), float(values.max())
    slope = (high - low) / _STEPS or 1.0
    return np.rint((values - low) / slope).astype(np.int16), slope, low


def _windows(values: npt.NDArray[np.float32], in_hu: bool) -> tuple[Window, ...]:
    if in_hu:
        return (
            Window(name="Lung", low=-1350, high=150),
            Window(name="Mediastinum", low=-160, high=240),
            Window(name="Bone", low=-450, high=1050),
        )
    low, high = (float(value) for value in np.percentile(values, (0.5, 99.5)))
    whole = Window(
        name="Whole range", low=float(values.min()), high=max(float(values.max()), float(values.min()) + 1e-6)
    )
    return (Window(name="Most of it", low=low, high=high), whole) if high > low else (whole,)


def _outlines(image: LoadedImage, grid: ViewGrid) -> Iterator[Outline]:
    """What the model took for the tumour, and what a person drew, where they are two."""
    region, volume = image.region, image.volume
    drawn = Mask(volume.mask, volume.affine) if volume.mask is not None and volume.mask.any() else None
    if region is not None and region.mask is not None and image.found_by != "mask":
        yield _outline(f"Tumour, as {image.found_by} found it", region.mask, grid)
    if drawn is not None:
        yield _outline("Tumour, as drawn", drawn, grid)


def _outline(name: str, mask: Mask, grid: ViewGrid) -> Outline:
    inside = resampled(mask.values.astype(np.float32), mask.affine, grid, outside=0.0) >= 0.5
    return Outline(name=name, data=packed_bytes(inside.astype(np.uint8)))


def _heat_map(found: Saliency, grid: ViewGrid, names: dict[str, str]) -> HeatMap:
    i, j, k = found.values.shape
    return HeatMap(
        key=found.target.key,
        label=label_of(found.target, names),
        method=found.method,
        in_tumour=found.in_tumour,
        shape=(i, j, k),
        matrix=tuple((np.linalg.inv(found.affine) @ grid.affine)[:3].ravel().tolist()),
        data=packed_bytes(np.rint(255 * np.clip(np.nan_to_num(found.values), 0, 1)).astype(np.uint8)),
    )


def _notes(grid: ViewGrid, volume: Volume) -> Iterator[str]:
    spacing = float(grid.affine[0, 0])
    own = " x ".join(f"{s:.2g}" for s in volume.spacing_mm)
    yield (
        f"Shown: {' x '.join(f'{n * spacing:.0f}' for n in grid.shape)} mm around the tumour, resampled to"
        f" {spacing:.2g} mm; the scan has voxels of {own} mm."
    )
