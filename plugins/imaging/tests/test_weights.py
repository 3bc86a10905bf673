"""Weights from elsewhere: what fits is taken, what is flat is inflated, and all of it is said."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from mmcare.components import VolumeLayout
from mmcare.errors import Severity, SpecError
from mmcare_imaging.plugin import ResNet3DConfig
from mmcare_imaging.resnet3d import ResNet3D

LAYOUT = VolumeLayout(size=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0), margin_mm=4.0)


def encoder(**changes: object) -> ResNet3D:
    return ResNet3D(ResNet3DConfig.model_validate({"backbone": "resnet18", "stride": 8, "dim": 8, **changes}), LAYOUT)


def flat(name: str) -> Mapping[str, Tensor]:
    """A 2D ResNet's state dict under timm's names, three channels in, random."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import timm
    torch.manual_seed(1)
    return dict(timm.create_model(name, pretrained=False).state_dict())


def medicalnet(name: str) -> Mapping[str, Tensor]:
    """A state dict as MedicalNet saves it: volumes, one channel, wrapped for many GPUs, no classifier."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import timm_3d
    torch.manual_seed(2)
    whole = timm_3d.create_model(name, pretrained=False, in_chans=1, num_classes=0)
    return {f"module.{key}": tensor + 0.5 for key, tensor in whole.state_dict().items() if "num_batches" not in key}


def said(found: object) -> list[str]:
    return [f"{finding.severity}: {finding}" for finding in found.findings]  # type: ignore[attr-defined]


def test_a_flat_network_is_inflated_and_its_channels_are_summed() -> None:
    given, own = flat("resnet18"), encoder()
    found = own.adapt(given)
    assert set(found.tensors) == set(own.state_dict())
    first, inner = found.tensors["stem.0.weight"], found.tensors["stages.1.0.downsample.0.weight"]
    for depth in range(7):
        torch.testing.assert_close(first[..., depth], given["conv1.weight"].sum(1, keepdim=True) / 7)
    torch.testing.assert_close(inner[..., 0], given["layer2.0.downsample.0.weight"])  # one voxel deep
    assert torch.equal(found.tensors["stem.1.running_var"], given["bn1.running_var"])
    assert said(found) == [
        "note: 50 of the encoder's 74 tensors are taken from the weights; 24 start at random (place, "
        "stages.0.0.se.conv.weight, stages.0.0.se.norm.weight, …); 52 of the file are not used (fc.bias, fc.weight, "
        "layer3.0.bn1.bias, …).",
        "note: 10 kernels of two dimensions were inflated: repeated across the slices and divided by the depth.",
        "note: the three input channels of conv1.weight were summed to one.",
    ]


def test_an_inflated_network_answers_a_stack_of_equal_slices_as_the_flat_one_answers_the_slice() -> None:
    """Written with torch's own convolution: away from the first and last slices both give the same."""
    given, own = flat("resnet18"), encoder(spatial_attention=False)
    own.load_state_dict(own.adapt(given).tensors)
    torch.manual_seed(0)
    slices = torch.randn(2, 1, 24, 24)
    volume = slices[..., None].expand(-1, -1, -1, -1, 24)
    expected = torch.nn.functional.conv2d(slices.expand(-1, 3, -1, -1), given["conv1.weight"], stride=2, padding=3)
    with torch.no_grad():
        answer = own.stem[0](volume)
    torch.testing.assert_close(answer[..., 5], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_medicalnets_names_are_known(name: str) -> None:
    given, own = medicalnet(name), encoder(backbone=name, spatial_attention=False)
    found = own.adapt(given)
    assert torch.equal(found.tensors["stem.0.weight"], given["module.conv1.weight"])
    assert torch.equal(found.tensors["stages.1.0.downsample.1.bias"], given["module.layer2.0.downsample.1.bias"])
    assert len(found.findings) == 1, "nothing is inflated or summed"
    assert "4 start at random (place, project.weight, project.bias, …)" in said(found)[0]
    assert not [n for n in own.state_dict() if n.startswith("st") and "batches" not in n and n not in found.tensors]
    own.load_state_dict(found.tensors)


def test_a_shape_that_does_not_fit_is_said_and_left() -> None:
    given, own = dict(medicalnet("resnet18")), encoder(spatial_attention=False)
    given["module.conv1.weight"] = torch.zeros(64, 1, 3, 3, 3)
    found = own.adapt(given)
    assert torch.equal(found.tensors["stem.0.weight"], own.state_dict()["stem.0.weight"])
    assert said(found)[1] == (
        "warning: one tensor is of another shape, left at random: stem.0.weight (64, 1, 7, 7, 7), "
        "found (64, 1, 3, 3, 3)."
    )


def test_weights_of_another_network_are_refused_with_names_of_both_sides() -> None:
    with pytest.raises(SpecError) as caught:
        encoder().adapt({"features.0.weight": torch.zeros(3, 3), "features.0.bias": torch.zeros(3)})
    assert str(caught.value) == (
        "none of the file's 2 tensors fits the encoder: it has names such as features.0.weight, features.0.bias, the "
        "encoder's backbone conv1.weight, bn1.weight, bn1.bias, …. Name weights of this `backbone`, or change it."
    )


def test_the_same_encoder_takes_all_of_its_own() -> None:
    torch.manual_seed(3)
    other, own = encoder(), encoder()
    found = own.adapt(other.state_dict())
    own.load_state_dict(found.tensors)
    assert all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in own.state_dict().items())
    assert said(found) == ["note: 74 of the encoder's 74 tensors are taken from the weights."]


