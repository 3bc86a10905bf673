"""Occlusion: what changes when a cube of the image is taken out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["occlusion"]

Forward = Callable[[Tensor], Tensor]


def occlusion(
    forward: Forward, values: Tensor, side: int, targets: Sequence[int], at_once: int = 4
) -> list[npt.NDArray[np.float64]]:
    """How much each target falls where a cube is replaced by the volume's least value (air in CT, no uptake in PET).

    Cubes overlap by half; a voxel's figure is the mean over the cubes that hold it.

    Args:
        forward: From volumes (n, 1, D, H, W) to targets (n, T).
        values: The volume (1, 1, D, H, W).
        side: Of the cube, in voxels.
        targets: Columns to explain.
        at_once: Cubes to compute together.

    Returns:
        (D, H, W) for each target: positive where the cube is evidence for it.

    Source: Zeiler & Fergus 2014, doi 10.1007/978-3-319-10590-1_53.
    """
    from captum.attr import Occlusion

    sides = tuple(min(side, n) for n in values.shape[2:])
    strides = (1, *(max(1, n // 2) for n in sides))
    with torch.no_grad():
        found = Occlusion(_columns(forward, targets)).attribute(
            values.expand(len(targets), -1, -1, -1, -1),
            sliding_window_shapes=(1, *sides),
            strides=strides,
            baselines=float(values.min()),
            target=list(range(len(targets))),
            perturbations_per_eval=at_once,
        )
    return [np.asarray(cells[0].cpu().double().numpy()) for cells in found]


def _columns(forward: Forward, targets: Sequence[int]) -> Forward:
    return lambda values: forward(values)[:, list(targets)]
