"""A segmenter that is trained on with the model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from mmcare.components import Segmenter, VolumeBatch, VolumeLayout
from mmcare.model.soft_mask import SoftMask
from mmcare.registry import SegmenterConfig


class Linear(Segmenter[SegmenterConfig]):
    """A logit of tumour that rises with density."""

    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__(config)
        self.slope = nn.Parameter(torch.tensor(0.01))

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        return self.slope * (volume + 300)

    def locate(self, volume: object) -> None:  # type: ignore[override]
        raise AssertionError("the crop is located before")


def layout(margin_mm: float = 0.0) -> VolumeLayout:
    return VolumeLayout(size=(6, 6, 6), spacing_mm=(2.0, 2.0, 2.0), margin_mm=margin_mm)


def batch() -> VolumeBatch:
    values = 400 * torch.randn(2, 1, 6, 6, 6, generator=torch.Generator().manual_seed(0)) - 300
    return VolumeBatch(
        rows=torch.arange(2),
        values=values,
        mask=torch.ones_like(values),
        spacing_mm=torch.full((2, 3), 2.0),
        affine=torch.eye(4, dtype=torch.float64).expand(2, 4, 4),
    )


def test_the_mask_is_the_probability_of_tumour() -> None:
    found = SoftMask(Linear(SegmenterConfig()), layout())(batch())
    expected = 1 / (1 + torch.exp(-0.01 * (batch().values + 300)))
    torch.testing.assert_close(found.mask, expected)
    assert torch.equal(found.values, batch().values), "the volume stays as it is"


@pytest.mark.parametrize("margin_mm", [2.0, 4.0])
def test_the_mask_reaches_as_far_as_the_margin(margin_mm: float) -> None:
    rows = batch()
    air = torch.full_like(rows.values, -3000.0)
    air[:, :, 2, 3, 1] = 3000.0
    found = SoftMask(Linear(SegmenterConfig()), layout(margin_mm))(replace(rows, values=air)).mask > 0.5
    reach, places = round(margin_mm / 2), torch.tensor([2, 3, 1])
    for voxel in torch.cartesian_prod(*[torch.arange(6)] * 3):
        near = bool(((voxel - places).abs() <= reach).all())
        assert bool(found[0, 0][tuple(voxel)]) == near


def test_a_segmenter_of_another_spacing_sees_the_crop_at_its_own() -> None:
    seen = []

    class Looking(Linear):
        def forward(self, volume: torch.Tensor) -> torch.Tensor:
            seen.append(tuple(volume.shape[2:]))
            return super().forward(volume)

    found = SoftMask(Looking(SegmenterConfig(spacing_mm=4.0)), layout())(batch())
    assert seen == [(3, 3, 3)]
    assert found.mask.shape == batch().mask.shape


def test_gradients_reach_the_segmenter() -> None:
    mask = SoftMask(Linear(SegmenterConfig()), layout())
    (mask(batch()).mask * batch().values).sum().backward()
    assert mask.segmenter.slope.grad is not None and float(mask.segmenter.slope.grad.abs()) > 0


def test_a_patient_of_a_coarser_spacing_has_a_margin_of_the_same_millimetres() -> None:
    air = torch.full_like(batch().values, -3000.0)
    air[:, :, 3, 3, 3] = 3000.0
    rows = replace(batch(), values=air, spacing_mm=torch.tensor([[2.0, 2.0, 2.0], [4.0, 4.0, 4.0]]))
    seen = []

    class Looking(Linear):
        def forward(self, volume: torch.Tensor) -> torch.Tensor:
            seen.append(tuple(volume.shape))
            return super().forward(volume)

    found = SoftMask(Looking(SegmenterConfig(spacing_mm=2.0)), layout(4.0))(rows).mask > 0.5
    assert sorted(seen) == [(1, 1, 6, 6, 6), (1, 1, 12, 12, 12)], "each at the segmenter's own spacing"
    assert int(found[0].sum()) == 5**3, "two voxels of 2 mm on every side"
    assert int(found[1].sum()) <= 3**3, "one voxel of 4 mm on every side"


def test_rows_of_several_spacings_are_as_each_by_itself() -> None:
    rows = replace(batch(), spacing_mm=torch.tensor([[2.0, 2.0, 2.0], [3.0, 3.0, 3.0]]))
    mask = SoftMask(Linear(SegmenterConfig(spacing_mm=2.0)), layout(2.0))
    alone = [mask(rows.take(torch.tensor([row]), torch.tensor([0]))).mask for row in range(2)]
    torch.testing.assert_close(mask(rows).mask, torch.cat(alone))
