"""The CT of a synthetic patient in full: lung, vessels, pleura, a nodule, and one of four scanners.

The scene is a function of place in mm; 96^3 voxels of 1 mm and 64^3 of 1.5 mm show the same one. What the parameters
promise is there to be read: diameter, solid share, irregular outline and spicules, texture of the core, emphysema,
contact with the pleura. The scanner is that of the patient's site, and says nothing of the outcome.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.special import expit

from mmcare.synthetic.ct import RenderedCT
from mmcare.synthetic.fields import FIELD_OF_VIEW_MM, Box, Voxels, power_law_field, smooth_field
from mmcare.synthetic.nodule import (
    GROUND_GLASS_HU,
    SOLID_HU,
    SPICULE_HU,
    Nodule,
    core_share,
    draw_outline,
    occupancy,
    spicules,
)
from mmcare.synthetic.persons import CTParameters, SiteEffects
from mmcare.synthetic.random import Floats
from mmcare.synthetic.tubes import Tube, branching_vessels, draw_tube

__all__ = ["SIZES", "render_scene", "spacing_of"]

RENDER = 5
SIZES = (64, 96)
LUNG_HU, EMPHYSEMA_HU, VESSEL_HU, PLEURA_HU = -860.0, -960.0, 20.0, 40.0
SPICULE_RADIUS_MM = 1.2
_PLEURA_EDGE_MM = 0.7
_NOISE_SD = (45.0, 30.0, 18.0, 12.0)
_BLUR_MM = (0.25, 0.35, 0.5, 0.6)
_SLICE_MM = (1.0, 1.5, 2.5, 3.0)
_FULL_WIDTH = 2.355  # full width at half maximum of a Gaussian of SD 1


def spacing_of(size_voxels: int) -> float:
    """Voxel size in mm of a grid over the field of view."""
    return FIELD_OF_VIEW_MM / size_voxels


def render_scene(
    ct: CTParameters,
    sites: SiteEffects,
    site: int,
    seed: int,
    patient: int,
    size_voxels: int,
    row: int | None = None,
) -> RenderedCT:
    """The CT of one patient.

    Args:
        ct: Parameters of some patients.
        sites: Effects of the sites.
        site: The patient's site, 1 to 8.
        seed: Of the cohort.
        patient: The patient's number.
        size_voxels: Voxels along each axis, at least 48; 64 or 96 by custom.
        row: Where the patient stands in `ct`; by default at its number.
    """
    row = patient if row is None else row
    spacing = spacing_of(size_voxels)
    axis = ((np.arange(size_voxels) - (size_voxels - 1) / 2) * spacing).astype(np.float32)
    nodule = _nodule(ct, row)
    place = _stream(seed, patient, 0)
    middle, towards_pleura, u = 12 * (place.random(3) - 0.5), _direction(place), place.random(4)
    emphysema = float(ct.emphysema[row])
    values = _lung(_stream(seed, patient, 1), size_voxels, emphysema)
    for vessel in branching_vessels(_stream(seed, patient, 2), round(25 * (1 - emphysema))):
        draw_tube(values, axis, vessel, VESSEL_HU)
    if ct.central[row]:
        draw_tube(values, axis, _central_vessel(middle, towards_pleura, nodule, u[1:]), VESSEL_HU)
    shape = _stream(seed, patient, 3)
    _add_spicules(values, axis, middle, nodule, shape)
    _add_pleura(values, axis, middle, towards_pleura, _pleura_mm(nodule, bool(ct.pleural_contact[row]), u[0]))
    mask = _add_nodule(values, axis, middle, nodule, shape, _stream(seed, patient, 4))
    values = _scan(_stream(seed, patient, 5), values, site % 4, spacing) + np.float32(sites.offset_hu[site - 1])
    affine = np.diag([spacing] * 3 + [1.0])
    affine[:3, 3] = -(size_voxels - 1) / 2 * spacing
    return RenderedCT(np.clip(np.rint(values), -1024, 3071).astype(np.int16), mask, affine)


def _stream(seed: int, patient: int, part: int) -> np.random.Generator:
    """Random numbers of one part of one patient's scene: a part that draws more or fewer moves no other."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(RENDER, patient, 100 + part)))


def _nodule(ct: CTParameters, i: int) -> Nodule:
    return Nodule(float(ct.diameter_mm[i]), float(ct.solid[i]), float(ct.spiculation[i]), float(ct.heterogeneity[i]))


def _direction(rng: np.random.Generator) -> Floats:
    direction = rng.standard_normal(3)
    return np.asarray(direction / np.linalg.norm(direction))


