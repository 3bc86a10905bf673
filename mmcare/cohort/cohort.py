"""A cohort on disk, read into typed objects: patients, treatment, outcomes, and what each modality may see."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from mmcare.cohort.dictionary import YEARS_IN, Dictionary, EndpointEntry
from mmcare.components import UNKNOWN_ARM, Column, Endpoint, OutcomeLayout, Outcomes, Source
from mmcare.errors import CohortError, Finding, cut
from mmcare.formats import Table
from mmcare.formats.digest import key_of
from mmcare.formats.rows import counted

__all__ = ["ALL", "Cohort"]

ALL = "all"
"""Key of the one arm of a cohort that names none."""
_CODES = {"censored": 0, "event": 1, "competing": 2}


@dataclass(frozen=True)
class Cohort:
    """A cohort folder.

    Attributes:
        root: The folder.
        dictionary: Its `cohort.yaml`.
        lines: Line of `cohort.yaml` of each key path, for messages.
        table: The patients' table.
        outcomes_table: The table of times and events, where the dictionary names one of its own.
    """

    root: Path
    dictionary: Dictionary
    lines: Mapping[tuple[str, ...], int] = field(repr=False)
    table: Table = field(repr=False)
    outcomes_table: Table | None = field(default=None, repr=False)

    def __str__(self) -> str:
        endpoints = ", ".join(map(self._endpoint_in_words, self.dictionary.endpoints)) or "no endpoints"
        modalities = ", ".join(self.dictionary.modalities) or "no modality beside the table"
        return f"{counted(len(self.patients), 'patient')}, arms {', '.join(self.arms)}, {endpoints}; {modalities}"

    @cached_property
    def patients(self) -> tuple[str, ...]:
        """Ids in the table's order."""
        return tuple(row[self.dictionary.patients.id] for row in self.table.records())

    @property
    def has_outcomes(self) -> bool:
        """Whether the dictionary names endpoints."""
        return bool(self.dictionary.endpoints)

    @property
    def arms(self) -> tuple[str, ...]:
        """Keys of the arms in the dictionary's order; one, `all`, where it names none."""
        return tuple(self.dictionary.arms.values) if self.dictionary.arms is not None else (ALL,)

    def n_received(self, arm: str) -> int:
        """How many patients received an arm; all of them, where the dictionary names none."""
        entry = self.dictionary.arms
        return len(self.patients) if entry is None else sum(r[entry.column].strip() == arm for r in self.records())

    def table_of(self, column: str) -> Table:
        """The table that holds a column of outcomes or treatment: the outcomes' own, where it has it."""
        own = self.outcomes_table
        return own if own is not None and column in own.columns else self.table

    def records(self) -> Iterator[Mapping[str, str]]:
        """Texts by column of each patient, in the table's order; outcomes are those of their own table, if it is there.

        Who has no row in the outcomes' table has empty cells: not known.
        """
        if self.outcomes_table is None:
            return self.table.records()
        unknown = dict.fromkeys(self.outcomes_table.columns, "")
        return (
            {**row, **self._outcomes.get(id_, unknown)}
            for id_, row in zip(self.patients, self.table.records(), strict=True)
        )

    def outcome_layout(self) -> OutcomeLayout:
        """Arms, endpoints and horizons in the dictionary's order.

        Raises:
            CohortError: The dictionary names no endpoint.
        """
        if not self.has_outcomes:
            what = "names no `endpoints`: the cohort serves for predictions only."
            raise CohortError(
                Finding(file=self.dictionary_file, what=what, todo="Add `endpoints:` to train or evaluate.")
            )
        endpoints = tuple(
            Endpoint(name, entry.horizons, entry.competing) for name, entry in self.dictionary.endpoints.items()
        )
        return OutcomeLayout(self.arms, endpoints)

    def outcomes(self, layout: OutcomeLayout, patients: Sequence[str]) -> Outcomes:
        """What happened to patients, coded by `layout`, matched to this cohort by name.

        Raises:
            CohortError: The cohort has an arm that the layout lacks, or lacks an endpoint of it.
        """
        self._check_arms(layout)
        rows = [self._row[patient] for patient in patients]
        columns = [self._endpoint(layout.endpoints[i].name, rows) for i in range(len(layout.endpoints))]
        return Outcomes(
            arm=torch.from_numpy(self._arm_codes(layout, rows)),
            time=torch.from_numpy(np.stack([time for time, _ in columns], axis=1)),
            event=torch.from_numpy(np.stack([event for _, event in columns], axis=1)),
        )

    def source(self, key: str, *, gives: str | None = None, optional: bool = False) -> Source | None:
        """The cohort as a modality sees it: no treatment, no outcomes.

        Args:
            key: Key of the cohort's modality.
            gives: A modality that gives `table` reads the patients' columns and needs no entry.
            optional: Whether None may be the answer.

        Raises:
            CohortError: The cohort holds no such modality.
        """
        entries = self.dictionary.modalities
        if key in entries or gives == "table":
            return self._source(key, entries.get(key, {}))
        if optional:
            return None
        holds = ", ".join(entries) or "none"
        raise CohortError(
            Finding(
                file=self.root,
                modality=key,
                what=f"the cohort holds no modality `{key}`; it holds: {holds}.",
                todo=f"Add `{key}` to `modalities` of {self.dictionary_file.name}, take it out of the spec, "
                "or mark it `optional: true` there.",
                code="no-modality",
            )
        )

    def empty_source(self, key: str) -> Source:
        """The source of a modality that the cohort does not hold."""
        return self._source(key, {})

    def require(self, patient: str) -> None:
        """Raise CohortError naming the nearest ids where the cohort has no such patient."""
        if patient in self._row:
            return
        near = difflib.get_close_matches(patient, self.patients, 3)
        hint = f" Nearest: {', '.join(near)}." if near else ""
        what = f"the cohort has no patient `{cut(patient)}`; it has {len(self.patients)}.{hint}"
        raise CohortError(Finding(file=self.table_file, what=what, code="no-patient"))

    def fingerprint(self) -> str:
        """Digest of the dictionary and the tables: what outcomes and table inputs are read from."""
        return key_of([path.read_bytes().hex() for path in (self.dictionary_file, *self.table_files)])

    @property
    def dictionary_file(self) -> Path:
        """`cohort.yaml`."""
        return self.root / "cohort.yaml"

    @property
    def table_file(self) -> Path:
        """The patients' table."""
        return self.root / self.dictionary.patients.file

    @property
    def table_files(self) -> tuple[Path, ...]:
        """The patients' table, and that of the outcomes where there is one."""
        entries = (self.dictionary.patients, self.dictionary.outcomes)
        return tuple(self.root / entry.file for entry in entries if entry is not None)

    @cached_property
    def _row(self) -> Mapping[str, Mapping[str, str]]:
        return dict(zip(self.patients, self.records(), strict=True))

    @cached_property
    def _outcomes(self) -> Mapping[str, Mapping[str, str]]:
        entry = self.dictionary.outcomes
        assert entry is not None and self.outcomes_table is not None, "asked for where it is there"
        return {row[entry.id]: row for row in self.outcomes_table.records()}

    def _endpoint_in_words(self, name: str) -> str:
        unit = self.dictionary.endpoints[name].unit
        return name if unit == "years" else f"{name} ({unit}, converted to years)"

    def _source(self, key: str, entry: Mapping[str, str]) -> Source:
        columns = {
            name: Column(name=name, line=self.lines.get(("columns", name)), **column.model_dump())
            for name, column in self.dictionary.columns.items()
        }
        patients = self.dictionary.patients
        return Source(
            root=self.root,
            key=key,
            entry=entry,
            columns=columns,
            patients_file=patients.file,
            id=patients.id,
            table_format=patients.form,
        )

    def _check_arms(self, layout: OutcomeLayout) -> None:
        unknown = [arm for arm in self.arms if arm not in layout.arms]
        if unknown and layout.arms != (ALL,):
            what = f"the arm `{unknown[0]}` is none of the run's: {', '.join(layout.arms)}."
            todo = "Give the cohort's arms the names that the run knows, in `arms.values`."
            raise CohortError(Finding(file=self.dictionary_file, key="arms.values", what=what, todo=todo))

    def _arm_codes(self, layout: OutcomeLayout, rows: Sequence[Mapping[str, str]]) -> np.ndarray:  # type: ignore[type-arg]
        entry = self.dictionary.arms
        if entry is None or layout.arms == (ALL,):
            code = 0 if layout.arms == (ALL,) else UNKNOWN_ARM
            return np.full(len(rows), code, dtype=np.int64)
        place = {arm: code for code, arm in enumerate(layout.arms)}
        return np.array([place.get(row[entry.column].strip(), UNKNOWN_ARM) for row in rows], dtype=np.int64)

    def _endpoint(self, name: str, rows: Sequence[Mapping[str, str]]) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        entry = self.dictionary.endpoints.get(name)
        if entry is None:
            what = f"has no endpoint `{name}`; it has: {', '.join(self.dictionary.endpoints) or 'none'}."
            raise CohortError(Finding(file=self.dictionary_file, key="endpoints", what=what))
        pairs = [outcome_of(entry, row) for row in rows]
        return np.array([t for t, _ in pairs], dtype=np.float64), np.array([e for _, e in pairs], dtype=np.int64)


def outcome_of(entry: EndpointEntry, row: Mapping[str, str]) -> tuple[float, int]:
    """Time in years and code of one patient; (NaN, 0) where either is not known. Cells are checked on reading."""
    time, event = row[entry.time].strip(), row[entry.event].strip()
    if {time, event} & {"", *entry.missing}:
        return float("nan"), 0
    return float(time) * YEARS_IN[entry.unit], _CODES[entry.codes[_code(event)]]


def _code(text: str) -> str:
    """`1.0`, as a spreadsheet writes a whole number, is `1`."""
    return text[:-2] if text.endswith(".0") else text
