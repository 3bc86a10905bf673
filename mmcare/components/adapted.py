"""Weights from elsewhere, brought to an encoder's own names and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from mmcare.errors import Finding

__all__ = ["Adapted"]


@dataclass(frozen=True, slots=True)
class Adapted:
    """Tensors that an encoder starts from, and what is worth saying of how they were made.

    Attributes:
        tensors: By the names of the encoder's state dict, all of them; the encoder's own where nothing else is there.
        findings: What matched, what did not, what was changed to fit; without a place, which the framework adds.
    """

    tensors: Mapping[str, Tensor]
    findings: tuple[Finding, ...] = ()
