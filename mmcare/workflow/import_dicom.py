"""Importing the CTs of many patients: scan, plan, one task a patient in several processes, an account of every file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmcare.cohort.importing.folder import CohortFolder, open_cohort_folder
from mmcare.cohort.importing.patient import import_patient
from mmcare.cohort.importing.plan import Plan, plan
from mmcare.cohort.importing.scan import ScannedFile, scan_files, unnamed
from mmcare.cohort.importing.source import opened_source, staging_folder
from mmcare.cohort.importing.task import Outcome, PatientResult, Settings
from mmcare.errors import CohortError, Finding, Interrupted
from mmcare.formats.dicom_headers import files_below
from mmcare.workers import in_order, processes, workers_for

__all__ = ["ImportOptions", "ImportSummary", "import_dicom"]

Progress = Callable[[str, int, int], None]
_MOST_LISTED = 5
_CHUNK = 64
"""Headers read in one go by a worker."""
_WORTH_A_PROCESS = 200
"""Files from which another process saves more than its start takes."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import.

    Attributes:
        rois: Names or patterns of the regions that make the mask; capitals do not matter.
        series: SeriesInstanceUIDs to take where a patient has several.
        workers: Processes; 0: as many as there are cores.
        replace: Whether patients who are there may be imported anew.
        key_file: Key of a de-identification; None: ids and UIDs stay.
    """

    rois: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    workers: int = 0
    replace: bool = False
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What became of a source.

    Attributes:
        patients: One result a patient, in the order of ids.
        files: All files of the source by class; each in exactly one.
        findings: What there is to say of files and of the cohort, beside the patients' own findings.
    """

    patients: tuple[PatientResult, ...]
    files: Mapping[str, int]
    findings: tuple[Finding, ...]

    def count(self, outcome: Outcome) -> int:
        """Patients with an outcome."""
        return sum(result.outcome is outcome for result in self.patients)


@dataclass(frozen=True, slots=True)
class _Source:
    """The files to look at, and those that are accounted for already."""

    folder: Path
    held_back: Mapping[str, int]
    findings: tuple[Finding, ...]
    series: tuple[str, ...]


def import_dicom(
    source: Path, cohort: Path, options: ImportOptions = ImportOptions(), progress: Progress | None = None
) -> ImportSummary:
    """Import the CTs below a folder or in an archive, with their masks, into a cohort.

    Patients who are there are not done again; an import that was stopped, or killed, goes on by the same call.

    Args:
        source: Folder, or archive (`.zip`, `.tar`, `.tar.gz`, `.tar.xz`, `.tar.bz2`).
        cohort: The cohort's folder; made where there is none.
        options: How.
        progress: Called with (what, done, total).

    Raises:
        CohortError: The source or the cohort cannot be used.
        MMCareError: The cohort cannot be written.
        Interrupted: Ctrl-C; the patients that are finished are kept.
    """
    tell = progress or (lambda what, done, total: None)
    try:
        with ExitStack() as stack:
            folder = stack.enter_context(open_cohort_folder(cohort))
            root = stack.enter_context(opened_source(source, cohort))
            found = stack.enter_context(_deidentified(source, root, folder, options, tell))
            listed = frozenset(folder.patients)
            name = source.name if options.key_file is None else ""
            settings = Settings(cohort, options.rois, found.series, options.replace, name, listed)
            return _import(found, folder, settings, options, tell)
    except KeyboardInterrupt:  # while files are unpacked and read, or a second one while all is tidied
        raise _stopped(cohort, "the patients that are finished are kept") from None


