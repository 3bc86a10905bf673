"""A timm-3d ResNet by name: its parts up to a stride, and the weights that are published of it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import safetensors.torch
from huggingface_hub import hf_hub_download
from torch import Tensor, nn

from mmcare.errors import Finding, SpecError, cut
from mmcare_imaging.plugin import ResNet3DConfig
from mmcare_imaging.spatial_attention import SpatialAttention

__all__ = ["STAGES", "backbone", "fetch_weights"]

STAGES = {4: 1, 8: 2, 16: 3, 32: 4}
"""Stages up to a stride."""

_FILE = "model.safetensors"


class _AveragePool(nn.AvgPool3d):
    """Anti-aliasing by averages, the last voxel of an odd side kept, as the other backbones keep it."""

    def __init__(self, stride: int) -> None:
        super().__init__(stride, ceil_mode=True, count_include_pad=False)


def backbone(config: ResNet3DConfig) -> tuple[nn.Module, nn.ModuleList, int]:
    """Stem, stages up to the stride, and the channels of the last.

    Raises:
        SpecError: timm-3d has no such backbone.
    """
    timm = _timm()
    if config.backbone not in timm.list_models("resnet*"):
        names = ", ".join(timm.list_models("resnet*")[:6])
        what = f"timm-3d has no `{config.backbone}`; it has {names}, …."
        raise SpecError(Finding(key="backbone", what=what, todo="`timm_3d.list_models('resnet*')` lists them all."))
    # timm-3d 1.0 builds its `resnetaa*` with the average pooling of two dimensions, which fails
    pooling = {"aa_layer": _AveragePool} if config.backbone.startswith("resnetaa") else {}
    whole = timm.create_model(config.backbone, pretrained=False, in_chans=1, num_classes=0, **pooling)
    stages = [getattr(whole, f"layer{number}") for number in range(1, STAGES[config.stride] + 1)]
    if config.spatial_attention:
        for block in (block for stage in stages for block in stage):
            block.se = _with_spatial_attention(block.se)
    stem = nn.Sequential(whole.conv1, whole.bn1, whole.act1, whole.maxpool)
    return stem, nn.ModuleList(stages), whole.feature_info[STAGES[config.stride]]["num_chs"]


def fetch_weights(name: str) -> Mapping[str, Tensor]:
    """The weights of a backbone as timm-3d names their source: trained on ImageNet, in two dimensions.

    Raises:
        SpecError: None are published, or they cannot be fetched; says which file to bring.
    """
    timm = _timm()
    source = timm.get_pretrained_cfg(name) if name in timm.list_models("resnet*") else None
    if source is None or not source.hf_hub_id:
        what = f"timm-3d publishes no weights of `{name}`."
        raise SpecError(Finding(what=what, todo="Take another backbone, or name a weights file.", code="weights"))
    try:  # not through timm-3d, which takes a newer hub client for none
        return safetensors.torch.load_file(hf_hub_download(source.hf_hub_id, _FILE))
    except Exception as error:  # whatever the hub, the network or a proxy says
        raise SpecError(_to_bring(name, source.hf_hub_id, error)) from error


def _timm() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # timm uses torch.jit.script when it is imported
        import timm_3d
    return timm_3d


def _with_spatial_attention(channels: nn.Module | None) -> nn.Module:
    """Where timm puts a block's attention, before the residual sum; after the block's own over channels, as in CBAM."""
    return SpatialAttention() if channels is None else nn.Sequential(channels, SpatialAttention())


def _to_bring(name: str, repository: str, error: Exception) -> Finding:
    first = (str(error).strip() or type(error).__name__).splitlines()[0].split(". ")[0].rstrip(".")
    what = f"timm-3d's weights of `{name}` cannot be fetched: {cut(first, 160)}."
    command = f"hf download {repository} {_FILE} --local-dir ."
    todo = f"Run `{command}` on a computer with a network, bring the file, and write `weights: {_FILE}`."
    return Finding(what=what, todo=todo, code="weights")
