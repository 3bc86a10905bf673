"""The batches that modalities give and encoders take: one concrete class for each `gives` word.

A modality's batch holds the rows of the patients who have that modality, and no others: b of B. Shapes: B patients,
b rows present, F features, V nodes, C channels, N tokens, D width.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from mmcare.components.outcomes import Outcomes

__all__ = [
    "Batch",
    "GraphBatch",
    "ModalityBatch",
    "SequenceBatch",
    "TableBatch",
    "TokenBatch",
    "VolumeBatch",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModalityBatch:
    """The rows of one modality in a batch.

    Attributes:
        rows: (b,) int64, which patient of the batch each row belongs to, strictly rising.
    """

    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> Self:
        """The same batch on another device."""
        return self._map(lambda values: values.to(device, non_blocking=True))

    def select(self, keep: Tensor) -> Self:
        """Without the rows of patients whose `keep (B,)` is False; the others keep their place in the batch."""
        return self._map(lambda values: values[keep[self.rows]])

    def take(self, index: Tensor, rows: Tensor) -> Self:
        """Rows `index (b',)` of this batch, repeated and reordered, as rows `rows (b',)` of a new one."""
        taken = self._map(lambda values: values[index])
        return dataclasses.replace(taken, rows=rows)

    def _map(self, change) -> Self:  # type: ignore[no-untyped-def]
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in self._shared()}
        return dataclasses.replace(self, **{k: change(v) if isinstance(v, Tensor) else v for k, v in values.items()})

    @classmethod
    def _shared(cls) -> frozenset[str]:
        """Fields that do not run over rows."""
        return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeBatch(ModalityBatch):
    """Image volumes on canonical RAS+ axes; array axes are (i, j, k), written (D, H, W).

    Attributes:
        values: (b, 1, D, H, W) in HU, unmasked.
        mask: (b, 1, D, H, W) in [0, 1], 1 inside the region, 0 outside, between only of a segmenter that is trained on;
            all 1 where there is none.
        spacing_mm: (b, 3).
        affine: (b, 4, 4) float64, takes (i, j, k, 1) to mm.
    """

    values: Tensor
    mask: Tensor
    spacing_mm: Tensor
    affine: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class TableBatch(ModalityBatch):
    """A table: `values (b, F)` float32, scaled numbers and level codes; `measured (b, F)` bool.

    A cell that was not measured holds the imputed value.
    """

    values: Tensor
    measured: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphBatch(ModalityBatch):
    """Node values over one shared graph: `values (b, V, C)` float32, `measured (b, V, C)` bool.

    A value that was not measured holds 0.
    """

    values: Tensor
    measured: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceBatch(ModalityBatch):
    """Sequences by slot, each distinct one once.

    Attributes:
        keys: The U distinct keys.
        sequences: The U distinct sequences.
        index: (b, N, K) int64, the sequences of each slot, up to K; -1 nothing (not tested, where all K are), -2
            tested and as the reference, -3 changed in a way whose sequence is not known.
    """

    keys: Sequence[str]
    sequences: Sequence[str]
    index: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBatch(ModalityBatch):
    """Ready-made tokens: `values (b, N, D)` float32, `mask (b, N)` bool, True = real."""

    values: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """B patients.

    Attributes:
        modalities: By the spec's key; a modality that nobody in the batch has is left out.
        present: (B, M) bool, in the order of `names`.
        names: Keys of the spec's M modalities.
        ids: The patients' ids.
        outcomes: What happened; None at prediction.
    """

    modalities: Mapping[str, ModalityBatch]
    present: Tensor
    names: tuple[str, ...]
    ids: tuple[str, ...]
    outcomes: Outcomes | None = None

    def __len__(self) -> int:
        return len(self.present)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return dataclasses.replace(
            self,
            modalities={name: batch.to(device) for name, batch in self.modalities.items()},
            present=self.present.to(device),
            outcomes=None if self.outcomes is None else self.outcomes.to(device),
        )

    def keep(self, keep: Tensor) -> Batch:
        """Without the modalities of patients whose `keep (B, M)` is False; the patients themselves stay."""
        kept = {
            name: batch.select(keep[:, column])
            for column, name in enumerate(self.names)
            if (batch := self.modalities.get(name)) is not None
        }
        present = self.present & keep
        return dataclasses.replace(self, modalities={k: v for k, v in kept.items() if len(v)}, present=present)
