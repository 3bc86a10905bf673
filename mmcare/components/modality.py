"""The contract of a modality: how one kind of input is found, read, prepared and batched."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from mmcare.components.batches import ModalityBatch
from mmcare.components.layouts import Feature, InputLayout
from mmcare.components.record import Fitted, Prepared
from mmcare.components.region import Region
from mmcare.components.source import Source
from mmcare.errors import Finding
from mmcare.formats import Volume
from mmcare.registry import ModalityConfig

__all__ = ["Absent", "Modality"]

ConfigT = TypeVar("ConfigT", bound=ModalityConfig)
Raw = Any  # a modality's own affair: what its `read` hands to its `prepare`


@dataclass(frozen=True, slots=True)
class Absent:
    """A patient does not have this modality, and why, in words that are counted and shown."""

    reason: str


class Modality(ABC, Generic[ConfigT]):
    """One kind of input. A plain, picklable object made from its config.

    The order of calls: `read` and `prepare` for each patient (prepared samples are cached), `fit` on the training
    patients, `layout`, then `collate` for each batch. A method that raises CohortError names the file.
    """

    sample_version: ClassVar[int] = 1
    """Part of the cache's key: raise it when `read` or `prepare` make another sample of the same files."""

    def __init__(self, config: ConfigT) -> None:
        self.config = config

    @abstractmethod
    def read(self, source: Source, patient: str) -> Raw | Absent:
        """The patient's data as they are on disk, or why there are none."""

    @abstractmethod
    def prepare(self, raw: Raw, region: Region | None) -> Prepared:
        """The sample of one patient; pure: the same for the same arguments."""

    @abstractmethod
    def layout(self, fitted: Fitted | None) -> InputLayout:
        """What the encoder must know; without `fitted`, sizes that data decide are stand-ins (see `layouts`)."""

    @abstractmethod
    def collate(self, items: Sequence[Prepared], rows: Tensor, fitted: Fitted) -> ModalityBatch:
        """The batch of `items`, one or more, whose places among the B patients are `rows (b,)`."""

    def fit(self, source: Source, training: Iterable[Prepared]) -> Fitted:
        """What is learned from the training patients, and from them alone."""
        return Fitted()

    def files(self, source: Source, patient: str) -> tuple[Path, ...]:
        """The files whose content decides the sample: the cache's key. Empty: the sample is not cached."""
        return ()

    def volume(self, raw: Raw) -> Volume:
        """The volume in HU in which a segmenter looks; only of a modality that gives `volume`."""
        raise TypeError(f"{type(self).__name__} has no volume: only a modality that gives `volume` is located in")

    def check(self, source: Source) -> list[Finding]:
        """What is wrong with the cohort's files of this modality, beyond what `read` says of each patient."""
        return []

    def augment(self, batch: ModalityBatch, generators: Sequence[torch.Generator]) -> ModalityBatch:
        """A changed copy of a training batch, on its device, with one generator a row."""
        return batch

    def features(self, fitted: Fitted) -> tuple[Feature, ...]:
        """The players of SHAP; empty where the modality has none (an image)."""
        return ()

    def raw_values(self, item: Prepared, fitted: Fitted) -> tuple[float | str | None, ...]:
        """Each feature's value as a person would write it; None where it was not measured."""
        return ()

    def read_back(self, batch: ModalityBatch, fitted: Fitted) -> tuple[tuple[float | str | None, ...], ...]:
        """`raw_values` of each row, from a batch alone: a run keeps batches of its training patients, not their files.

        Empty where a batch does not tell; then a report shows the patient without the training patients' range.
        """
        return ()

    def replace(self, batch: ModalityBatch, keep: Tensor, background: ModalityBatch) -> ModalityBatch:
        """`batch` with the features that `keep (b, players)` does not name taken from `background`, row by row."""
        raise TypeError(f"{type(self).__name__} has no features to replace")

    def findings(self, items: Mapping[str, Prepared], fitted: Fitted) -> list[Finding]:
        """What is worth saying of prepared samples by patient id (an overflow, an unseen category)."""
        return []
