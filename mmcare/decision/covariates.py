"""The table inputs of patients as one matrix: what a choice of treatment is modelled by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from mmcare.components import Batch, Feature, InputLayout, TableBatch, TableLayout

__all__ = ["covariates", "is_measured"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def covariates(batch: Batch, layouts: Mapping[str, InputLayout]) -> Floats:
    """(n, F) numbers, a column a level of a category, whether each cell was measured, and which modalities are there.

    Missing cells may tell who got which arm, so that they are measured is a covariate like any other.

    Args:
        batch: n patients.
        layouts: By modality; only tables give values.
    """
    parts = [batch.present.numpy().astype(np.float64)]
    for name, layout in layouts.items():
        if isinstance(layout, TableLayout):
            values, measured = _cells(batch, name, len(layout.features))
            parts += [_coded(values[:, i], measured[:, i], feature) for i, feature in enumerate(layout.features)]
            parts.append(measured.astype(np.float64))
    return np.concatenate(parts, axis=1)


def is_measured(batch: Batch, layouts: Mapping[str, InputLayout], columns: tuple[str, ...]) -> Bools:
    """(n,) whether any of these columns was measured of a patient."""
    found = np.zeros(len(batch), dtype=np.bool_)
    for name, layout in layouts.items():
        if isinstance(layout, TableLayout):
            places = [i for i, feature in enumerate(layout.features) if feature.name in columns]
            found |= _cells(batch, name, len(layout.features))[1][:, places].any(1)
    return found


def _cells(batch: Batch, name: str, features: int) -> tuple[Floats, Bools]:
    """(n, F) values and whether they were measured; 0 and False for a patient without the table."""
    values, measured = np.zeros((len(batch), features)), np.zeros((len(batch), features), dtype=np.bool_)
    rows = batch.modalities.get(name)
    if isinstance(rows, TableBatch):
        place = rows.rows.numpy()
        values[place], measured[place] = rows.values.numpy(), rows.measured.numpy()
    return values, measured


def _coded(values: Floats, measured: Bools, feature: Feature) -> Floats:
    """(n, 1) of a number, 0 (the training mean) where not measured; (n, L) of a category, all 0 where not measured."""
    if not feature.levels:
        return np.where(measured, values, 0.0)[:, None]
    return np.asarray((values[:, None] == np.arange(len(feature.levels))) & measured[:, None], dtype=np.float64)
