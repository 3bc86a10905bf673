"""The contract of a recipe: published files in, a cohort folder out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from mmcare.errors import Finding
from mmcare.registry import Config

__all__ = ["CohortWriter", "Counts", "Recipe"]

ConfigT = TypeVar("ConfigT", bound=Config)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows were read, used, and left out for each named reason: `read == used + sum(left_out)`."""

    read: int
    used: int
    left_out: Mapping[str, int]


class CohortWriter(Protocol):
    """Where a recipe writes a cohort; whole at the end, or not at all."""

    def dictionary(self, text: str) -> None:
        """The cohort's `cohort.yaml`."""

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table by file name (`.csv` or `.tsv`); None is written as an empty cell, floats in full precision."""

    def copy(self, name: str, source: Path) -> None:
        """A file as it is."""

    def provenance(self, text: str) -> None:
        """Where the data come from and under which licence; becomes the cohort's `PROVENANCE.md`."""

    def finding(self, finding: Finding) -> None:
        """What whoever makes the cohort should know; shown at the end, and kept in `PROVENANCE.md`."""

    def images(self, source: Path, rois: Sequence[str]) -> None:
        """CTs to import once the tables are there: a folder or archive of DICOM files, and the region's names."""


class Recipe(ABC, Generic[ConfigT]):
    """Knows the files of one published data set."""

    def __init__(self, config: ConfigT) -> None:
        self.config = config

    @abstractmethod
    def make(self, source: Path, writer: CohortWriter) -> Mapping[str, Counts]:
        """Write the cohort from the published files in `source`; counts by table.

        Raises:
            CohortError: A file is missing or is not what the data set publishes.
        """
