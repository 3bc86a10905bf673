"""Integrated gradients of tokens: how the output rises on the straight way from mean tokens to the patient's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mmcare.components import Tokens

__all__ = ["integrated_gradients", "mean_tokens"]

Floats = npt.NDArray[np.float64]
Forward = Callable[[Mapping[str, Tokens]], Tensor]


def mean_tokens(tokens: Tokens) -> Tensor:
    """(1, N, D), the mean of each token over the patients who have it; 0 where none has."""
    real = tokens.mask[..., None].to(tokens.values.dtype)
    kept = torch.where(tokens.mask[..., None], tokens.values, 0)
    return kept.sum(0, keepdim=True) / real.sum(0, keepdim=True).clamp(min=1)


def integrated_gradients(
    forward: Forward, own: Mapping[str, Tokens], baselines: Mapping[str, Tensor], targets: Sequence[int], steps: int
) -> Mapping[str, Floats]:
    """Each token's part in each target's rise from the baseline tokens to the patient's.

    The sum over all tokens is the target for the patient less that for the baselines, up to the number of steps.

    Args:
        forward: From tokens of n patients to targets (n, T).
        own: The patient's tokens by modality; their masks hold on the whole way.
        baselines: (1, N, D) by modality, of those that are moved.
        targets: Columns to explain.
        steps: Points on the way.

    Returns:
        (N, T) by modality.

    Source: Sundararajan et al. 2017, arXiv 1703.01365.
    """
    from captum.attr import IntegratedGradients

    names = tuple(baselines)

    def run(*values: Tensor) -> Tensor:
        moved = dict(zip(names, values, strict=True))
        size = len(values[0])
        return forward({name: _repeated(own[name], moved.get(name), size) for name in own})

    explainer = IntegratedGradients(run)
    inputs, starts = tuple(own[n].values.detach() for n in names), tuple(baselines[n] for n in names)
    found: dict[str, list[Tensor]] = {name: [] for name in names}
    for column in targets:
        parts = explainer.attribute(inputs, starts, target=column, n_steps=steps)
        for name, part in zip(names, parts, strict=True):
            found[name].append(torch.where(own[name].mask, part.detach().sum(-1), 0)[0])
    return {name: np.asarray(torch.stack(parts, 1).cpu().double().numpy()) for name, parts in found.items()}


def _repeated(tokens: Tokens, values: Tensor | None, size: int) -> Tokens:
    mask = tokens.mask.expand(size, -1)
    return Tokens(tokens.values.expand(size, -1, -1) if values is None else values, mask)
