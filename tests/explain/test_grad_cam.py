"""Grad-CAM: a map worked out by hand, MONAI's on the same layer, and hooks that never stay."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmcare.components import Tokens
from mmcare.explain.algorithm.grad_cam import grad_cam
from mmcare.explain.algorithm.integrated_gradients import integrated_gradients, mean_tokens
from mmcare.explain.algorithm.occlusion import occlusion


class Tiny(nn.Module):
    """Two feature maps, x and 2 - x, of which the sums weighted 3 and -1 and 0 and 1 are the outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv3d(1, 2, 1)
        self.head = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1, 1))
            self.layer.bias.copy_(torch.tensor([0.0, 2.0]))
            self.head.weight.copy_(torch.tensor([[3.0, -1.0], [0.0, 1.0]]))

    def forward(self, values: Tensor) -> Tensor:
        return self.head(self.layer(values).sum((2, 3, 4)))


def count_hooks(module: nn.Module) -> int:
    return sum(
        len(inner._forward_hooks) + len(inner._backward_hooks) + len(inner._forward_pre_hooks)
        for inner in module.modules()
    )


def test_the_map_is_the_one_worked_out_by_hand() -> None:
    values = torch.tensor([0.0, 1.0, 2.0, 5.0]).reshape(1, 1, 2, 2, 1)
    net = Tiny()
    first, second = grad_cam(net, values, net.layer, [0, 1])
    # the gradient of the first output is 3 over all of the map x and -1 over all of 2 - x: 3 x - (2 - x) = 4 x - 2
    np.testing.assert_allclose(first, (4 * values - 2)[0, 0], atol=1e-6)
    # of the second 0 and 1: 2 - x
    np.testing.assert_allclose(second, (2 - values)[0, 0], atol=1e-6)


class Deep(nn.Module):
    """Some layers, of which the second is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv3d(1, 6, 3, padding=1),
            nn.ReLU(),
            nn.Conv3d(6, 5, 3, stride=2, padding=1),
            nn.BatchNorm3d(5),
            nn.ReLU(),
        )
        self.head = nn.Linear(5, 3)

    def forward(self, values: Tensor) -> Tensor:
        return self.head(self.features(values).amax((2, 3, 4)))


@pytest.mark.parametrize("layer", ["features.2", "features.4"])
def test_the_map_is_that_of_monai_before_resampling(layer: str) -> None:
    from monai.visualize import GradCAM

    torch.manual_seed(0)
    net = Deep().eval()
    values = torch.randn(1, 1, 10, 8, 6)
    maps = grad_cam(net, values, net.get_submodule(layer), [0, 1, 2])
    for column, cells in enumerate(maps):
        # MONAI rescales to [0, 1] and enlarges: both are left out, and its ReLU is ours
        explainer = GradCAM(net, layer, upsampler=lambda size: lambda low: low, postprocessing=lambda x: x)
        theirs = explainer(values, class_idx=column).detach()
        assert cells.shape == tuple(theirs.shape[2:]) == (5, 4, 3)
        assert (cells > 0).any()
        np.testing.assert_allclose(np.maximum(cells, 0), theirs[0, 0], atol=1e-6)


def test_no_hook_stays() -> None:
    net = Deep().eval()
    grad_cam(net, torch.randn(1, 1, 4, 4, 4), net.features[2], [0])
    assert count_hooks(net) == 0


def test_no_hook_stays_after_an_exception() -> None:
    net = Deep().eval()

    def fails(values: Tensor) -> Tensor:
        net(values)
        raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        grad_cam(fails, torch.randn(1, 1, 4, 4, 4), net.features[2], [0])
    with pytest.raises((IndexError, AssertionError)):
        grad_cam(net, torch.randn(1, 1, 4, 4, 4), net.features[2], [7])
    assert count_hooks(net) == 0


def test_occlusion_shows_what_the_output_falls_by() -> None:
    values = torch.full((1, 1, 8, 8, 8), -1.0)
    values[0, 0, 2:4, 2:4, 2:4] = 5.0

    def forward(volumes: Tensor) -> Tensor:
        inside = volumes[:, 0, 2:4, 2:4, 2:4].mean((1, 2, 3))
        return torch.stack([inside, -inside], dim=1)

    for_, against = occlusion(forward, values, side=2, targets=[0, 1])
    assert for_.shape == (8, 8, 8) and for_.argmax() in np.flatnonzero(values.numpy().ravel() > 0)
    assert for_[2, 2, 2] > 0 and not for_[5:].any()
    np.testing.assert_allclose(against, -for_, atol=1e-6)


def test_integrated_gradients_are_exact_for_a_linear_output_and_nothing_comes_from_behind_the_mask() -> None:
    torch.manual_seed(1)
    weights = torch.randn(3, 2)
    own = {
        "a": Tokens(torch.randn(1, 3, 2), torch.tensor([[True, True, False]])),
        "b": Tokens(torch.randn(1, 3, 2), torch.ones(1, 3, dtype=torch.bool)),
    }
    background = Tokens(torch.randn(4, 3, 2), torch.rand(4, 3) > 0.5)
    starts = {"a": mean_tokens(background)}

    def forward(tokens: dict[str, Tokens]) -> Tensor:
        kept = torch.where(tokens["a"].mask[..., None], tokens["a"].values, 0)
        return torch.stack([(kept * weights).sum((1, 2)), tokens["b"].values.sum((1, 2))], 1)

    found = integrated_gradients(forward, own, starts, [0, 1], steps=4)
    expected = ((own["a"].values - starts["a"]) * weights).sum(-1)[0] * own["a"].mask[0]
    np.testing.assert_allclose(found["a"][:, 0], expected, atol=1e-5)
    assert not found["a"][:, 1].any() and set(found) == {"a"}
