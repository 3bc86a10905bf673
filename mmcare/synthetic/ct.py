"""The CT of a synthetic patient: a nodule in lung, seen by one of four scanners; simpler than a lung.

What the parameters promise is there to be read: diameter, solid share, irregular outline, texture of the core,
emphysema, contact with the pleura. Vessels and spicules as cones are not drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import expit, sph_harm_y

from mmcare.synthetic.persons import CTParameters, SiteEffects
from mmcare.synthetic.random import Floats, normals, stage_uniforms

__all__ = ["RenderedCT", "render"]

RENDER = 5
LUNG_HU, EMPHYSEMA_HU, GROUND_GLASS_HU, SOLID_HU, PLEURA_HU = -860.0, -960.0, -620.0, 30.0, 40.0
_NOISE_SD = (45.0, 30.0, 18.0, 12.0)
_BLUR_MM = (0.25, 0.35, 0.5, 0.6)
_SLICE_MM = (1.0, 1.5, 2.5, 3.0)
_UNIFORMS = 40


@dataclass(frozen=True, slots=True)
class RenderedCT:
    """HU (int16) and mask (uint8) on a cubic grid, and the affine to RAS+ mm."""

    hu: npt.NDArray[np.int16]
    mask: npt.NDArray[np.uint8]
    affine: Floats


def render(
    ct: CTParameters, sites: SiteEffects, site: int, seed: int, patient: int, size_voxels: int, spacing_mm: float
) -> RenderedCT:
    """The CT of one patient.

    Args:
        ct: Parameters of all patients.
        sites: Effects of the sites.
        site: The patient's site, 1 to 8.
        seed: Of the cohort.
        patient: The patient's number.
        size_voxels: Voxels along each axis.
        spacing_mm: Their size.
    """
    u = stage_uniforms(seed, RENDER, [patient], _UNIFORMS)[0]
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(RENDER, patient, 1)))
    axis = (np.arange(size_voxels) - (size_voxels - 1) / 2) * spacing_mm
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"))
    middle = 12 * (u[:3] - 0.5)
    offset = grid - middle[:, None, None, None]
    diameter = float(ct.diameter_mm[patient])
    occupancy = _occupancy(offset, diameter, float(ct.spiculation[patient]), float(ct.solid[patient]), u)
    values = _lung(rng, grid.shape[1:], spacing_mm, float(ct.emphysema[patient]))
    values = _pleura(values, offset, diameter, bool(ct.pleural_contact[patient]), u)
    inside = _inside(rng, offset, diameter, float(ct.solid[patient]), float(ct.heterogeneity[patient]), spacing_mm, u)
    values += occupancy * (inside - values)
    values = _scan(rng, values, site % 4, spacing_mm) + sites.offset_hu[site - 1]
    affine = np.diag([spacing_mm] * 3 + [1.0])
    affine[:3, 3] = axis[0]
    return RenderedCT(
        np.clip(np.rint(values), -1024, 3071).astype(np.int16), (occupancy >= 0.5).astype(np.uint8), affine
    )


def _occupancy(offset: Floats, diameter: float, spiculation: float, solid: float, u: Floats) -> Floats:
    """Share of nodule in each voxel: a sphere whose radius has harmonics of order 2 to 4, with a logistic edge."""
    radius = np.linalg.norm(offset, axis=0)
    polar = np.arccos(np.clip(offset[2] / np.maximum(radius, 1e-6), -1, 1))
    azimuth = np.arctan2(offset[1], offset[0])
    weights = normals(u[4:25])
    shape, place = np.zeros_like(radius), 0
    for order in (2, 3, 4):
        for m in range(-order, order + 1):
            wave = sph_harm_y(order, abs(m), polar, azimuth)
            shape += weights[place] * (wave.real if m >= 0 else wave.imag)
            place += 1
    amplitude = 0.06 + 0.06 * spiculation
    edge = diameter / 2 * (1 + amplitude * shape / max(float(shape.std()), 1e-6))
    return np.asarray(expit((edge - radius) / (0.7 if solid > 0 else 1.5)))


def _inside(
    rng: np.random.Generator,
    offset: Floats,
    diameter: float,
    solid: float,
    heterogeneity: float,
    spacing: float,
    u: Floats,
) -> Floats:
    """Ground glass, and a core of diameter CTR * d whose texture grows with heterogeneity."""
    away = 0.1 * diameter * (2 * u[25:28] - 1) * (solid < 1)
    core_radius = solid * diameter / 2
    radius = np.linalg.norm(offset - away[:, None, None, None], axis=0)
    core = expit((core_radius - radius) / 0.7) if core_radius > 0 else np.zeros_like(radius)
    if solid >= 1:
        core = np.ones_like(radius)
    texture = _field(rng, radius.shape, 3.0 / spacing, 8 + 45 * heterogeneity)
    return GROUND_GLASS_HU + core * (SOLID_HU + texture - GROUND_GLASS_HU)


def _lung(rng: np.random.Generator, shape: tuple[int, ...], spacing: float, emphysema: float) -> Floats:
    """-860 HU with a smooth field; the lowest share of a 5 mm field is emphysema."""
    values = LUNG_HU + _field(rng, shape, 2.0 / spacing, 25.0)
    if emphysema > 0:
        holes = _field(rng, shape, 5.0 / spacing, 1.0)
        values = np.where(holes <= np.quantile(holes, emphysema), EMPHYSEMA_HU, values)
    return values


def _pleura(values: Floats, offset: Floats, diameter: float, contact: bool, u: Floats) -> Floats:
    """Soft tissue beyond a plane, just inside the nodule's edge where they touch."""
    direction = normals(u[28:31])
    direction /= np.linalg.norm(direction)
    distance = diameter / 2 - 1 if contact else diameter / 2 + 8 + 32 * u[31]
    depth = np.einsum("a,aijk->ijk", direction, offset) - distance
    return values + expit(depth / 0.7) * (PLEURA_HU - values)


def _scan(rng: np.random.Generator, values: Floats, protocol: int, spacing: float) -> Floats:
    """In-plane blur, slice thickness along z, and noise that went through the same."""
    blur = [_BLUR_MM[protocol] / spacing, _BLUR_MM[protocol] / spacing, _SLICE_MM[protocol] / 2.355 / spacing]
    noise = ndimage.gaussian_filter(rng.standard_normal(values.shape), blur)
    noise *= _NOISE_SD[protocol] / max(float(noise.std()), 1e-9)
    return np.asarray(ndimage.gaussian_filter(values, blur, mode="nearest") + noise)


def _field(rng: np.random.Generator, shape: tuple[int, ...], length_voxels: float, sd: float) -> Floats:
    """A smooth Gaussian field of a correlation length and SD."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), length_voxels / 2, mode="wrap")
    return np.asarray(field * (sd / max(float(field.std()), 1e-9)))
