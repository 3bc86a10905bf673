"""From the files of a source to one task a patient; every file belongs to exactly one, or to a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmcare.cohort.importing.scan import SEGMENTS, SLICE, STRUCTURES, VOLUME_FILE, ScannedFile
from mmcare.cohort.importing.task import PatientTask, Settings
from mmcare.errors import Finding, Severity, cut
from mmcare.formats.filename import ALLOWED, check_id, file_name
from mmcare.formats.region_names import listed

__all__ = ["Plan", "plan"]

ANOTHER_PATIENT = "of patients whose images are mixed up"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        tasks: One a patient.
        left_out: Files that no task has, by reason; with the tasks' files they make all.
        findings: What was found on the way.
    """

    tasks: tuple[PatientTask, ...]
    left_out: Mapping[str, int]
    findings: tuple[Finding, ...]


def plan(files: Sequence[ScannedFile], root: Path, settings: Settings) -> Plan:
    """Group files by patient."""
    left_out: Counter[str] = Counter()
    findings: list[Finding] = []
    by_patient: dict[str, list[ScannedFile]] = {}
    for file in files:
        if file.kind in (SLICE, STRUCTURES, SEGMENTS):
            by_patient.setdefault(file.patient, []).append(file)
        elif file.kind != VOLUME_FILE:
            left_out[file.kind] += 1
    owners = _Owners(by_patient, root)
    for file in files:
        if file.kind == VOLUME_FILE:
            patient = owners.of(file.path)
            if patient is None:
                left_out["NIfTI or NRRD file beside no patient"] += 1
            else:
                by_patient[patient].append(file)
    for patient, finding in _mixed_up(by_patient).items():
        left_out[ANOTHER_PATIENT] += len(by_patient.pop(patient))
        findings.append(finding)
    tasks = _tasks(by_patient, root, settings, left_out, findings)
    return Plan(tuple(tasks), left_out, tuple(findings))


def _tasks(
    by_patient: Mapping[str, Sequence[ScannedFile]],
    root: Path,
    settings: Settings,
    left_out: Counter[str],
    findings: list[Finding],
) -> list[PatientTask]:
    tasks: list[PatientTask] = []
    names: dict[str, str] = {}
    for patient, files in sorted(by_patient.items()):
        name = file_name(patient)
        findings += _renamed(patient, name)
        if name.casefold() in names:
            left_out["of a patient whose id differs from another's by capitals only"] += len(files)
            what = f"differs from patient {names[name.casefold()]} by capitals only, one name on some disks."
            findings.append(Finding(patient=cut(patient), what=what, todo="Give one another id.", code="same-id"))
            continue
        names[name.casefold()] = patient
        tasks.append(PatientTask(name, root, tuple(files), settings))
    return tasks


def _renamed(patient: str, name: str) -> list[Finding]:
    if check_id(patient) is None:
        return []
    what = f"the id '{cut(patient, 40)}' cannot be part of a file name (allowed are {ALLOWED}); the cohort calls the "
    what += f"patient '{name}'."
    todo = "Use that id in the cohort's tables."
    return [Finding(patient=cut(patient, 40), what=what, todo=todo, severity=Severity.WARNING, code="id-changed")]


def _mixed_up(by_patient: Mapping[str, Sequence[ScannedFile]]) -> dict[str, Finding]:
    """Patients that share a series: one of them has the images of the other."""
    owner: dict[str, set[str]] = {}
    for patient, files in by_patient.items():
        for file in files:
            if file.header is not None and file.kind == SLICE:
                owner.setdefault(file.header.series_uid, set()).add(patient)
    found = {}
    for uid, patients in owner.items():
        for patient in sorted(patients) if len(patients) > 1 else ():
            others = listed(sorted(patients - {patient}))
            what = f"the series {cut(uid)} holds slices under this id and under {others}: the images are mixed up."
            todo = "Find out whose they are, and export them again."
            found[patient] = Finding(patient=cut(patient), what=what, todo=todo, code="patients-mixed")
    return found


class _Owners:
    """Whose a NIfTI or NRRD file is: the patient whose id begins its name, else the only one whose files lie beside."""

    def __init__(self, by_patient: Mapping[str, Sequence[ScannedFile]], root: Path) -> None:
        self.patients = sorted(by_patient, key=len, reverse=True)
        self.root = root
        self.below: dict[Path, set[str]] = {}
        for patient, files in by_patient.items():
            for folder in {parent for file in files for parent in file.path.parents}:
                self.below.setdefault(folder, set()).add(patient)

    def of(self, path: Path) -> str | None:
        """The patient; None where there is none, or more than one."""
        for patient in self.patients:
            rest = path.name[len(patient) :]
            if patient and path.name.startswith(patient) and not rest[:1].isalnum():
                return patient
        for folder in path.parents:
            if folder in self.below:
                (first, *others) = self.below[folder]
                return None if others else first
            if folder == self.root:
                break
        return None
