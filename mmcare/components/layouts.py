"""What an encoder must know of its modality before it sees a patient, and what its tokens stand for.

Sizes that only data decide are small distinct primes in a layout made without data; `letters` says which letter
stands for which, so that `spec describe` can print `(b, V, C)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from math import prod

import numpy as np
import numpy.typing as npt

__all__ = [
    "Feature",
    "GraphLayout",
    "InputLayout",
    "SequenceLayout",
    "TableLayout",
    "TokenLayout",
    "TokensLayout",
    "VolumeLayout",
]


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that a person would call an input: a column, a gene.

    Attributes:
        name: Its name in the cohort.
        unit: Unit of its raw value, empty where it has none.
        levels: The categories in the order of their codes; empty for a number.
    """

    name: str
    unit: str = ""
    levels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLayout:
    """Base of the layouts, one for each kind of batch. `letters` maps a stand-in size to its letter."""

    letters: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeLayout(InputLayout):
    """Layout of a `VolumeBatch`: a grid.

    Attributes:
        size: Voxels along (i, j, k) of canonical RAS+ axes.
        spacing_mm: Nominal spacing; a patient whose region overflows may have a coarser one.
        margin_mm: How far the batch's mask reaches beyond the region on every side.
    """

    size: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    margin_mm: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLayout(InputLayout):
    """Layout of a `TableBatch`: F features. A category's value is the code of its level."""

    features: tuple[Feature, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphLayout(InputLayout):
    """Layout of a `GraphBatch`: one graph that all patients share.

    Attributes:
        nodes: Names of the V nodes (genes).
        channels: Names of the C values a node has (`mutation`, `expression`).
        edges: (2, E) int64, each undirected edge once or twice, without self-loops.
        weights: (E,) float64 in (0, 1].
    """

    nodes: tuple[str, ...]
    channels: tuple[str, ...]
    edges: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceLayout(InputLayout):
    """Layout of a `SequenceBatch`: named slots (genes), each filled by sequences over an alphabet.

    Attributes:
        slots: Name of each slot.
        alphabet: The letters that sequences are made of.
        references: Each slot's reference sequence, empty where it is not known; none at all where sequences stand for
            themselves and not for a change of a reference.
    """

    slots: tuple[str, ...]
    alphabet: str
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensLayout(InputLayout):
    """Layout of a `TokenBatch`: ready-made tokens of width `dim`."""

    names: tuple[str, ...]
    dim: int


@dataclass(frozen=True, slots=True)
class TokenLayout:
    """What each token of an encoder is: a fixed list of names, or the cells of a grid.

    Attributes:
        names: Name of each token (features, genes); empty for a grid.
        grid: Cells along (i, j, k); None for a list.
        stride_voxels: Voxels of the prepared volume from one cell to the next; None for a list.
    """

    names: tuple[str, ...] = ()
    grid: tuple[int, int, int] | None = None
    stride_voxels: tuple[int, int, int] | None = None

    @property
    def count(self) -> int:
        """N, the number of tokens."""
        return prod(self.grid) if self.grid is not None else len(self.names)

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each of the N tokens; that of a grid's cell is its place, `(i, j, k)`."""
        if self.grid is None:
            return self.names
        return tuple(str(cell) for cell in product(*(range(n) for n in self.grid)))

    @classmethod
    def pooled(cls, name: str) -> TokenLayout:
        """The layout of a single token that stands for the whole modality."""
        return cls(names=(name,))
