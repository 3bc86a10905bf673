"""What a network makes of patients before its heads: R, and the mean token of each modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from mmcare.components import Batch, Representation, Tokens, masked_mean
from mmcare.model.model import Model
from mmcare.model.precision import full_precision

__all__ = ["Encoded", "encoded"]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Of n patients, on the CPU.

    Attributes:
        r: (n, P, D).
        pooled: By modality, one token a patient, (n, 1, D).
    """

    r: Representation
    pooled: Mapping[str, Tokens]

    @classmethod
    def cat(cls, parts: Sequence[Encoded]) -> Encoded:
        """The patients of several, in order."""
        r = Representation(torch.cat([p.r.values for p in parts]), torch.cat([p.r.mask for p in parts]))
        pooled = {
            name: Tokens(
                torch.cat([p.pooled[name].values for p in parts]), torch.cat([p.pooled[name].mask for p in parts])
            )
            for name in parts[0].pooled
        }
        return cls(r, pooled)


def encoded(model: Model, batch: Batch) -> Encoded:
    """Of a network in eval mode, on its own device, in fp32."""
    device = next(model.parameters()).device
    with torch.no_grad(), full_precision():
        tokens = model.encode(batch.to(device))
        r = model.represent(tokens)
        pooled = {name: masked_mean(own) for name, own in tokens.items()}
    return Encoded(
        Representation(r.values.cpu(), r.mask.cpu()),
        {name: Tokens(own.values.cpu(), own.mask.cpu()) for name, own in pooled.items()},
    )
