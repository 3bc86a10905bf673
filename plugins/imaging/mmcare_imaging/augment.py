"""Changes of a training batch of crops by MONAI's random transforms, a generator a row.

What MONAI draws of turning and zooming is a matrix a row, and the batch is resampled once: row by row took four times
as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import radians
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from mmcare.components import VolumeBatch
from mmcare_imaging.crop import AIR_HU
from mmcare_imaging.plugin import Augmentation

__all__ = ["augmented"]


def augmented(batch: VolumeBatch, config: Augmentation, generators: Sequence[torch.Generator]) -> VolumeBatch:
    """A changed copy in which HU, mask, affine and spacing still belong together.

    Args:
        batch: Crops (b, 1, D, H, W), masks in {0, 1}.
        config: What is changed, and how far.
        generators: One a row, which decides all that happens to it.
    """
    states = [_state(generator) for generator in generators]
    with torch.autocast(batch.values.device.type, enabled=False):  # places in mm, and HU, need their digits
        if config.flip:
            batch = _flipped(batch, states)
        if config.rotate_degrees or config.scale:
            batch = _moved(batch, _matrices(batch, config, states))
        return replace(batch, values=_changed_hu(batch.values, config, states))


def _state(generator: torch.Generator) -> np.random.RandomState:
    """MONAI draws from NumPy's generators."""
    return np.random.RandomState(int(torch.randint(0, 2**31, (), generator=generator, device=generator.device)))


def _flipped(batch: VolumeBatch, states: Sequence[np.random.RandomState]) -> VolumeBatch:
    """Each axis mirrored with probability one half; no voxel is resampled."""
    from monai.data import MetaTensor
    from monai.transforms import RandFlip

    flips: list[Any] = [RandFlip(prob=0.5, spatial_axis=axis) for axis in range(3)]
    rows = []
    for both, affine, state in zip(torch.cat([batch.values, batch.mask], 1), batch.affine, states, strict=True):
        row = MetaTensor(both, affine=affine)
        for flip in flips:
            row = cast(MetaTensor, flip.set_random_state(state=state)(row))
        rows.append(row)
    both = torch.stack([row.as_tensor() for row in rows])
    affine = torch.stack([row.affine for row in rows]).to(batch.affine)
    return replace(batch, values=both[:, :1], mask=both[:, 1:], affine=affine)


def _matrices(batch: VolumeBatch, config: Augmentation, states: Sequence[np.random.RandomState]) -> Tensor:
    """(b, 4, 4) from a voxel after to the voxel before, both from the crop's centre: turned and zoomed in mm."""
    from monai.transforms import RandAffineGrid

    turn: Any = RandAffineGrid(rotate_range=(radians(config.rotate_degrees),) * 3)
    found = torch.zeros(len(states), 4, 4, dtype=batch.affine.dtype)
    for row, state in enumerate(states):
        turn.set_random_state(state=state)(spatial_size=(1, 1, 1))
        found[row] = torch.as_tensor(turn.get_transformation_matrix())
        found[row, :3, :3] /= state.uniform(1 - config.scale, 1 + config.scale)  # one factor: shapes stay
    spacing = torch.ones(len(states), 4, dtype=found.dtype)
    spacing[:, :3] = batch.spacing_mm
    return (found * spacing[:, None, :] / spacing[:, :, None]).to(batch.affine.device)


def _moved(batch: VolumeBatch, matrices: Tensor) -> VolumeBatch:
    """Every row seen through its matrix, linear; what comes from outside is air, and half a voxel of mask is mask."""
    from monai.networks.layers import AffineTransform

    both = torch.cat([batch.values - AIR_HU, batch.mask], 1)
    centre = (torch.tensor(both.shape[2:]).to(matrices) - 1) / 2
    from_corner = matrices.clone()
    from_corner[:, :3, 3] = centre - matrices[:, :3, :3] @ centre
    moved = cast(Tensor, AffineTransform(padding_mode="zeros")(both, from_corner.to(both)))
    affine = batch.affine @ from_corner
    return replace(
        batch,
        values=moved[:, :1] + AIR_HU,
        mask=(moved[:, 1:] >= 0.5).to(batch.mask),
        affine=affine,
        spacing_mm=affine[:, :3, :3].norm(dim=1).to(batch.spacing_mm),
    )


def _changed_hu(values: Tensor, config: Augmentation, states: Sequence[np.random.RandomState]) -> Tensor:
    """HU shifted as a whole, uniformly within the range, and noise by voxel."""
    from monai.transforms import RandGaussianNoise, RandShiftIntensity

    steps: list[Any] = [RandShiftIntensity(offsets=config.shift_hu, prob=1.0)] if config.shift_hu else []
    steps += [RandGaussianNoise(std=config.noise_hu, prob=1.0)] if config.noise_hu else []
    changed = []
    for row, state in zip(values, states, strict=True):
        for step in steps:
            row = step.set_random_state(state=state)(row)
        changed.append(row.as_subclass(Tensor))
    return torch.stack(changed)
