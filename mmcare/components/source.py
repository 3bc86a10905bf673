"""What a modality may know of a cohort: its folder, its own entry, the columns, and tables parsed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mmcare.errors import CohortError, Finding
from mmcare.formats import Table, TableFormat, read_patients_table, read_table

__all__ = ["Column", "Source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What the cohort's dictionary says of one column of the patients' table.

    Attributes:
        name: Name in the table.
        type: A number, or a category.
        unit: Unit of a number.
        levels: Allowed categories; empty: those that occur.
        role: A predictor is read by a modality that gives `table`; anything else is left alone.
        available_at: When the value is known; what is known only after the decision is no input of a choice.
        missing: Texts that mean "not known" beside the empty cell.
        line: Line of the cohort's dictionary, for messages.
    """

    name: str
    type: Literal["number", "category"] = "number"
    unit: str = ""
    levels: tuple[str, ...] = ()
    role: Literal["predictor", "genomic", "site", "other"] = "other"
    available_at: Literal["decision", "after"] = "decision"
    missing: tuple[str, ...] = ()
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """A cohort as one modality sees it. Outcomes and treatment are not reachable from here.

    Attributes:
        root: The cohort's folder.
        key: Key of the cohort's modality.
        entry: The modality's entry of the dictionary (`files`, `mask`, `mutations`, …).
        columns: Columns of the patients' table by name, without treatment and outcomes.
        patients_file: The patients' table, relative to `root`.
        id: Name of its id column.
        table_format: How the patients' table stands in its file.
    """

    root: Path
    key: str
    entry: Mapping[str, str]
    columns: Mapping[str, Column]
    patients_file: str
    id: str
    table_format: TableFormat = field(default_factory=TableFormat)
    _tables: dict[tuple[str, str], Mapping[str, tuple[Mapping[str, str], ...]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def path(self, name: str, patient: str) -> Path | None:
        """The file that entry `name` gives for a patient (`{patient}` filled in); None where the entry lacks it."""
        template = self.entry.get(name)
        return None if template is None else self.root / template.replace("{patient}", patient)

    def file(self, name: str) -> Path:
        """The cohort-wide file that entry `name` gives.

        Raises:
            CohortError: The dictionary's entry of this modality lacks `name`.
        """
        if name not in self.entry:
            raise CohortError(
                Finding(
                    file=self.root / "cohort.yaml",
                    key=f"modalities.{self.key}",
                    what=f"the entry `{name}` is missing; found: {', '.join(self.entry) or 'none'}.",
                    todo=f"Add `{name}: FILE` to it.",
                )
            )
        return self.root / self.entry[name]

    def table(self, file: str, key: str) -> Mapping[str, tuple[Mapping[str, str], ...]]:
        """The rows of a table, as texts by column, gathered by the value of column `key`; parsed once.

        Args:
            file: Path relative to `root`.
            key: Column to gather by.
        """
        if (file, key) not in self._tables:
            table = self.patients_table() if file == self.patients_file else read_table(self.root / file)
            self._tables[file, key] = _gather(table, key)
        return self._tables[file, key]

    def patients_table(self) -> Table:
        """The patients' table, whatever it is written in."""
        return read_patients_table(self.root / self.patients_file, self.table_format, id_column=self.id)

    def row(self, patient: str) -> Mapping[str, str]:
        """The patient's row of the patients' table; only the columns of `columns`."""
        row = self.table(self.patients_file, self.id)[patient][0]
        return {name: row[name] for name in self.columns if name in row}


def _gather(table: Table, key: str) -> Mapping[str, tuple[Mapping[str, str], ...]]:
    rows: dict[str, list[Mapping[str, str]]] = {}
    for row in table.records():
        rows.setdefault(row[key], []).append(row)
    return {value: tuple(found) for value, found in rows.items()}
