"""Which sample stands for a patient, where a study has several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mmcare.components import Counts
from mmcare.errors import Finding, Severity
from mmcare.formats import Rows, Table
from mmcare.formats.rows import counted, first_lines

__all__ = ["Samples", "by_patient", "choose_samples", "some"]

RowT = TypeVar("RowT")
RULE = "the first primary tumour counts, sequenced ones before others; without a primary tumour the first sample"
_PRIMARY = {"primary", "primary tumor", "primary tumour", "primary solid tumor"}


@dataclass(frozen=True, slots=True)
class Samples:
    """One sample a patient.

    Attributes:
        row: The sample's row of the clinical table, by patient.
        patient: The patient of each used sample.
        counts: Samples read, used and left out.
        findings: Patients who have several, with the sample used.
    """

    row: Mapping[str, Mapping[str, str]]
    patient: Mapping[str, str]
    counts: Counts
    findings: tuple[Finding, ...] = ()


def choose_samples(table: Table, patients: Collection[str], sequenced: Collection[str] = ()) -> Samples:
    """One sample of each patient in `patients`, by the rule that `RULE` states.

    Args:
        table: Clinical table of samples: `SAMPLE_ID`, `PATIENT_ID`, and `SAMPLE_TYPE` where the study says it.
        patients: Patients who may be used.
        sequenced: Samples that were sequenced.
    """
    left_out: Counter[str] = Counter(table.left_out)
    rows: dict[str, list[Mapping[str, str]]] = {}
    for row in table.records():
        if row["PATIENT_ID"] in patients:
            rows.setdefault(row["PATIENT_ID"], []).append(row)
        else:
            left_out["of a patient who is not in the patients' table"] += 1
    chosen = {patient: min(found, key=lambda row: _rank(row, sequenced)) for patient, found in rows.items()}
    several = [patient for patient, found in rows.items() if len(found) > 1]
    further = sum(map(len, rows.values())) - len(chosen)
    left_out.update(some("a further sample of the patient", further))
    patient_of = {row["SAMPLE_ID"]: patient for patient, row in chosen.items()}
    finding = _several(table.file, several, chosen, further)
    return Samples(chosen, patient_of, Counts(table.n_read, len(chosen), dict(left_out)), finding)


def by_patient(
    rows: Rows[RowT], samples: Samples, sample: Callable[[RowT], str]
) -> tuple[list[tuple[str, RowT]], Counts]:
    """Each row of a used sample with its patient, and what became of the others."""
    used = [(samples.patient[sample(row)], row) for row in rows if sample(row) in samples.patient]
    left_out = {**rows.left_out, **some("of a sample that is not used", len(rows) - len(used))}
    return used, Counts(rows.n_read, len(used), left_out)


def some(reason: str, count: int) -> dict[str, int]:
    """A reason with its count; nothing where the count is 0."""
    return {reason: count} if count else {}


def _rank(row: Mapping[str, str], sequenced: Collection[str]) -> tuple[bool, bool]:
    """Lower is better; of equal ones `min` keeps the first."""
    primary = row.get("SAMPLE_TYPE", "").strip().casefold() in _PRIMARY
    return not primary, row["SAMPLE_ID"] not in sequenced


def _several(
    file: Path, patients: Sequence[str], chosen: Mapping[str, Mapping[str, str]], further: int
) -> tuple[Finding, ...]:
    if not patients:
        return ()
    names: Iterable[str] = (f"{patient}: {chosen[patient]['SAMPLE_ID']}" for patient in patients)
    what = f"{counted(len(patients), 'patient')} with several samples, {further} of which are left out: {RULE} "
    what += f"({first_lines(list(names))})."
    todo = "Remove the other samples from the table where another one is meant."
    return (Finding(file=file, what=what, todo=todo, severity=Severity.NOTE, code="several-samples"),)
