"""Where the cells of a feature map lie in the volume that went in, and a map carried to another grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mmcare.formats import Geometry

__all__ = ["CellGrid", "cell_grid", "on_geometry", "recorded_outputs"]

Floats = npt.NDArray[np.float64]
Sizes = tuple[int, ...]
_SLIDING = (nn.Conv3d, nn.MaxPool3d, nn.AvgPool3d)


@dataclass(frozen=True, slots=True)
class CellGrid:
    """Cell c of a feature map is centred on voxel `first + step * c` along each axis.

    Attributes:
        first: (3,). step: (3,).
    """

    first: Floats
    step: Floats

    @classmethod
    def even(cls, volume: Sizes, cells: Sizes) -> CellGrid:
        """Cells that divide the volume evenly."""
        step = np.asarray(volume, dtype=np.float64) / np.asarray(cells)
        return cls(step / 2 - 0.5, step)

    def after(self, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> CellGrid:
        """The grid of what slides over this one: output o sees inputs from `stride * o - padding` on."""
        middle = (np.array(kernel) - 1) * np.array(dilation) / 2 - np.array(padding)
        return CellGrid(self.first + self.step * middle, self.step * np.array(stride))

    def spread(self, cells: npt.NDArray[np.generic], shape: Sizes) -> npt.NDArray[np.float32]:
        """A map of cells (d, h, w) on the volume's voxels (D, H, W): linear between centres, constant beyond."""
        from scipy import ndimage

        spread = ndimage.affine_transform(
            cells.astype(np.float64),
            1 / self.step,
            -self.first / self.step,
            output_shape=shape,
            order=1,
            mode="nearest",
        )
        return np.asarray(spread, dtype=np.float32)


@contextmanager
def recorded_outputs(module: nn.Module, seen: Callable[[nn.Module, Tensor, Tensor], None]) -> Iterator[None]:
    """Within: `seen` is told of every inner module that was run, its first input and its output, if both are tensors.

    No hook stays, also after an exception.
    """

    def hook(inner: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        if inputs and isinstance(inputs[0], Tensor) and isinstance(output, Tensor):
            seen(inner, inputs[0], output)

    handles = [inner.register_forward_hook(hook) for inner in module.modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def cell_grid(encoder: nn.Module, layer: nn.Module, volume: Sizes, run: Callable[[], object]) -> CellGrid:
    """Where the cells of a layer's output lie in the volume.

    Convolutions and poolings are followed from the volume on, each by its kernel, stride and padding: with the usual
    padding a cell of stride 8 is centred on voxel 8 c, and not on 8 c + 3.5 as an even division has it. Where a size
    comes about otherwise, the cells are taken to divide the volume evenly.

    Args:
        encoder: What is run. layer: One of its modules.
        volume: (D, H, W) of what goes in.
        run: Runs the encoder on it.
    """
    grids: dict[Sizes, CellGrid] = {volume: CellGrid(np.zeros(3), np.ones(3))}
    cells: list[Sizes] = []

    def seen(inner: nn.Module, taken: Tensor, given: Tensor) -> None:
        if taken.ndim == given.ndim == 5:
            before, after = tuple(taken.shape[2:]), tuple(given.shape[2:])
            if isinstance(inner, _SLIDING) and before in grids and after not in grids:
                grids[after] = grids[before].after(*_slide(inner))
        if inner is layer:
            cells.append(tuple(given.shape[2:]))

    with torch.no_grad(), recorded_outputs(encoder, seen):
        run()
    return grids.get(cells[-1]) or CellGrid.even(volume, cells[-1])


def on_geometry(values: npt.NDArray[np.float32], affine: Floats, geometry: Geometry) -> npt.NDArray[np.float32]:
    """A map on another grid of the same space: linear between voxels, 0 outside.

    Args:
        values: (D, H, W).
        affine: (4, 4), its voxels to mm.
        geometry: The grid that is wanted.
    """
    from scipy import ndimage

    to_voxels = np.linalg.inv(affine) @ geometry.affine
    moved = ndimage.affine_transform(
        values, to_voxels[:3, :3], to_voxels[:3, 3], output_shape=geometry.shape, order=1, mode="constant"
    )
    return np.asarray(moved, dtype=np.float32)


def _slide(module: nn.Module) -> tuple[Sizes, Sizes, Sizes, Sizes]:
    kernel = _three(getattr(module, "kernel_size"))  # noqa: B009 -- of three classes
    padding = getattr(module, "padding", 0)
    dilation = _three(getattr(module, "dilation", 1))
    if padding == "same":
        padding = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
    stride = getattr(module, "stride", None)
    return kernel, _three(kernel if stride is None else stride), _three(0 if padding == "valid" else padding), dilation


def _three(value: int | Sizes) -> Sizes:
    return (value,) * 3 if isinstance(value, int) else tuple(value)
