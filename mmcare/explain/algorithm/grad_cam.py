"""Grad-CAM in three dimensions (Eq. 19-20)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

__all__ = ["grad_cam"]

Forward = Callable[[Tensor], Tensor]


def grad_cam(
    forward: Forward, values: Tensor, layer: nn.Module, targets: Sequence[int]
) -> list[npt.NDArray[np.float64]]:
    """The weighted sum of a layer's feature maps for each target, before the ReLU of Eq. 20.

    w_k = mean over cells of d target / d A_k, map = sum over k of w_k A_k. Its positive part is Grad-CAM: where
    evidence for the target lies. Its negative part is Grad-CAM of the target's opposite.

    Args:
        forward: From a volume (1, 1, D, H, W) to targets (1, T), through `layer`.
        values: The volume.
        layer: Gives A, (1, C, d, h, w).
        targets: Columns to explain.

    Returns:
        A map (d, h, w) for each target. No hook stays in `layer`, also after an exception.

    Source: Selvaraju et al. 2017, doi 10.1109/ICCV.2017.74.
    """
    from captum.attr import LayerGradCam

    explainer = LayerGradCam(forward, layer)
    found = [explainer.attribute(values, target=column, relu_attributions=False) for column in targets]
    return [np.asarray(cells[0, 0].detach().cpu().double().numpy()) for cells in found]
