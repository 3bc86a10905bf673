"""The nodule: an irregular outline, ground glass, a solid core with texture, spicules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import eval_legendre, expit

from mmcare.synthetic.fields import Voxels
from mmcare.synthetic.random import Floats, poisson_quantile

__all__ = [
    "GROUND_GLASS_HU",
    "SOLID_HU",
    "SPICULE_HU",
    "Nodule",
    "Outline",
    "core_share",
    "draw_outline",
    "occupancy",
    "spicules",
]

GROUND_GLASS_HU, SOLID_HU, SPICULE_HU = -620.0, 30.0, -100.0
SOLID_EDGE_MM, GROUND_GLASS_EDGE_MM = 0.7, 1.5
_ORDERS = (2, 3, 4)


@dataclass(frozen=True, slots=True)
class Nodule:
    """What the causal model says of a nodule.

    Attributes:
        diameter_mm: d.
        solid: CTR, the core's diameter over d.
        spiculation: In (0, 1): an irregular outline, and spicules.
        heterogeneity: In (0, 1): texture of the core.
    """

    diameter_mm: float
    solid: float
    spiculation: float
    heterogeneity: float

    @property
    def edge_mm(self) -> float:
        """Width of the logistic edge."""
        return SOLID_EDGE_MM if self.solid > 0 else GROUND_GLASS_EDGE_MM

    @property
    def reach_mm(self) -> float:
        """Distance from the centre beyond which nothing of it is seen."""
        return 0.7 * self.diameter_mm + 6 * self.edge_mm


@dataclass(frozen=True, slots=True)
class Outline:
    """Harmonics of order 2 to 4: a sum of Legendre polynomials about drawn axes.

    Attributes:
        axes: Of each order (2 l + 1, 3), unit vectors.
        weights: Of each order (2 l + 1,), scaled so that the sum has the mean square 1 over the sphere.
    """

    axes: tuple[Floats, ...]
    weights: tuple[Floats, ...]

    def __call__(self, directions: Voxels) -> Voxels:
        """Of unit vectors (v, 3): (v,) with mean square 1."""
        found = np.zeros(len(directions), dtype=np.float32)
        for order, axes, weights in zip(_ORDERS, self.axes, self.weights, strict=True):
            cosine = directions @ axes.T.astype(np.float32)
            found += _legendre(order, cosine) @ weights.astype(np.float32)
        return found


def draw_outline(rng: np.random.Generator) -> Outline:
    """Random axes and weights; a fixed count of numbers."""
    axes, weights, square = [], [], 0.0
    for order in _ORDERS:
        about = rng.standard_normal((2 * order + 1, 3))
        about /= np.linalg.norm(about, axis=1, keepdims=True)
        weight = rng.standard_normal(2 * order + 1)
        # the mean over the sphere of P(x a) P(x b) is P(a b) / (2 l + 1)
        square += float(weight @ eval_legendre(order, np.clip(about @ about.T, -1, 1)) @ weight) / (2 * order + 1)
        axes.append(about)
        weights.append(weight)
    return Outline(tuple(axes), tuple(weight / square**0.5 for weight in weights))


def occupancy(nodule: Nodule, outline: Outline, offset: Voxels) -> Voxels:
    """Share of nodule at places (v, 3) in mm from its centre; spicules are no part of it."""
    radius = np.linalg.norm(offset, axis=1)
    wave = outline(offset / np.maximum(radius, 1e-3)[:, None])
    amplitude = 0.06 + 0.06 * nodule.spiculation
    edge = nodule.diameter_mm / 2 * (1 + amplitude * wave)
    return np.asarray(expit((edge - radius) / np.float32(nodule.edge_mm)))


def core_share(nodule: Nodule, rng: np.random.Generator, offset: Voxels) -> Voxels:
    """Share of solid core in the nodule at places (v, 3): a sphere of diameter CTR d, up to 0.1 d off the centre."""
    away = 0.1 * nodule.diameter_mm * (2 * rng.random(3) - 1) / 3**0.5
    if nodule.solid in (0.0, 1.0):
        return np.full(len(offset), nodule.solid, dtype=np.float32)
    radius = np.linalg.norm(offset - away.astype(np.float32), axis=1)
    return np.asarray(expit((nodule.solid * nodule.diameter_mm / 2 - radius) / np.float32(SOLID_EDGE_MM)))


def spicules(nodule: Nodule, rng: np.random.Generator) -> Floats:
    """Directions (s, 3) times length in mm of the spicules, Poisson(14 spiculation) of them."""
    count = int(poisson_quantile(rng.random(), 14 * nodule.spiculation))
    directions = rng.standard_normal((count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.asarray(directions * rng.uniform(2, 8, (count, 1)))


def _legendre(order: int, x: Voxels) -> Voxels:
    if order == 2:
        return np.asarray((3 * x * x - 1) / 2)
    if order == 3:
        return np.asarray(x * (5 * x * x - 3) / 2)
    square = x * x
    return np.asarray((square * (35 * square - 30) + 3) / 8)
