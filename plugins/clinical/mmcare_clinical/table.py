"""The table modality: predictors of the patients' table, fitted on training patients alone."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from mmcare.components import (
    JSON,
    Column,
    Feature,
    Fitted,
    Modality,
    ModalityBatch,
    Prepared,
    Region,
    Source,
    TableBatch,
    TableLayout,
)
from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats import parse_numbers
from mmcare_clinical.columns import check_column
from mmcare_clinical.plugin import TableConfig

__all__ = ["TableModality"]

_STAND_IN = 11
"""Number of features in a layout without data."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A patient's cells, as texts by column, and the columns that the cohort has."""

    cells: Mapping[str, str]
    columns: Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class _Scale:
    """What was learned of one column: mean and SD of a number, or the levels of a category, and what imputes."""

    name: str
    unit: str
    levels: tuple[str, ...]
    mean: float
    sd: float

    @property
    def imputed(self) -> float:
        """A number's mean is 0 after scaling; of a category, the code of its most frequent level (`mean`)."""
        return self.mean if self.levels else 0.0

    def read_back(self, value: float) -> float | str:
        """What a person would write for a measured value of a batch."""
        return self.levels[int(value)] if self.levels else float(f"{value * self.sd + self.mean:.6g}")


class TableModality(Modality[TableConfig]):
    """Predictors of the patients' table.

    Numbers are scaled to mean 0 and SD 1 of the training patients; a category's value is the code of its level. A cell
    that was not measured holds the mean or the most frequent level and is marked as not measured. A category unseen in
    training counts as not measured, and is said.
    """

    def read(self, source: Source, patient: str) -> _Row:
        """The patient's cells of the chosen columns."""
        chosen = self._chosen(source)
        row = source.row(patient)
        return _Row({name: row.get(name, "") for name in chosen}, chosen)

    def prepare(self, raw: _Row, region: Region | None) -> Prepared:
        """The cells as numbers and texts, None where not measured.

        Raises:
            CohortError: A cell of a number column is no number.
        """
        values: dict[str, float | str | None] = {}
        for name, column in raw.columns.items():
            text = raw.cells[name].strip()
            missing = not text or text in column.missing
            values[name] = None if missing else text if column.type == "category" else _number(text, column)
        return Prepared(
            {
                "cells": values,  # type: ignore[dict-item]
                "units": {name: column.unit for name, column in raw.columns.items()},
                "levels": {n: list(c.levels) for n, c in raw.columns.items() if c.type == "category"},
            }
        )

    def fit(self, source: Source, training: Iterable[Prepared]) -> Fitted:
        """Scales and levels of the training patients.

        Raises:
            CohortError: The spec names a column that is no predictor of the cohort.
        """
        self._require_named(source)
        items = list(training)
        scales = [
            _fit_column(column, [_cells(item)[name] for item in items]) for name, column in self._chosen(source).items()
        ]
        return Fitted({"columns": [_as_json(scale) for scale in scales]})

    def layout(self, fitted: Fitted | None) -> TableLayout:
        """The features in the dictionary's order; F stand-ins without data."""
        if fitted is None:
            features = tuple(Feature(f"feature {i}") for i in range(_STAND_IN))
            return TableLayout(features=features, letters={_STAND_IN: "F"})
        return TableLayout(features=self.features(fitted))

    def collate(self, items: Sequence[Prepared], rows: Tensor, fitted: Fitted) -> TableBatch:
        """Scaled values and level codes, and which were measured.

        Raises:
            CohortError: A column's unit is not the one in training.
        """
        scales = _scales(fitted)
        _check_units(items[0], scales)
        coded = [[_code(_cells(item).get(scale.name), scale) for scale in scales] for item in items]
        measured = [[value is not None for value in row] for row in coded]
        values = [[s.imputed if v is None else v for v, s in zip(row, scales, strict=True)] for row in coded]
        return TableBatch(
            rows=rows,
            values=torch.tensor(values, dtype=torch.float32),
            measured=torch.tensor(measured, dtype=torch.bool),
        )

    def features(self, fitted: Fitted) -> tuple[Feature, ...]:
        """A feature a column."""
        return tuple(Feature(scale.name, scale.unit, scale.levels) for scale in _scales(fitted))

    def raw_values(self, item: Prepared, fitted: Fitted) -> tuple[float | str | None, ...]:
        """The cells as written."""
        return tuple(_cells(item).get(scale.name) for scale in _scales(fitted))

    def read_back(self, batch: ModalityBatch, fitted: Fitted) -> tuple[tuple[float | str | None, ...], ...]:
        """Numbers scaled back, to six digits (they travel as float32), and levels by name."""
        own, scales = cast(TableBatch, batch), _scales(fitted)
        return tuple(
            tuple(s.read_back(v) if m else None for s, v, m in zip(scales, values, measured, strict=True))
            for values, measured in zip(own.values.tolist(), own.measured.tolist(), strict=True)
        )

    def replace(self, batch: ModalityBatch, keep: Tensor, background: ModalityBatch) -> TableBatch:
        """Features that are not kept come from the background, with whether they were measured."""
        own, other = cast(TableBatch, batch), cast(TableBatch, background)
        return TableBatch(
            rows=own.rows,
            values=torch.where(keep, own.values, other.values),
            measured=torch.where(keep, own.measured, other.measured),
        )

    def check(self, source: Source) -> list[Finding]:
        """What of the columns cannot be used, or teaches nothing."""
        table = source.patients_table()
        self._require_named(source)
        findings: list[Finding] = []
        for name, column in self._chosen(source).items():
            if name in table.columns:
                findings += check_column(table, column)
        return findings

    def findings(self, items: Mapping[str, Prepared], fitted: Fitted) -> list[Finding]:
        """Columns that a cohort lacks, and categories unseen in training."""
        found: list[Finding] = []
        for scale in _scales(fitted):
            cells = {patient: _cells(item).get(scale.name) for patient, item in items.items()}
            absent = [patient for patient, item in items.items() if scale.name not in _cells(item)]
            if absent:
                who = "1 patient" if len(absent) == 1 else f"{len(absent)} patients"
                what = f"the cohort lacks the column `{scale.name}`: it counts as not measured for {who}."
                found.append(Finding(key=scale.name, what=what, severity=Severity.WARNING, code="column-absent"))
            unseen = Counter(str(v) for v in cells.values() if v is not None and scale.levels and v not in scale.levels)
            for value, count in unseen.items():
                first = next(patient for patient, cell in cells.items() if cell == value)
                who = "1 patient" if count == 1 else f"{count} patients"
                what = f"`{cut(value)}` ({who}) was not seen in training: it counts as not measured."
                found.append(
                    Finding(patient=first, key=scale.name, what=what, severity=Severity.WARNING, code="unseen")
                )
        return found

    def _chosen(self, source: Source) -> Mapping[str, Column]:
        """The columns to read: those named; else all predictors that are known at the decision."""
        predictors = {n: c for n, c in source.columns.items() if c.role in ("predictor", "genomic")}
        named = self.config.columns
        if named is None:
            named = tuple(name for name, column in predictors.items() if column.available_at == "decision")
        return {name: predictors[name] for name in named if name in predictors and name not in self.config.exclude}

    def _require_named(self, source: Source) -> None:
        """Every column that the spec names is a predictor of the cohort; a later cohort may lack it."""
        predictors = [name for name, column in source.columns.items() if column.role in ("predictor", "genomic")]
        unknown = [n for n in (*(self.config.columns or ()), *self.config.exclude) if n not in predictors]
        if unknown:
            raise CohortError(_no_predictor(source, name, predictors) for name in unknown)


