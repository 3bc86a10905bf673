"""The 3D U-Net, by what it does with volumes whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcare.components import Absent, Mask
from mmcare.formats import Volume
from mmcare_imaging.plugin import UNet3DConfig
from mmcare_imaging.unet3d import UNet3D

CONFIG = {"spacing_mm": 2.0, "patch": (16, 16, 16), "channels": (4, 8), "residual_units": 1}


def config(**changes: object) -> UNet3DConfig:
    return UNet3DConfig.model_validate({**CONFIG, **changes})


class Threshold(torch.nn.Module):
    """Stands in for the trained network: what is denser than -500 HU is tumour."""

    def forward(self, normalised: torch.Tensor) -> torch.Tensor:
        return 100 * (normalised - (-500.0 + 300.0) / 700.0)


def seeing_density(**changes: object) -> UNet3D:
    segmenter = UNet3D(config(**changes))
    segmenter.network = Threshold()
    segmenter.register_parameter("anything", torch.nn.Parameter(torch.zeros(1)))
    return segmenter.eval()


def phantom(spacing_mm: tuple[float, float, float], radius_mm: float = 9.0, second: bool = False) -> Volume:
    """A dense ball in air around (20, 25, 30) mm; a smaller one at its side by option."""
    shape = tuple(round(60 / s) for s in spacing_mm)
    affine = np.diag([*spacing_mm, 1.0])
    at = np.stack(np.meshgrid(*[np.arange(n) * s for n, s in zip(shape, spacing_mm, strict=True)], indexing="ij"), -1)
    ball = ((at - [20, 25, 30]) ** 2).sum(-1) <= radius_mm**2
    dense = ball | (((at - [48, 45, 30]) ** 2).sum(-1) <= 5**2) if second else ball
    return Volume(np.where(dense, 0, -1000).astype(np.int16), affine, ball)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 3.0), (2.0, 2.0, 2.0)])
def test_the_mask_comes_back_on_the_grid_of_the_volume(spacing_mm: tuple[float, float, float]) -> None:
    volume = phantom(spacing_mm)
    found = seeing_density().locate(volume)
    assert isinstance(found, Mask)
    assert found.values.shape == volume.shape
    assert np.array_equal(found.affine, volume.affine)
    assert volume.mask is not None
    assert overlap(found.values, volume.mask) > 0.93


def test_the_largest_part_is_kept_or_all() -> None:
    volume = phantom((1.0, 1.0, 3.0), second=True)
    largest, everything = seeing_density().locate(volume), seeing_density(keep="all").locate(volume)
    assert isinstance(largest, Mask) and isinstance(everything, Mask)
    assert volume.mask is not None
    assert overlap(largest.values, volume.mask) > 0.93
    assert everything.values.sum() > 1.1 * largest.values.sum()


def test_nothing_found_is_said() -> None:
    volume = phantom((2.0, 2.0, 2.0))
    empty = Volume(np.full_like(volume.values, -1000), volume.affine, volume.mask)
    assert seeing_density().locate(empty) == Absent("the segmenter found no tumour")


def test_any_size_goes_through_and_padding_changes_nothing_inside() -> None:
    torch.manual_seed(0)
    segmenter = UNet3D(config()).eval()
    volume = torch.randn(2, 1, 9, 12, 15) * 300 - 400
    with torch.no_grad():
        assert segmenter(volume).shape == volume.shape


def test_patches_are_of_the_size_asked_for_and_hold_the_tumour_as_often_as_asked_for() -> None:
    volume = UNet3D(config()).resample(phantom((2.0, 2.0, 2.0)))
    segmenter = UNet3D(config(patch=(8, 8, 8), patches=4, tumour_share=1.0))
    values, mask = segmenter.draw(volume, torch.Generator().manual_seed(0))
    assert values.shape == mask.shape == (4, 1, 8, 8, 8)
    assert bool((mask[:, 0, 3:5, 3:5, 3:5].flatten(1).amax(1) == 1).all()), "each is centred in the tumour"
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    outside, _ = UNet3D(config(patch=(8, 8, 8), patches=32, tumour_share=0.0)).draw(
        volume, torch.Generator().manual_seed(0)
    )
    assert float(outside.mean()) < float(values.mean())


def test_patches_are_decided_by_the_generator() -> None:
    volume = UNet3D(config()).resample(phantom((2.0, 2.0, 2.0)))
    segmenter = UNet3D(config(patch=(8, 8, 8)))
    first, again, other = (segmenter.draw(volume, torch.Generator().manual_seed(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_volume_smaller_than_a_patch_is_filled_with_air() -> None:
    small = Volume(np.zeros((5, 5, 5), dtype=np.float32), np.diag([2.0, 2, 2, 1]), np.ones((5, 5, 5), dtype=bool))
    values, mask = UNet3D(config(patches=1, augment=False)).draw(small, torch.Generator().manual_seed(0))
    assert float((values == -1000).float().mean()) == pytest.approx(1 - 125 / 16**3)
    assert float(mask.sum()) == 125


def test_the_loss_is_soft_dice_and_cross_entropy() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 4, 5, 6, generator=generator, dtype=torch.float64)
    mask = (torch.rand(logits.shape, generator=generator) < 0.3).double()
    found = float(UNet3D(config()).loss(logits, mask))
    p = torch.sigmoid(logits)
    soft_dice = 1 - (2 * (p * mask).sum() + 1e-5) / (p.sum() + mask.sum() + 1e-5)
    cross_entropy = -(mask * p.log() + (1 - mask) * (1 - p).log()).mean()
    assert found == pytest.approx(float(soft_dice + cross_entropy), abs=1e-5)


def test_a_patch_that_the_levels_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="2 levels need a patch of multiples of 2 voxels, found 15"):
        config(patch=(16, 15, 16))


def test_it_learns_to_find_a_dense_ball() -> None:
    torch.manual_seed(0)
    segmenter = UNet3D(config(patch=(16, 16, 16), patches=4))
    volume = segmenter.resample(phantom((2.0, 2.0, 2.0)))
    optimizer, generator = torch.optim.Adam(segmenter.parameters(), lr=1e-2), torch.Generator().manual_seed(0)
    for _ in range(60):
        values, mask = segmenter.draw(volume, generator)
        loss = segmenter.loss(segmenter(values), mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = segmenter.eval().locate(phantom((2.0, 2.0, 2.0)))
    assert isinstance(found, Mask)
    assert volume.mask is not None
    assert overlap(found.values, phantom((2.0, 2.0, 2.0)).mask) > 0.8
