"""Cells of a feature map come back to their place in the volume, and maps to theirs in the patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmcare.components import (
    Fitted,
    Source,
    VolumeBatch,
    VolumeLayout,
)
from mmcare.explain.algorithm.grad_cam import grad_cam
from mmcare.explain.geometry import CellGrid, cell_grid, on_geometry, recorded_outputs
from mmcare.formats import Geometry, read_nifti, write_nifti
from mmcare_imaging.ct import CT
from mmcare_imaging.plugin import CTConfig, ResNet3DConfig
from mmcare_imaging.resnet3d import ResNet3D


def grid_of(layers: nn.Sequential, size: tuple[int, int, int]) -> CellGrid:
    return cell_grid(layers, layers[-1], size, lambda: layers(torch.zeros(1, 1, *size)))


@pytest.mark.parametrize(
    ("layers", "first", "step"),
    [
        ([nn.Conv3d(1, 1, 3, stride=2, padding=1)], 0, 2),  # output o is centred on input 2 o
        ([nn.Conv3d(1, 1, 3, stride=2, padding=1)] * 3, 0, 8),
        ([nn.Conv3d(1, 1, 4, stride=4)], 1.5, 4),  # patches of 4 voxels
        ([nn.Conv3d(1, 1, 7, stride=2, padding=3), nn.MaxPool3d(3, stride=2, padding=1)], 0, 4),
        ([nn.Conv3d(1, 1, 3)], 1, 1),
        ([nn.Conv3d(1, 1, 3, dilation=2, padding="same"), nn.AvgPool3d(2)], 0.5, 2),
    ],
)
def test_cells_are_where_kernel_stride_and_padding_put_them(layers: list, first: float, step: float) -> None:
    net = nn.Sequential(*[nn.Sequential(layer) for layer in layers])
    found = grid_of(net, (32, 32, 32))
    np.testing.assert_allclose(found.first, first)
    np.testing.assert_allclose(found.step, step)


def test_they_are_where_the_gradient_comes_from() -> None:
    """A cell's figure depends on voxels whose middle is its centre: no reading of kernels, the network itself."""
    net = nn.Sequential(
        nn.Sequential(nn.Conv3d(1, 2, 3, stride=2, padding=1), nn.MaxPool3d(3, stride=2, padding=1)),
        nn.Conv3d(2, 3, 3, padding=1),
    )
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.abs_()
    found = grid_of(net, (40, 24, 32))
    values = torch.rand(1, 1, 40, 24, 32, requires_grad=True)
    net(values)[0, :, 4, 3, 5].sum().backward()
    reached = torch.nonzero(values.grad[0, 0]).double()
    middle = (reached.min(0).values + reached.max(0).values) / 2
    # of a maximum one voxel is taken: the voxels reached may end two short of the window
    assert np.abs(middle.numpy() - (found.first + found.step * np.array([4, 3, 5]))).max() <= 1


def test_the_residual_encoder_has_its_cells_on_every_eighth_voxel() -> None:
    layout = VolumeLayout(size=(32, 32, 32), spacing_mm=(1.0, 1.0, 1.0))
    encoder = ResNet3D(ResNet3DConfig(backbone="resnet10t", stride=8, dim=4), layout).eval()
    batch = volume_batch(torch.zeros(1, 1, 32, 32, 32))
    found = cell_grid(encoder, encoder.saliency_layer(), (32, 32, 32), lambda: encoder(batch))
    np.testing.assert_allclose(found.step, 8)
    np.testing.assert_allclose(found.first, 0)


def test_where_a_size_comes_about_otherwise_cells_divide_the_volume() -> None:
    class Shrink(nn.Module):
        def forward(self, values: Tensor) -> Tensor:
            return nn.functional.adaptive_avg_pool3d(values, 4)

    found = grid_of(nn.Sequential(Shrink()), (32, 16, 16))
    np.testing.assert_allclose(found.step, [8, 4, 4])
    np.testing.assert_allclose(found.first, [3.5, 1.5, 1.5])


def test_no_hook_stays_after_an_exception() -> None:
    net = nn.Sequential(nn.Conv3d(1, 1, 1))
    with pytest.raises(RuntimeError, match="stop"), recorded_outputs(net, lambda *seen: None):
        raise RuntimeError("stop")
    assert not net._forward_hooks and not net[0]._forward_hooks