def _lung(rng: np.random.Generator, size: int, emphysema: float) -> Voxels:
    """Lung with a power-law field; where a smooth field is lowest, emphysema."""
    values = np.float32(LUNG_HU) + power_law_field(rng, size, 1.5, 25.0)
    holes = smooth_field(rng, size, 5.0, 1.0)
    count = round(emphysema * holes.size)
    if count:
        values[holes <= np.partition(holes, count, axis=None)[count]] = EMPHYSEMA_HU
    return values


def _central_vessel(middle: Floats, towards_pleura: Floats, nodule: Nodule, u: Floats) -> Tube:
    """12 mm wide, its wall 4 mm off the nodule, on the side away from the pleura."""
    at = middle - towards_pleura * (nodule.diameter_mm / 2 + 4 + 6)
    along = np.cross(towards_pleura, u - 0.5)
    along *= FIELD_OF_VIEW_MM / np.linalg.norm(along)
    return Tube(at - along, at + along, 6.0, 6.0)


def _pleura_mm(nodule: Nodule, contact: bool, u: float) -> float:
    return nodule.diameter_mm / 2 - 1 if contact else nodule.diameter_mm / 2 + 8 + 32 * u


def _add_pleura(values: Voxels, axis: Voxels, middle: Floats, direction: Floats, distance_mm: float) -> None:
    """Soft tissue beyond a plane."""
    x, y, z = (np.float32(d) * (axis - np.float32(m)) for d, m in zip(direction, middle, strict=True))
    depth = x[:, None, None] + y[:, None] + (z - np.float32(distance_mm))
    near = depth > -6 * _PLEURA_EDGE_MM
    values[near] += expit(depth[near] / np.float32(_PLEURA_EDGE_MM)) * (np.float32(PLEURA_HU) - values[near])


def _add_spicules(values: Voxels, axis: Voxels, middle: Floats, nodule: Nodule, rng: np.random.Generator) -> None:
    """Cones that stand on the nodule's mean sphere."""
    for spicule in spicules(nodule, rng):
        length = float(np.linalg.norm(spicule))
        start = middle + spicule / length * nodule.diameter_mm / 2
        draw_tube(values, axis, Tube(start, start + spicule, SPICULE_RADIUS_MM, 0.0), SPICULE_HU)


def _add_nodule(
    values: Voxels,
    axis: Voxels,
    middle: Floats,
    nodule: Nodule,
    shape: np.random.Generator,
    texture: np.random.Generator,
) -> np.ndarray:  # type: ignore[type-arg]
    """Put the nodule into the volume, in place; returns the mask (uint8)."""
    box = _box(axis, middle, nodule.reach_mm)
    places = _places(axis, middle, box)
    near = np.flatnonzero(np.einsum("va,va->v", places, places) < nodule.reach_mm**2)
    share = occupancy(nodule, draw_outline(shape), places[near])
    inside = core_share(nodule, shape, places[near])
    if nodule.solid > 0:
        field = smooth_field(texture, len(axis), 3.0, 8 + 45 * nodule.heterogeneity, box)
        inside *= field.ravel()[near] + np.float32(SOLID_HU - GROUND_GLASS_HU)
    inside += np.float32(GROUND_GLASS_HU)
    here = values[box].ravel()
    here[near] += share * (inside - here[near])
    values[box] = here.reshape(values[box].shape)
    mask = np.zeros(values.shape, dtype=np.uint8)
    occupied = np.zeros(len(here), dtype=np.uint8)
    occupied[near] = share >= 0.5
    mask[box] = occupied.reshape(values[box].shape)
    return mask


def _box(axis: Voxels, middle: Floats, reach_mm: float) -> Box:
    i, j, k = (slice(*np.searchsorted(axis, (m - reach_mm, m + reach_mm)).tolist()) for m in middle)
    return i, j, k


def _places(axis: Voxels, middle: Floats, box: Box) -> Voxels:
    """(voxels of the box, 3) mm from the middle."""
    along = [axis[s] - np.float32(m) for s, m in zip(box, middle, strict=True)]
    return np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, 3)


def _scan(rng: np.random.Generator, values: Voxels, protocol: int, spacing: float) -> Voxels:
    """In-plane blur, slice thickness along z, and noise that went through the same, of the protocol's SD."""
    blur = [_BLUR_MM[protocol] / spacing, _BLUR_MM[protocol] / spacing, _SLICE_MM[protocol] / _FULL_WIDTH / spacing]
    seen = rng.standard_normal(values.shape, dtype=np.float32)
    seen *= np.float32(_NOISE_SD[protocol] / np.prod([_kept_sd(sigma) for sigma in blur]))
    seen += values
    return np.asarray(ndimage.gaussian_filter(seen, blur, mode="nearest"))


def _kept_sd(sigma_voxels: float) -> float:
    """SD that white noise of SD 1 keeps after a blur along one axis, as ndimage samples its kernel."""
    reach = int(4 * sigma_voxels + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_voxels) ** 2)
    return float(np.sqrt(((kernel / kernel.sum()) ** 2).sum()))
