"""Tubes and cones in a volume: vessels and spicules, drawn into the voxels near them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from mmcare.synthetic.fields import FIELD_OF_VIEW_MM, Voxels
from mmcare.synthetic.random import Floats

__all__ = ["Tube", "branching_vessels", "draw_tube"]

_EDGE_MM = 0.5
_MARGIN_MM = 2.5
_ROOTS = 4


@dataclass(frozen=True, slots=True)
class Tube:
    """A capsule, or a cone where the radii differ.

    Attributes:
        start: (3,) mm. end: (3,) mm.
        radius_mm: At the start.
        end_radius_mm: At the end.
    """

    start: Floats
    end: Floats
    radius_mm: float
    end_radius_mm: float


def branching_vessels(rng: np.random.Generator, count: int) -> tuple[Tube, ...]:
    """Four trees of capsules; each vessel's two branches are thinner and start where it ends.

    The numbers drawn are those of 25 vessels, whatever the count: with more emphysema the last branches are missing.
    """
    starts = FIELD_OF_VIEW_MM * (rng.random((_ROOTS, 3)) - 0.5)
    directions = rng.standard_normal((25, 3))
    lengths, thickness = rng.uniform(10, 26, 25), rng.uniform(1.8, 2.5, _ROOTS)
    vessels: list[Tube] = []
    for number in range(count):
        if number < _ROOTS:
            start, radius, towards = starts[number], float(thickness[number]), np.zeros(3)
        else:
            parent = vessels[(number - _ROOTS) // 2]
            start, radius = parent.end, max(0.6, 0.65 * parent.radius_mm)
            towards = (parent.end - parent.start) / np.linalg.norm(parent.end - parent.start)
        direction = directions[number] / np.linalg.norm(directions[number]) + 1.2 * towards
        end = start + lengths[number] * direction / np.linalg.norm(direction)
        vessels.append(Tube(start, end, radius, radius))
    return tuple(vessels)


def draw_tube(values: Voxels, axis: Voxels, tube: Tube, hu: float) -> None:
    """Put a tube into the volume, in place.

    Args:
        values: (i, j, k) in HU.
        axis: (i,) places of the voxels in mm, the same along the three axes.
        tube: In mm.
        hu: What it is made of.
    """
    box = _box(axis, tube)
    if any(s.start >= s.stop for s in box):
        return
    along = (tube.end - tube.start).astype(np.float32)
    place = [axis[s] - np.float32(tube.start[i]) for i, s in enumerate(box)]
    x, y, z = place[0][:, None, None], place[1][:, None], place[2]
    share = np.clip((x * along[0] + y * along[1] + z * along[2]) / np.float32(along @ along), 0, 1)
    distance = np.sqrt((x - share * along[0]) ** 2 + (y - share * along[1]) ** 2 + (z - share * along[2]) ** 2)
    radius = tube.radius_mm + share * np.float32(tube.end_radius_mm - tube.radius_mm)
    values[box] += expit((radius - distance) / np.float32(_EDGE_MM)) * (np.float32(hu) - values[box])


def _box(axis: Voxels, tube: Tube) -> tuple[slice, slice, slice]:
    reach = max(tube.radius_mm, tube.end_radius_mm) + _MARGIN_MM
    low = np.searchsorted(axis, np.minimum(tube.start, tube.end) - reach)
    high = np.searchsorted(axis, np.maximum(tube.start, tube.end) + reach)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return i, j, k