class BrightCells(nn.Module):
    """Feature maps of stride 4 that light up where the volume is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv3d(1, 1, 3, stride=2, padding=1), nn.Conv3d(1, 1, 3, stride=2, padding=1))
        with torch.no_grad():
            for layer in self.layers:
                layer.weight.fill_(1 / 27)
                layer.bias.zero_()

    def forward(self, values: Tensor) -> Tensor:
        return self.layers((values + 1000) / 1000).mean((1, 2, 3, 4))[:, None]


ANISOTROPIC = np.array([[0.9, 0, 0, -30], [0, 0.9, 0, -25], [0, 0, 3.0, -40], [0, 0, 0, 1.0]])
_TURN = 0.35
OBLIQUE = np.array(
    [
        [1.1 * np.cos(_TURN), -1.0 * np.sin(_TURN), 0, 10],
        [1.1 * np.sin(_TURN), 1.0 * np.cos(_TURN), 0, -20],
        [0, 0.2, 2.0, 30],
        [0, 0, 0, 1],
    ]
)
LEFT_BACK = np.array([[-1.0, 0, 0, 40], [0, -1.2, 0, 50], [0, 0, 2.5, -10], [0, 0, 0, 1.0]])


@pytest.mark.parametrize("affine", [ANISOTROPIC, OBLIQUE, LEFT_BACK], ids=["anisotropic", "oblique", "left-back"])
@pytest.mark.parametrize("at", [(30, 28, 12), (40, 36, 18), (25, 40, 10)])
def test_a_planted_bright_cube_comes_back_in_place(affine: np.ndarray, at: tuple[int, ...], tmp_path: Path) -> None:
    """CT file -> crop -> feature map -> Grad-CAM -> the CT's own voxels, to within one voxel."""
    values = np.full((64, 64, 32), -1000, dtype=np.int16)
    cube = (*(slice(n - 3, n + 4) for n in at[:2]), slice(at[2] - 1, at[2] + 2))
    values[cube] = 1000
    mask = np.zeros(values.shape, dtype=np.uint8)
    mask[20:46, 20:46, 8:22] = 1
    write_nifti(tmp_path / "P1.nii.gz", values, affine)
    write_nifti(tmp_path / "P1_mask.nii.gz", mask, affine)
    source = Source(
        root=tmp_path,
        key="ct",
        entry={"files": "{patient}.nii.gz", "mask": "{patient}_mask.nii.gz"},
        columns={},
        patients_file="patients.csv",
        id="id",
    )
    modality = CT(CTConfig(spacing_mm=1.0, size=(80, 80, 96)))
    raw = modality.read(source, "P1")
    batch = modality.collate([modality.prepare(raw, None)], torch.tensor([0]), Fitted())
    net = BrightCells()
    (cells,) = grad_cam(net, batch.values, net.layers[-1], [0])
    shape = tuple(batch.values.shape[2:])
    grid = cell_grid(net, net.layers[-1], shape, lambda: net(batch.values))
    volume, _ = read_nifti(tmp_path / "P1.nii.gz")
    back = on_geometry(grid.spread(np.maximum(cells, 0), shape), batch.affine[0].numpy(), volume.geometry)
    bright = np.argwhere(volume.values > 0)
    middle, found = bright.mean(0), centre(back)
    assert back.shape == volume.shape
    assert np.abs(found - middle).max() <= 1, (found, middle)


def centre(values: np.ndarray) -> np.ndarray:
    """Mean place of what is brighter than half the brightest, weighted."""
    kept = np.where(values > values.max() / 2, values, 0)
    return np.array([(kept * axis).sum() / kept.sum() for axis in np.indices(values.shape)])


def test_nothing_is_claimed_outside_the_volume() -> None:
    values = np.ones((4, 4, 4), dtype=np.float32)
    wide = Geometry((10, 10, 10), np.array([[1, 0, 0, -3.0], [0, 1, 0, -3], [0, 0, 1, -3], [0, 0, 0, 1]]))
    found = on_geometry(values, np.eye(4), wide)
    assert found.sum() == 64 and found[3:7, 3:7, 3:7].all()


def volume_batch(values: Tensor) -> VolumeBatch:
    return VolumeBatch(
        rows=torch.arange(len(values)),
        values=values,
        mask=torch.ones_like(values),
        spacing_mm=torch.ones(len(values), 3),
        affine=torch.eye(4, dtype=torch.float64).repeat(len(values), 1, 1),
    )