def _no_predictor(source: Source, name: str, predictors: Sequence[str]) -> Finding:
    near = difflib.get_close_matches(name, predictors, 1)
    hint = f" The nearest is `{near[0]}`." if near else f" It has: {', '.join(predictors)}."
    what = f"the cohort's dictionary has no predictor `{cut(name)}`.{hint}"
    todo = "Correct the spec's `columns` or `exclude`, or the dictionary."
    return Finding(file=source.root / "cohort.yaml", key="columns", what=what, todo=todo, code="no-predictor")


def _number(text: str, column: Column) -> float | None:
    values, wrong = parse_numbers([text], [0], column=column.name)
    if wrong:
        what = f"`{cut(text, 30)}` is not a number."
        todo = "Write a number, leave the cell empty, or list the text under the column's `missing` in cohort.yaml."
        raise CohortError(Finding(key=column.name, what=what, todo=todo, code="bad-number"))
    return float(values[0])


def _cells(item: Prepared) -> Mapping[str, float | str | None]:
    return cast("Mapping[str, float | str | None]", item.values["cells"])


def _fit_column(column: Column, cells: Sequence[float | str | None]) -> _Scale:
    known = [cell for cell in cells if cell is not None]
    if column.type == "category":
        levels = column.levels or tuple(sorted({str(cell) for cell in known})) or ("unknown",)
        counts = Counter(str(cell) for cell in known if cell in levels)
        return _Scale(
            column.name, column.unit, levels, float(levels.index(counts.most_common(1)[0][0]) if counts else 0), 1.0
        )
    values = np.array(known, dtype=np.float64)
    mean, sd = (float(values.mean()), float(values.std())) if len(values) else (0.0, 1.0)
    return _Scale(column.name, column.unit, (), mean, sd if sd > 0 else 1.0)


def _as_json(scale: _Scale) -> Mapping[str, JSON]:
    return {"name": scale.name, "unit": scale.unit, "levels": list(scale.levels), "mean": scale.mean, "sd": scale.sd}


def _scales(fitted: Fitted) -> list[_Scale]:
    return [_scale_of(column) for column in cast("list[dict[str, object]]", fitted.values["columns"])]


def _scale_of(column: Mapping[str, object]) -> _Scale:
    """What `_as_json` wrote. Raises CohortError where a file was edited into something else."""
    name, unit, levels = column["name"], column["unit"], column["levels"]
    for key in ("mean", "sd"):
        if not isinstance(column[key], int | float):
            what = f"is `{cut(column[key], 30)}`, and must be a number."
            raise CohortError(Finding(key=f"columns.{name}.{key}", what=what, code="bad-number"))
    mean, sd = cast(float, column["mean"]), cast(float, column["sd"])
    return _Scale(str(name), str(unit), tuple(cast("list[str]", levels)), mean, sd)


def _code(cell: float | str | None, scale: _Scale) -> float | None:
    """The scaled number or level code; None where it was not measured or not seen in training."""
    if cell is None:
        return None
    if scale.levels:
        return float(scale.levels.index(str(cell))) if str(cell) in scale.levels else None
    return (float(cell) - scale.mean) / scale.sd


def _check_units(item: Prepared, scales: Sequence[_Scale]) -> None:
    units = cast("Mapping[str, str]", item.values["units"])
    wrong = [s for s in scales if s.name in units and units[s.name] != s.unit]
    if wrong:
        raise CohortError(
            Finding(
                key=scale.name,
                what=f"the unit is `{units[scale.name]}` in this cohort, and was `{scale.unit}` in training.",
                todo="Convert the column, and correct its unit in cohort.yaml.",
                code="unit",
            )
            for scale in wrong
        )
