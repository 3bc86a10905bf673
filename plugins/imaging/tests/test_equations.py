"""Equations 1-3 of the paper, written out with loops; nothing of the components' own functions is used for it."""

from __future__ import annotations

from math import exp, sqrt

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmcare.components import Mask, VolumeBatch, VolumeLayout
from mmcare.formats import Volume
from mmcare_imaging.plugin import ResNet3DConfig, UNet3DConfig
from mmcare_imaging.resnet3d import ResNet3D
from mmcare_imaging.spatial_attention import SpatialAttention
from mmcare_imaging.unet3d import UNet3D

SIZE = (8, 8, 12)


def test_equation_1_the_mask_is_the_u_nets_answer() -> None:
    """M = U-Net(CT): by sliding window, on a volume that one window holds, what a plain forward pass gives."""
    config = {"spacing_mm": 2.0, "patch": (16, 16, 16), "channels": (4, 8), "residual_units": 1, "keep": "all"}
    torch.manual_seed(0)
    network = UNet3D(UNet3DConfig.model_validate(config)).eval()
    hu = np.random.default_rng(0).integers(-1000, 400, (16, 16, 16)).astype(np.int16)
    with torch.no_grad():
        logits = network(torch.from_numpy(hu).float()[None, None])[0, 0].numpy()
    probabilities = np.array([1 / (1 + exp(-x)) for x in logits.ravel().tolist()])
    ordered = np.sort(probabilities)[1000:3000]
    widest = int(np.diff(ordered).argmax())  # a threshold that rounding cannot cross
    threshold = float(ordered[widest : widest + 2].mean())
    same = UNet3D(UNet3DConfig.model_validate({**config, "threshold": threshold})).eval()
    same.load_state_dict(network.state_dict())
    found = same.locate(Volume(hu, np.diag([2.0, 2.0, 2.0, 1.0])))
    assert isinstance(found, Mask)
    expected = (probabilities >= threshold).reshape(hu.shape)
    assert 0.2 < expected.mean() < 0.8
    np.testing.assert_array_equal(found.values, expected)


def crops(soft: bool) -> VolumeBatch:
    """Two rows in float64; a mask in {0, 1}, or anything between."""
    generator = torch.Generator().manual_seed(0)
    values = 900 * torch.randn(2, 1, *SIZE, generator=generator, dtype=torch.float64) - 300
    mask = torch.rand(2, 1, *SIZE, generator=generator, dtype=torch.float64)
    mask = mask if soft else (mask < 0.4).double()
    spacing, affine = torch.full((2, 3), 2.0), torch.eye(4).double().repeat(2, 1, 1)
    return VolumeBatch(rows=torch.arange(2), values=values, mask=mask, spacing_mm=spacing, affine=affine)


def encoder(**changes: object) -> ResNet3D:
    torch.manual_seed(0)
    config = ResNet3DConfig.model_validate({"backbone": "resnet10t", "stride": 8, "dim": 8, **changes})
    return ResNet3D(config, VolumeLayout(size=SIZE, spacing_mm=(2.0, 2.0, 2.0), margin_mm=0.0)).eval()


def seen_by(network: ResNet3D, batch: VolumeBatch) -> Tensor:
    """What goes into the first convolution."""
    seen: list[Tensor] = []
    handle = network.stem.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        network(batch)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("soft", [False, True])
def test_equation_2_the_region_is_the_ct_times_the_mask_with_air_as_zero(soft: bool) -> None:
    """ROI = CT * M, voxel by voxel, where CT counts from air: -1000 HU is nothing, and 0 HU would be water."""
    batch = crops(soft)
    found = seen_by(encoder().double(), batch)
    for row in range(2):
        for place in np.ndindex(SIZE):
            above_air = float(batch.values[(row, 0, *place)]) + 1000
            roi = -1000 + float(batch.mask[(row, 0, *place)]) * above_air
            normalised = 2 * (min(max(roi, -1000), 400) + 1000) / 1400 - 1
            assert float(found[(row, 0, *place)]) == pytest.approx(normalised, abs=1e-12)


def test_without_masking_the_whole_crop_is_seen() -> None:
    batch = crops(soft=False)
    found = seen_by(encoder(masked="none").double(), batch)
    torch.testing.assert_close(found, 2 * (batch.values.clamp(-1000, 400) + 1000) / 1400 - 1)


def attended(features: Tensor, kernel: Tensor, norm: nn.BatchNorm3d) -> Tensor:
    """CBAM's spatial branch for (B, C, D, H, W), a voxel at a time."""
    b, c, *size = features.shape
    reach, values = kernel.shape[-1] // 2, features.numpy()
    weights, answer = kernel.numpy(), np.zeros_like(values)
    for row in range(b):
        summary = np.zeros((2, *size))
        for place in np.ndindex(*size):
            channels = [values[(row, channel, *place)] for channel in range(c)]
            summary[(0, *place)], summary[(1, *place)] = sum(channels) / c, max(channels)
        for place in np.ndindex(*size):
            total = 0.0
            for offset in np.ndindex(*kernel.shape[2:]):
                at = tuple(p + o - reach for p, o in zip(place, offset, strict=True))
                if all(0 <= a < n for a, n in zip(at, size, strict=True)):  # beyond the rim there is nothing
                    total += weights[(0, 0, *offset)] * summary[(0, *at)] + weights[(0, 1, *offset)] * summary[(1, *at)]
            scaled = (total - norm.running_mean.item()) / sqrt(norm.running_var.item() + norm.eps)
            gate = 1 / (1 + exp(-(norm.weight.item() * scaled + norm.bias.item())))
            for channel in range(c):
                answer[(row, channel, *place)] = gate * values[(row, channel, *place)]
    return torch.from_numpy(answer)


def test_equation_3_spatial_attention_weighs_each_place_by_its_neighbourhood() -> None:
    """F' = sigmoid(norm(conv7([mean_c F; max_c F]))) * F, in float64."""
    torch.manual_seed(0)
    attention = SpatialAttention().double().eval()
    assert attention.conv.weight.shape == (1, 2, 7, 7, 7)
    with torch.no_grad():
        attention.norm.running_mean.fill_(0.3)
        attention.norm.running_var.fill_(0.5)
        attention.norm.weight.fill_(1.7)
        attention.norm.bias.fill_(-0.2)
        features = torch.randn(2, 3, 3, 5, 4, dtype=torch.float64)
        found = attention(features)
        expected = attended(features, attention.conv.weight, attention.norm)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert float((found / features).std()) > 0.01, "places differ"


@pytest.mark.parametrize(("backbone", "last"), [("resnet10t", "bn2"), ("resnet14t", "bn3")])
def test_equation_3_attention_comes_before_the_residual_sum(backbone: str, last: str) -> None:
    """A block gives relu(F' + shortcut), F' the attended features of its last norm: basic and bottleneck blocks."""
    network = encoder(backbone=backbone).double()
    for block in network.stages[1]:
        kept: dict[str, Tensor] = {}
        handles = [
            part.register_forward_hook(lambda _, given, out, name=name, kept=kept: kept.update({name: out.clone()}))
            for name, part in {"last": getattr(block, last), "shortcut": block.downsample, "block": block}.items()
        ]
        with torch.no_grad():
            nn.init.constant_(getattr(block, last).weight, 0.8)  # timm starts it at zero: the block would be nothing
            network(crops(soft=False))
            expected = attended(kept["last"], block.se.conv.weight, block.se.norm) + kept["shortcut"]
        for handle in handles:
            handle.remove()
        torch.testing.assert_close(kept["block"], expected.clamp(min=0), rtol=0, atol=1e-10)
