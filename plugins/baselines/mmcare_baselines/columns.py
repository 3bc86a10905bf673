"""From batches to the columns of a regression: numbers, levels, genes, and what was not measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.components import Batch, GraphBatch, GraphLayout, InputLayout, ModalityBatch, TableBatch, TableLayout
from mmcare.errors import Finding, RunError, SpecError, cut

__all__ = ["Columns", "Floats", "check_layouts", "columns_of", "informative"]

Floats = npt.NDArray[np.float64]
NOT_MEASURED = " not measured"
_Named = tuple[str, Floats]


@dataclass(frozen=True, slots=True)
class Columns:
    """A design matrix: `values (B, P)` and the P names of its columns."""

    names: tuple[str, ...]
    values: Floats

    def choose(self, names: Sequence[str]) -> Columns:
        """Those columns, in that order.

        Raises:
            RunError: One is not there.
        """
        place = {name: column for column, name in enumerate(self.names)}
        if absent := [name for name in names if name not in place]:
            what = f"the fitted columns {cut(', '.join(absent))} are none of the inputs'."
            raise RunError(Finding(what=what, todo="Restore the run's files from a copy, or train again."))
        return Columns(tuple(names), self.values[:, [place[name] for name in names]])


def check_layouts(layouts: Mapping[str, InputLayout]) -> None:
    """Refuse modalities that are no table and no graph.

    Raises:
        SpecError: They are named, all at once.
    """
    wrong = [name for name, layout in layouts.items() if not isinstance(layout, TableLayout | GraphLayout)]
    if wrong:
        todo = "Leave the modality out of this spec, or train a network on it."
        what = "`cox-ph` reads tables and gene graphs, and this is neither."
        raise SpecError(Finding(key=f"modalities.{name}", what=what, todo=todo) for name in wrong)


def columns_of(batch: Batch, layouts: Mapping[str, InputLayout]) -> Columns:
    """All columns that could be used, for the B patients of a batch.

    A number is one column; a category one for each level but the first; a gene one a channel. Beside each stands a
    column that is 1 where it was not measured. A patient without the modality has zeros, and nothing measured.
    """
    found = [named for name, layout in layouts.items() for named in _modality(name, layout, batch)]
    values = np.stack([column for _, column in found], axis=1) if found else np.empty((len(batch), 0))
    return Columns(tuple(name for name, _ in found), values)


def _modality(name: str, layout: InputLayout, batch: Batch) -> Iterator[_Named]:
    rows = batch.modalities.get(name)
    if isinstance(layout, TableLayout):
        values, measured = _scattered(rows, len(batch), (len(layout.features),))
        for column, feature in enumerate(layout.features):
            yield from _feature(f"{name}.{feature.name}", feature.levels, values[:, column], measured[:, column])
    elif isinstance(layout, GraphLayout):
        values, measured = _scattered(rows, len(batch), (len(layout.nodes), len(layout.channels)))
        for v, node in enumerate(layout.nodes):
            for c, channel in enumerate(layout.channels):
                yield from _feature(f"{name}.{node}.{channel}", (), values[:, v, c], measured[:, v, c])


def _feature(name: str, levels: Sequence[str], values: Floats, measured: npt.NDArray[np.bool_]) -> Iterator[_Named]:
    if levels:
        yield from ((f"{name} = {level}", (values == code).astype(float)) for code, level in enumerate(levels) if code)
    else:
        yield name, np.nan_to_num(values)
    yield name + NOT_MEASURED, (~measured).astype(float)


def _scattered(rows: ModalityBatch | None, size: int, shape: tuple[int, ...]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Values and what was measured, of all `size` patients; zeros where a patient lacks the modality."""
    values, measured = np.zeros((size, *shape)), np.zeros((size, *shape), dtype=bool)
    if isinstance(rows, TableBatch | GraphBatch):
        place = rows.rows.cpu().numpy()
        values[place] = rows.values.double().cpu().numpy()
        measured[place] = rows.measured.cpu().numpy()
    return values, measured


def informative(columns: Columns) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the columns to keep, and of the inputs that hold one value for all patients.

    A column equal to an earlier one goes too: genes outside the same panel are not measured for the same patients.
    """
    varies = np.array([len(np.unique(column)) > 1 for column in columns.values.T], dtype=bool)
    constant = tuple(
        name for name, v in zip(columns.names, varies, strict=True) if not v and not name.endswith(NOT_MEASURED)
    )
    names = [name for name, v in zip(columns.names, varies, strict=True) if v]
    _, first = np.unique(columns.values[:, varies], axis=1, return_index=True)
    return tuple(names[column] for column in sorted(first)), constant