@contextmanager
def _deidentified(
    source: Path, root: Path, folder: CohortFolder, options: ImportOptions, tell: Progress
) -> Iterator[_Source]:
    """The source as it is, or its de-identified form: then nothing of the original reaches the cohort."""
    if options.key_file is None:
        yield _Source(root, {}, (), options.series)
        return
    from mmcare.cohort.deidentify import Deidentifier, deidentify_folder, read_key

    key, findings = read_key(options.key_file, outside=folder.root)
    deidentifier = Deidentifier(key, regions=options.rois)
    findings += folder.deidentify(deidentifier)
    with staging_folder(source, folder.root, f"deidentified-{deidentifier.settings()}") as staging:
        summary = deidentify_folder(root, staging, deidentifier, tell)
        left = Counter(
            f"not de-identified: {record.kind}{', ' + record.reason if record.reason else ''}"
            for record in summary.files
            if record.outcome not in ("written", "there already")
        )
        series = tuple(deidentifier.uid(uid) for uid in options.series)
        yield _Source(staging, left, (*findings, *summary.findings), series)


def _import(
    source: _Source, folder: CohortFolder, settings: Settings, options: ImportOptions, tell: Progress
) -> ImportSummary:
    findings = list(source.findings)
    paths = [path for path in files_below(source.folder, findings) if not _is_settings(path, source)]
    workers = workers_for(options.workers, len(paths), _WORTH_A_PROCESS)
    with processes(workers) as pool:
        scanned = _scan(paths, pool, tell)
        planned = plan(scanned, source.folder, settings)
        findings += [*(f for file in scanned for f in file.findings), *unnamed(scanned), *planned.findings]
        _check_wanted(scanned, settings.series)
        results = list(_patients(planned, folder, pool, tell))
    files = Counter(source.held_back) + Counter(planned.left_out)
    for result in results:
        files += Counter(result.files)
    if files.total() != len(paths) + sum(source.held_back.values()):
        raise AssertionError(f"{len(paths)} files, accounted for {dict(files)}")
    imported = [result.patient for result in results if result.outcome is Outcome.IMPORTED]
    findings += [*folder.findings(imported), *_no_ct(source.folder, planned, files)]
    return ImportSummary(tuple(results), dict(sorted(files.items())), tuple(findings))


def _is_settings(path: Path, source: _Source) -> bool:
    """The note that a de-identification leaves in its folder."""
    from mmcare.cohort.deidentify.folder import SETTINGS

    return path == source.folder / SETTINGS


def _no_ct(folder: Path, planned: Plan, files: Mapping[str, int]) -> list[Finding]:
    if planned.tasks:
        return []
    found = ", ".join(f"{n:,} {kind}" for kind, n in sorted(files.items(), key=lambda item: -item[1])[:_MOST_LISTED])
    what = f"no patient's CT among {sum(files.values()):,} files (found: {found or 'nothing'}); a CT series is due."
    return [Finding(file=folder, what=what, todo="Name the folder of the series.", code="no-ct")]


def _scan(paths: Sequence[Path], pool: Executor | None, tell: Progress) -> list[ScannedFile]:
    chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]
    scanned: list[ScannedFile] = []
    for part in in_order(scan_files, chunks, pool):
        scanned += part
        tell("Reading headers", len(scanned), len(paths))
    return scanned


def _check_wanted(scanned: Sequence[ScannedFile], series: Sequence[str]) -> None:
    there = {file.header.series_uid for file in scanned if file.header is not None}
    for uid in series:
        if uid not in there:
            what = f"no file is of the series {uid}."
            raise CohortError(Finding(key="--series", what=what, todo="Give a SeriesInstanceUID that is there."))


def _patients(planned: Plan, folder: CohortFolder, pool: Executor | None, tell: Progress) -> Iterator[PatientResult]:
    """Each patient as it is finished; the cohort is completed by it at once."""
    done, total = 0, len(planned.tasks)

    def kept(n: int) -> str:
        return f"{n} of {total} patients are done and kept"

    try:
        for result in in_order(import_patient, planned.tasks, pool, kept):
            if result.outcome in (Outcome.IMPORTED, Outcome.DONE):
                folder.add(result.patient, has_mask=bool(result.mask))
            done += 1
            tell("Importing patients", done, total)
            yield result
    except KeyboardInterrupt:
        raise _stopped(folder.root, kept(done)) from None


def _stopped(cohort: Path, kept: str) -> Interrupted:
    return Interrupted(Finding(file=cohort, what=f"stopped; {kept}.", todo="The same command goes on.", code="stopped"))
