"""The 3D ResNet with every backbone that timm-3d offers, at every stride, in bf16 and with channels last."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mmcare.components import VolumeBatch, VolumeLayout
from mmcare.errors import SpecError
from mmcare_imaging.plugin import ResNet3DConfig
from mmcare_imaging.resnet3d import ResNet3D
from mmcare_imaging.spatial_attention import SpatialAttention

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import timm_3d

EVERY = timm_3d.list_models("resnet*")
KINDS = ("resnet10t", "resnet14t", "resnet18", "resnet26d", "resnet50_gn", "resnetaa34d", "resnetblur18", "resnetrs50")


def encoder(size: int = 16, **changes: object) -> ResNet3D:
    config = ResNet3DConfig.model_validate({"backbone": "resnet10t", "stride": 8, "dim": 8, **changes})
    return ResNet3D(config, VolumeLayout(size=(size,) * 3, spacing_mm=(2.0, 2.0, 2.0), margin_mm=4.0))


def crops(size: int = 16, device: str = "cpu") -> VolumeBatch:
    """Two rows, the mask over all."""
    generator = torch.Generator().manual_seed(0)
    values = (300 * torch.randn(2, 1, size, size, size, generator=generator) - 400).to(device)
    return VolumeBatch(
        rows=torch.arange(2, device=device),
        values=values,
        mask=torch.ones_like(values),
        spacing_mm=torch.full((2, 3), 2.0, device=device),
        affine=torch.eye(4, dtype=torch.float64, device=device).repeat(2, 1, 1),
    )


def attentions(network: ResNet3D) -> int:
    return sum(isinstance(module, SpatialAttention) for module in network.modules())


@pytest.mark.parametrize("spatial_attention", [True, False])
@pytest.mark.parametrize("backbone", KINDS)
def test_a_backbone_of_each_kind_takes_a_step(backbone: str, spatial_attention: bool) -> None:
    """Basic and bottleneck blocks, deep stems, group norm, anti-aliasing, attention over channels."""
    torch.manual_seed(0)
    network = encoder(backbone=backbone, spatial_attention=spatial_attention)
    tokens = network(crops())
    assert tokens.values.shape == (2, 8, 8) and bool(tokens.mask.all())
    blocks = sum(len(stage) for stage in network.stages)
    assert attentions(network) == (blocks if spatial_attention else 0)
    (tokens.values * torch.randn_like(tokens.values)).sum().backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert without == []
    assert all(bool(torch.isfinite(parameter.grad).all()) for parameter in network.parameters())


@pytest.mark.parametrize("backbone", EVERY)
def test_every_resnet_of_timm_3d_is_built_and_gives_the_grid(backbone: str) -> None:
    """All stages, without values: shapes alone."""
    with torch.device("meta"):
        network = encoder(size=32, backbone=backbone, stride=32).eval()
    tokens = network.to("meta")(crops(32, "meta"))
    assert tokens.values.shape == (2, network.tokens.count, 8) == (2, 1, 8)


@pytest.mark.parametrize(("stride", "cells"), [(4, (5, 5, 5)), (8, (3, 3, 3)), (16, (2, 2, 2))])
@pytest.mark.parametrize("backbone", ["resnet10t", "resnetaa34d", "resnetblur18"])
def test_a_token_a_cell_where_the_stride_does_not_divide_the_crop(
    backbone: str, stride: int, cells: tuple[int, int, int]
) -> None:
    network = encoder(size=20, backbone=backbone, stride=stride).eval()
    assert network.tokens.grid == cells
    with torch.no_grad():
        assert network(crops(20)).values.shape == (2, cells[0] ** 3, 8)


@pytest.mark.parametrize("stride", [4, 8, 16, 32])
def test_the_layer_for_grad_cam_has_stride_8_and_reaches_the_tokens(stride: int) -> None:
    network = encoder(size=32, stride=stride).eval()
    seen: list[Tensor] = []
    network.saliency_layer().register_forward_hook(lambda _, given, out: seen.append(out))
    tokens = network(crops(32))
    side = 32 // min(stride, 8)
    assert seen[0].shape[2:] == (side, side, side)
    (gradient,) = torch.autograd.grad(tokens.values.sum(), seen[0])
    assert float(gradient.abs().max()) > 0


@pytest.mark.parametrize("stride", [4, 32])
def test_pooled_is_the_mean_of_the_tokens_in_the_region(stride: int) -> None:
    torch.manual_seed(0)
    apart = encoder(size=32, stride=stride).eval()
    pooled = encoder(size=32, stride=stride, pooled=True).eval()
    pooled.load_state_dict(apart.state_dict())
    batch = crops(32)
    batch.mask[:, :, :16] = 0
    with torch.no_grad():
        one, many = pooled(batch), apart(batch)
    assert one.values.shape == (2, 1, 8)
    for row in range(2):
        torch.testing.assert_close(one.values[row, 0], many.values[row][many.mask[row]].mean(0))


def test_bf16_gives_nearly_the_same_tokens_and_finite_gradients() -> None:
    torch.manual_seed(0)
    network = encoder(stride=16)
    batch = crops()
    with torch.no_grad():
        expected = network(batch).values
    with torch.autocast("cpu", torch.bfloat16):
        found = network(batch).values
    torch.testing.assert_close(found.float(), expected, rtol=0.1, atol=0.1)
    found.float().square().sum().backward()
    assert all(bool(torch.isfinite(parameter.grad).all()) for parameter in network.parameters())


def test_channels_last_gives_the_same_tokens_and_gradients() -> None:
    torch.manual_seed(0)
    batch = crops()
    batch = replace(batch, values=batch.values.double(), mask=batch.mask.double())
    network = encoder(stride=16).double()
    tokens = network(batch).values
    tokens.square().sum().backward()
    expected = {name: parameter.grad.clone() for name, parameter in network.named_parameters()}
    network.zero_grad()
    network = network.to(memory_format=torch.channels_last_3d)
    assert network.stages[0][0].conv1.weight.is_contiguous(memory_format=torch.channels_last_3d)
    again = network(batch).values
    torch.testing.assert_close(again, tokens)
    again.square().sum().backward()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], msg=name)


def test_a_backbone_that_timm_3d_does_not_have() -> None:
    with pytest.raises(SpecError) as caught:
        encoder(backbone="resnet9000")
    assert str(caught.value) == (
        "backbone: timm-3d has no `resnet9000`; it has resnet10t, resnet14t, resnet18, resnet18d, resnet26, resnet26d, "
        "…. `timm_3d.list_models('resnet*')` lists them all."
    )


def test_a_crop_smaller_than_the_stride() -> None:
    with pytest.raises(SpecError) as caught:
        encoder(size=16, stride=32)
    assert str(caught.value) == (
        "stride: a stride of 32 voxels does not fit the crop of 16 x 16 x 16 voxels. Write a smaller `stride`, or a "
        "larger `size` of the CT."
    )
