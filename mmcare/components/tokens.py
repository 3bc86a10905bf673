"""Tokens, what encoders hand to the fusion, and the representation that the fusion hands to the head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Representation", "Tokens", "masked_mean"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A set of tokens for each patient.

    Attributes:
        values: (B, N, D); what stands behind the mask never matters.
        mask: (B, N) bool, True = real; all False where the modality is absent.
    """

    values: Tensor
    mask: Tensor

    def scatter(self, rows: Tensor, size: int) -> Tokens:
        """These b rows at their places `rows (b,)` among `size` patients; absent elsewhere, values 0."""
        values = self.values.new_zeros(size, *self.values.shape[1:]).index_copy(0, rows, self.values)
        mask = self.mask.new_zeros(size, self.mask.shape[1]).index_copy(0, rows, self.mask)
        return Tokens(values, mask)

    def take(self, index: Tensor) -> Tokens:
        """The rows `index` (positions or a bool mask)."""
        return Tokens(self.values[index], self.mask[index])


@dataclass(frozen=True, slots=True)
class Representation:
    """What the fusion makes of the tokens.

    Attributes:
        values: (B, P, D): P = 1 for joint fusion, one path a modality for late fusion.
        mask: (B, P) bool, False where a patient has no such path.
    """

    values: Tensor
    mask: Tensor


def masked_mean(tokens: Tokens) -> Tokens:
    """One token a patient: the mean of the real ones; absent where there is none.

    Shapes: (B, N, D) -> (B, 1, D). Values behind the mask, NaN too, change nothing.
    """
    kept = torch.where(tokens.mask[..., None], tokens.values, tokens.values.new_zeros(()))
    count = tokens.mask.sum(dim=1, keepdim=True)
    mean = kept.sum(dim=1, keepdim=True) / count.clamp(min=1)[..., None]
    return Tokens(mean, count > 0)
