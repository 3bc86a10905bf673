"""A run folder: where its files are, how one is begun, finished and opened."""

from __future__ import annotations

import fcntl
import json
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from mmcare.components import Split
from mmcare.errors import Finding, RunError
from mmcare.formats.atomic import flush_folder, write_text
from mmcare.run.files import UNFINISHED, check_files, files_of, outside
from mmcare.run.json_file import RESTORE, read_as
from mmcare.run.manifest import NAME, FileRecord, Manifest, file_record, read_manifest
from mmcare.run.store import read_splits

__all__ = ["CohortRecord", "RunFolder", "open_run_folder"]


@dataclass(frozen=True, slots=True)
class CohortRecord:
    """Which cohort a run was trained on: where it stood, and the fingerprint of what was read of it."""

    path: str
    fingerprint: str
    patients: int


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run, by name."""

    path: Path

    @property
    def spec(self) -> Path:
        """The resolved spec."""
        return self.path / "spec.yaml"

    @property
    def outcomes(self) -> Path:
        """Arms, endpoints, horizons and their codes."""
        return self.path / "outcomes.json"

    @property
    def splits(self) -> Path:
        """Which patient was in which split."""
        return self.path / "splits.csv"

    @property
    def preprocessing(self) -> Path:
        """What each modality learned from the training patients."""
        return self.path / "preprocessing"

    @property
    def decision(self) -> Path:
        """What decisions need of the training patients."""
        return self.path / "decision"

    @property
    def metrics(self) -> Path:
        """What `mmcare evaluate` found."""
        return self.path / "metrics.json"

    @property
    def resume(self) -> Path:
        """What only resuming needs."""
        return self.path / "resume"

    @property
    def local(self) -> Path:
        """Sources of single-file plugins."""
        return self.path / "local"

    @property
    def starting(self) -> Path:
        """Weights that parts of the spec started from, copied from elsewhere."""
        return self.path / "starting"

    def member(self, number: int = 0) -> Path:
        """The folder of one member's weights."""
        return self.path / "members" / f"{number:02d}"

    def write_cohort(self, record: CohortRecord) -> None:
        """Remember the cohort."""
        data = {"path": record.path, "fingerprint": record.fingerprint, "patients": record.patients}
        write_text(self.path / "cohort.json", json.dumps(data, indent=1) + "\n")

    def cohort(self) -> CohortRecord:
        """The cohort that the run was trained on. Raises RunError where the record is damaged."""
        return read_as(self.path / "cohort.json", CohortRecord)

    def patients(self, split: Split) -> tuple[str, ...]:
        """The patients of a split, in the cohort's order."""
        return tuple(patient for patient, found in read_splits(self.splits).items() if found == split)

    def test_patients(self) -> tuple[str, ...]:
        """The patients whose figures are the run's own.

        Raises:
            RunError: Its split left none.
        """
        patients = self.patients("test")
        if not patients:
            what = "the run has no test patients: the third of its spec's `split.fractions` is 0."
            todo = "Name a cohort with `--cohort`; all patients of that one are scored."
            raise RunError(Finding(file=self.path, what=what, todo=todo, code="no-test-patients"))
        return patients

    def manifest(self) -> Manifest:
        """The manifest of a finished run.

        Raises:
            RunError: The folder is no run, is unfinished, or was made by a newer version.
        """
        path = self.path / NAME
        if not path.is_file():
            raise RunError(_no_manifest(self.path))
        if (link := outside(self.path, path)) is not None:
            raise RunError(link)
        return read_manifest(path)

    def check(self, manifest: Manifest) -> None:
        """Compare the files with the manifest. Raises RunError naming all that do not belong to it."""
        check_files(self.path, manifest.files)

    def require_kind(self, manifest: Manifest, described: str) -> None:
        """Compare the kind of the manifest with the one that the spec describes. Raises RunError where they differ."""
        if described != manifest.kind:
            what = f"says that the run is a {manifest.kind}; its {self.spec.name} describes a {described}."
            raise RunError(Finding(file=self.path / NAME, key="kind", what=what, todo=RESTORE, code="kind"))

    def finish(self, manifest: Manifest) -> Manifest:
        """Write the manifest over all files; from then on the run is whole."""
        files = {name: file_record(self.path / name) for name in files_of(self.path)}
        manifest = manifest.model_copy(update={"files": files})
        for folder in {(self.path / name).parent for name in files}:
            flush_folder(folder)  # the manifest must not outlive a power cut that a file does not
        write_text(self.path / NAME, manifest.as_json())
        (self.path / UNFINISHED).unlink(missing_ok=True)
        return manifest

    def add(self, name: str, text: str) -> None:
        """Add or replace a file of a finished run (`metrics.json`), and its digest.

        The manifest lists the file only while it is there, whole: a process that is killed meanwhile leaves a run that
        opens, with the file as it was or without it.
        """
        with _held(self.path):
            manifest = self.manifest()
            others = {listed: record for listed, record in manifest.files.items() if listed != name}
            if name in manifest.files:
                self._list(manifest, others)
            write_text(self.path / name, text)
            self._list(manifest, {**others, name: file_record(self.path / name)})

    def _list(self, manifest: Manifest, files: Mapping[str, FileRecord]) -> None:
        write_text(self.path / NAME, manifest.model_copy(update={"files": files}).as_json())

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held while a process writes the run; the system frees it when the process ends, however it ends.

        Raises:
            RunError: Another process holds it, whose pid and host the message names; or nothing can be written or
                locked there.
        """
        with self._lock_file() as file:
            try:
                _flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB, self.path)
            except BlockingIOError as error:
                file.seek(0)
                what = f"is being written by another process ({file.read().strip() or 'unknown'})."
                raise RunError(Finding(file=self.path, what=what, todo="Wait for it, or end it.")) from error
            file.truncate(0)
            file.write(f"pid {os.getpid()} on {platform.node()}")
            file.flush()
            yield

    def _lock_file(self) -> TextIO:
        try:
            self.resume.mkdir(parents=True, exist_ok=True)
            return (self.resume / "lock").open("a+", encoding="utf-8")
        except OSError as error:
            what = f"cannot be written: {error.strerror}."
            todo = "Allow writing there, or copy the run to where you may write."
            raise RunError(Finding(file=self.resume, what=what, todo=todo, code="not-written")) from error


def open_run_folder(path: Path) -> tuple[RunFolder, Manifest]:
    """A finished run, every file compared with its digest.

    Raises:
        RunError: It is no run, unfinished, damaged, or of a newer version.
    """
    folder = RunFolder(path)
    manifest = folder.manifest()
    folder.check(manifest)
    return folder, manifest


def _no_manifest(folder: Path) -> Finding:
    if (folder / UNFINISHED).exists():
        todo = f"To go on: mmcare train --resume {folder}"
        return Finding(file=folder, what="the run is unfinished.", todo=todo, code="unfinished")
    if not folder.exists():
        near = sorted(p.parent.name for p in folder.parent.glob(f"*/{NAME}")) if folder.parent.is_dir() else []
        found = f" Runs there: {', '.join(near[-5:])}." if near else ""
        return Finding(file=folder, what=f"there is no such run folder.{found}", todo="`mmcare runs` lists runs.")
    what = f"is no run folder: it holds no {NAME}." if folder.is_dir() else "is a file; a run is a folder."
    return Finding(file=folder, what=what, todo="`mmcare runs` lists runs.", code="no-run")


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Only one process at a time changes a finished run; a folder that cannot be written can be held as well."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        _flock(handle, fcntl.LOCK_EX, folder)
        yield
    finally:
        os.close(handle)


def _flock(handle: int, operation: int, folder: Path) -> None:
    """Lock an open file.

    Raises:
        BlockingIOError: Another process holds it.
        RunError: Files of that disk cannot be locked: some network file systems are mounted without locks.
    """
    try:
        fcntl.flock(handle, operation)
    except BlockingIOError:
        raise
    except OSError as error:
        what = (
            f"is on a file system that cannot lock files ({error.strerror}), so that two processes could write one run."
        )
        todo = "Keep runs on a local disk (`--out`), or have that file system mounted with locks."
        raise RunError(Finding(file=folder, what=what, todo=todo, code="no-locks")) from error
