"""The table modality: what is fitted on training patients alone, and what another cohort lacks or has otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmcare.components import Column, Fitted, Prepared, Source, TableBatch
from mmcare.errors import CohortError
from mmcare_clinical.plugin import TableConfig
from mmcare_clinical.table import TableModality

COLUMNS = (
    Column(name="age", unit="years", role="predictor"),
    Column(name="sex", type="category", levels=("female", "male"), role="predictor"),
    Column(name="histology", type="category", role="predictor", missing=("unknown",)),
    Column(name="stage", type="category", role="predictor", available_at="after"),
    Column(name="site", type="category", role="site"),
)
ROWS = (
    ("a", "60", "female", "adeno", "1", "x"),
    ("b", "70", "male", "adeno", "2", "x"),
    ("c", "", "male", "unknown", "2", "y"),
    ("d", "80", "male", "squamous", "3", "y"),
    ("e", "66", "female", "large cell", "1", "x"),
)


def source_of(folder: Path, columns: Sequence[Column] = COLUMNS, rows: Sequence[Sequence[str]] = ROWS) -> Source:
    folder.mkdir(exist_ok=True)
    names = ["patient_id", *(column.name for column in columns)]
    lines = [",".join(names), *(",".join(row[: len(names)]) for row in rows)]
    (folder / "patients.csv").write_text("\n".join(lines) + "\n")
    described = {column.name: column for column in columns}
    return Source(
        root=folder, key="clinical", entry={}, columns=described, patients_file="patients.csv", id="patient_id"
    )


def prepared(modality: TableModality, source: Source, patients: str) -> dict[str, Prepared]:
    return {patient: modality.prepare(modality.read(source, patient), None) for patient in patients}


def fitted(source: Source, training: str = "abcd", **config: Any) -> tuple[TableModality, Fitted]:
    modality = TableModality(TableConfig(**config))
    return modality, modality.fit(source, prepared(modality, source, training).values())


def batch(modality: TableModality, items: Mapping[str, Prepared], state: Fitted) -> TableBatch:
    return modality.collate(list(items.values()), torch.arange(len(items)), state)


def test_numbers_are_scaled_and_cells_imputed_by_training_patients_alone(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    modality, state = fitted(source)
    assert [feature.name for feature in modality.features(state)] == ["age", "sex", "histology"]
    found = batch(modality, prepared(modality, source, "abcde"), state)
    mean, sd = 70.0, np.std([60, 70, 80])
    torch.testing.assert_close(
        found.values[:, 0], torch.tensor([60 - mean, 0, 0, 80 - mean, 66 - mean]).float() / float(sd)
    )
    assert found.measured[:, 0].tolist() == [True, True, False, True, True]
    assert found.values[:, 1].tolist() == [0, 1, 1, 1, 0]
    # the levels of training are adeno, squamous; a text of `missing` and an unseen level hold the most frequent level
    assert found.values[:, 2].tolist() == [0, 0, 0, 1, 0]
    assert found.measured[:, 2].tolist() == [True, True, False, True, False]


def test_another_training_set_gives_other_scales(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    first, second = fitted(source, "abd")[1], fitted(source, "abde")[1]
    assert first.values["columns"] != second.values["columns"]


def test_an_unseen_category_is_counted_and_named(tmp_path: Path) -> None:
    """T23."""
    source = source_of(tmp_path)
    modality, state = fitted(source)
    said = [str(finding) for finding in modality.findings(prepared(modality, source, "abcde"), state)]
    assert said == [
        "patient e, histology: `large cell` (1 patient) was not seen in training: it counts as not measured."
    ]


def test_a_column_that_a_later_cohort_lacks_counts_as_not_measured_and_is_said(tmp_path: Path) -> None:
    modality, state = fitted(source_of(tmp_path / "first"), columns=["age", "sex"])
    later = source_of(tmp_path / "later", columns=COLUMNS[:1])
    items = prepared(modality, later, "ab")
    found = batch(modality, items, state)
    assert found.measured.tolist() == [[True, False], [True, False]]
    assert found.values[:, 1].tolist() == [1, 1]  # the most frequent of training
    assert [str(finding) for finding in modality.findings(items, state)] == [
        "sex: the cohort lacks the column `sex`: it counts as not measured for 2 patients."
    ]


def test_another_unit_is_refused(tmp_path: Path) -> None:
    """W14."""
    modality, state = fitted(source_of(tmp_path / "first"))
    months = (Column(name="age", unit="months", role="predictor"), *COLUMNS[1:])
    items = prepared(modality, source_of(tmp_path / "later", months), "ab")
    with pytest.raises(CohortError) as error:
        batch(modality, items, state)
    assert str(error.value) == (
        "age: the unit is `months` in this cohort, and was `years` in training. "
        "Convert the column, and correct its unit in cohort.yaml."
    )


def test_what_is_known_only_after_is_read_where_it_is_named(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    modality, state = fitted(source, columns=["stage", "age"])
    assert [feature.name for feature in modality.features(state)] == ["stage", "age"]
    assert modality.raw_values(prepared(modality, source, "c")["c"], state) == ("2", None)


def test_a_column_that_no_predictor_bears_is_said_in_training(tmp_path: Path) -> None:
    for config in ({"columns": ["agee"]}, {"exclude": ["agee"]}):
        with pytest.raises(CohortError) as error:
            fitted(source_of(tmp_path), **config)
        assert str(error.value) == (
            f"{tmp_path}/cohort.yaml, columns: the cohort's dictionary has no predictor `agee`. The nearest is `age`. "
            "Correct the spec's `columns` or `exclude`, or the dictionary."
        )


def test_a_cell_that_is_no_number_stops_the_patient(tmp_path: Path) -> None:
    source = source_of(tmp_path, rows=(("a", "sixty", "male", "adeno", "1", "x"),))
    modality = TableModality(TableConfig())
    with pytest.raises(CohortError) as error:
        prepared(modality, source, "a")
    assert str(error.value) == (
        "age: `sixty` is not a number. Write a number, leave the cell empty, or list the text under the column's "
        "`missing` in cohort.yaml."
    )


def test_the_table_is_parsed_once(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    modality = TableModality(TableConfig())
    prepared(modality, source, "a")
    (tmp_path / "patients.csv").unlink()
    assert prepared(modality, source, "bcde").keys() == set("bcde")


def test_features_replaced_come_with_whether_they_were_measured(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    modality, state = fitted(source)
    own, other = (batch(modality, prepared(modality, source, p), state) for p in ("ac", "bb"))
    keep = torch.tensor([[True, False, True], [False, True, False]])
    mixed = modality.replace(own, keep, other)
    for name in ("values", "measured"):
        expected = torch.where(keep, getattr(own, name), getattr(other, name))
        assert torch.equal(getattr(mixed, name), expected)
