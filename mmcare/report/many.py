"""Reports of all patients of a cohort, in several processes; one that is there is not made again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from mmcare.cohort import Cohort, read_cohort
from mmcare.errors import CohortError, Finding, MMCareError
from mmcare.formats.atomic import write_text
from mmcare.formats.filename import file_name
from mmcare.inputs import Progress
from mmcare.report.build import report_of
from mmcare.report.case import open_cases
from mmcare.report.entry import Entry, entry_of, read_entry
from mmcare.report.index import render_index
from mmcare.report.made_from import MadeFrom
from mmcare.report.render import render_report
from mmcare.run import Run, load_run
from mmcare.workers import cores, in_order, processes, workers_for

__all__ = ["Made", "write_reports"]

_TOGETHER = 8
"""Patients that are read together: tables and mutation files are parsed once for so many."""
_WORTH = 4
"""From how many tasks on another process is worth its start."""


@dataclass(frozen=True, slots=True)
class Made:
    """What became of the reports.

    Attributes:
        index: The page that lists them. written: Reports made now. kept: Those that were there.
        findings: Of patients whose report could not be made.
    """

    index: Path
    written: int
    kept: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Task:
    """Some patients to report on; `threads` for each of several processes, None where there is one."""

    run: Path
    cohort: Path
    out: Path
    patients: tuple[str, ...]
    allow_local_code: bool
    threads: int | None


def write_reports(
    run: Run,
    cohort: Cohort,
    out: Path,
    *,
    workers: int = 0,
    allow_local_code: bool = False,
    progress: Progress | None = None,
) -> Made:
    """Write a report a patient into a folder, and `index.html`.

    Begun again, it goes on: a report of the same run, cohort, files of the patient and version is kept.

    Args:
        run: A finished run. cohort: Whose patients. out: The folder.
        workers: Processes; 0, as many as there are cores, fewer for few patients.
        allow_local_code: Whether code that the run brings along may run in them.
        progress: Told how many reports are there.

    Raises:
        MMCareError: The folder holds something else, or cannot be written.
    """
    _refuse_foreign(out)
    made_from = MadeFrom(run, cohort)
    kept = {p: entry for p in cohort.patients if (entry := _there(out, p, made_from)) is not None}
    left = [patient for patient in cohort.patients if patient not in kept]
    groups = [tuple(left[at : at + _TOGETHER]) for at in range(0, len(left), _TOGETHER)]
    count = workers_for(workers, len(groups), _WORTH)
    threads = max(1, cores() // count) if count > 1 else None
    tasks = [_Task(run.path, cohort.root, out, group, allow_local_code, threads) for group in groups]
    entries = dict(kept)
    tell = progress or (lambda what, done, total: None)
    with processes(count) as pool:
        for found in in_order(_write_some, tasks, pool):
            entries |= {entry.patient: entry for entry in found}
            tell("reports", len(entries), len(cohort.patients))
    ordered = [entries[patient] for patient in cohort.patients]
    write_text(out / "index.html", render_index(run, cohort, ordered))
    failed = tuple(Finding(patient=e.patient, what=e.error, code="no-report") for e in ordered if e.error)
    return Made(out / "index.html", len(left) - len(failed), len(kept), failed)


def _refuse_foreign(out: Path) -> None:
    """A folder of something else is left alone; one of reports, whole or not, has their folder in it."""
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / "entries").is_dir()):
        what = "is a file." if out.is_file() else "exists, is not empty, and holds no reports."
        raise MMCareError(Finding(file=out, what=what, todo="Name another folder with `--out`.", code="exists"))


def _there(out: Path, patient: str, made_from: MadeFrom) -> Entry | None:
    """The entry of a report that need not be made; what it was made from is looked at only where there is one."""
    entry = read_entry(_entry_file(out, patient))
    if entry is None or entry.error or not (out / entry.file).is_file():
        return None
    return entry if entry.key == made_from.key(patient) else None


def _entry_file(out: Path, patient: str) -> Path:
    return out / "entries" / file_name(patient, ".json")


def _write_some(task: _Task) -> list[Entry]:
    """Read some patients together; where that fails, each alone, so that one bad file costs one report."""
    if task.threads is not None:
        torch.set_num_threads(task.threads)
    made_from = _opened(task.run, task.cohort, task.allow_local_code)
    try:
        return [_keep(task, entry) for entry in _entries(task, made_from, task.patients)]
    except CohortError:
        return [_keep(task, entry) for patient in task.patients for entry in _alone(task, made_from, patient)]


def _alone(task: _Task, made_from: MadeFrom, patient: str) -> list[Entry]:
    try:
        return list(_entries(task, made_from, (patient,)))
    except CohortError as error:
        return [Entry(key="", patient=patient, file="", error=str(error))]


def _entries(task: _Task, made_from: MadeFrom, patients: Sequence[str]) -> Iterator[Entry]:
    keys = {patient: made_from.key(patient) for patient in patients}  # before: what changes meanwhile is made anew
    for case in open_cases(made_from.run, made_from.cohort, patients):
        data, name = report_of(case), file_name(case.patient, ".html")
        write_text(task.out / name, render_report(data))
        yield entry_of(data, name, keys[case.patient])


def _keep(task: _Task, entry: Entry) -> Entry:
    write_text(_entry_file(task.out, entry.patient), entry.model_dump_json(indent=1) + "\n")
    return entry


@cache
def _opened(run: Path, cohort: Path, allow_local_code: bool) -> MadeFrom:
    """The run and the cohort, once a process."""
    return MadeFrom(load_run(run, allow_local_code=allow_local_code), read_cohort(cohort))