def test_attention_over_channels_keeps_its_place_before_the_spatial_one() -> None:
    given = medicalnet("resnetrs50")
    own = encoder(backbone="resnetrs50")
    found = own.adapt(given)
    assert torch.equal(found.tensors["stages.0.0.se.0.fc1.weight"], given["module.layer1.0.se.fc1.weight"])


def test_a_frozen_encoder_with_parts_at_random_is_warned_of() -> None:
    finding = encoder(freeze=True).adapt(flat("resnet18")).findings[0]
    assert finding.severity == Severity.WARNING
    assert finding.todo == "`freeze: true` keeps them at random: write `freeze: false`."


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache in an empty folder, and the hub's own switch for no network."""
    import huggingface_hub.constants as hub

    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_a_closed_network_is_told_which_file_to_bring(offline: Path) -> None:
    with pytest.raises(SpecError) as caught:
        ResNet3D.published_weights(ResNet3DConfig(backbone="resnet18"), "timm-3d")
    (finding,) = caught.value.findings
    assert finding.what.startswith("timm-3d's weights of `resnet18` cannot be fetched: ")
    assert finding.what.endswith("."), "the hub's own reason, its first sentence"
    assert not finding.what.endswith(("…", "…."))
    assert finding.todo == (
        "Run `hf download timm/resnet18.a1_in1k model.safetensors --local-dir .` on a computer with a network, bring "
        "the file, and write `weights: model.safetensors`."
    )


def test_what_the_hubs_cache_holds_needs_no_network(offline: Path) -> None:
    snapshot = offline / "models--timm--resnet18.a1_in1k" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    refs = offline / "models--timm--resnet18.a1_in1k" / "refs"
    refs.mkdir()
    (refs / "main").write_text("0" * 40)
    given = dict(flat("resnet18"))
    safetensors.torch.save_file(given, snapshot / "model.safetensors")
    found = ResNet3D.published_weights(ResNet3DConfig(backbone="resnet18"), "timm-3d")
    assert all(torch.equal(tensor, given[name]) for name, tensor in found.items())


@pytest.mark.parametrize("name", ["resnet200", "resnet50t"])
def test_a_backbone_without_published_weights(name: str) -> None:
    with pytest.raises(SpecError) as caught:
        ResNet3D.published_weights(ResNet3DConfig(backbone=name), "timm-3d")
    assert str(caught.value) == (
        f"timm-3d publishes no weights of `{name}`. Take another backbone, or name a weights file."
    )
