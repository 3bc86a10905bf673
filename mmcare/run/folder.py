"""A run folder: where its files are, how one is begun, finished and opened."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mmcare.components import Split
from mmcare.errors import Finding, RunError
from mmcare.formats.atomic import write_text
from mmcare.run.manifest import FORMAT, NAME, Manifest, check_file, file_record
from mmcare.run.store import read_splits

__all__ = ["CohortRecord", "RunFolder", "new_run_folder", "open_run_folder"]

UNFINISHED = "unfinished.json"
_NOT_LISTED = ("resume", "logs")


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

    def member(self, number: int = 0) -> Path:
        """The folder of one member's weights."""
        return self.path / "members" / f"{number:02d}"

    def write_cohort(self, record: CohortRecord) -> None:
        """Remember the cohort."""
        data = {"path": record.path, "fingerprint": record.fingerprint, "patients": record.patients}
        write_text(self.path / "cohort.json", json.dumps(data, indent=1) + "\n")

    def cohort(self) -> CohortRecord:
        """The cohort that the run was trained on."""
        return CohortRecord(**json.loads((self.path / "cohort.json").read_text(encoding="utf-8")))

    def patients(self, split: Split) -> tuple[str, ...]:
        """The patients of a split, in the cohort's order."""
        return tuple(patient for patient, found in read_splits(self.splits).items() if found == split)

    def manifest(self) -> Manifest:
        """The manifest of a finished run.

        Raises:
            RunError: The folder is no run, is unfinished, or was made by a newer version.
        """
        path = self.path / NAME
        if not path.exists():
            raise RunError(_no_manifest(self.path))
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(data, dict) and int(data.get("mmcare_run", 0)) > FORMAT:
                raise RunError(_newer(path, data))
            return Manifest.model_validate(data)
        except (ValueError, ValidationError) as error:
            raise RunError(Finding(file=path, what="is not a run's manifest.", todo=_RESTORE)) from error

    def check(self, manifest: Manifest) -> None:
        """Compare every listed file with its digest. Raises RunError naming the first that differs."""
        for name, record in manifest.files.items():
            check_file(self.path, name, record)

    def finish(self, manifest: Manifest) -> Manifest:
        """Write the manifest over all files; from then on the run is whole."""
        files = {}
        for path in sorted(self.path.rglob("*")):
            name = path.relative_to(self.path)
            if (
                path.is_file()
                and name.parts[0] not in (*_NOT_LISTED, NAME, UNFINISHED)
                and not path.name.startswith(".")
            ):
                files[name.as_posix()] = file_record(path)
        manifest = manifest.model_copy(update={"files": files})
        write_text(self.path / NAME, manifest.model_dump_json(indent=1) + "\n")
        (self.path / UNFINISHED).unlink(missing_ok=True)
        return manifest

    def add(self, name: str, text: str) -> None:
        """Add or replace a file of a finished run (`metrics.json`), and its digest."""
        write_text(self.path / name, text)
        manifest = self.manifest()
        files: Mapping[str, object] = {**manifest.files, name: file_record(self.path / name)}
        write_text(self.path / NAME, manifest.model_copy(update={"files": files}).model_dump_json(indent=1) + "\n")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held while a process writes the run; the system frees it when the process ends, however it ends.

        Raises:
            RunError: Another process holds it; the message names its pid and host.
        """
        self.resume.mkdir(parents=True, exist_ok=True)
        with (self.resume / "lock").open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                what = f"is being written by another process ({file.read().strip() or 'unknown'})."
                raise RunError(Finding(file=self.path, what=what, todo="Wait for it, or end it.")) from error
            file.truncate(0)
            file.write(f"pid {os.getpid()} on {platform.node()}")
            file.flush()
            yield


def new_run_folder(name: str, out: Path | None = None) -> RunFolder:
    """Begin a run: `out`, or the next free `runs/NAME-0001`. Never overwrites.

    Raises:
        RunError: `out` exists and is not empty, or cannot be made.
    """
    folder = out if out is not None else _next_free(Path("runs"), name)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise RunError(_occupied(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"the run folder cannot be made: {error.strerror}."
        raise RunError(Finding(file=folder, what=what, todo="Name another with `--out`.")) from error
    write_text(folder / UNFINISHED, json.dumps({"pid": os.getpid(), "host": platform.node()}) + "\n")
    return RunFolder(folder)


def open_run_folder(path: Path) -> tuple[RunFolder, Manifest]:
    """A finished run, every file compared with its digest.

    Raises:
        RunError: It is no run, unfinished, damaged, or of a newer version.
    """
    folder = RunFolder(path)
    manifest = folder.manifest()
    folder.check(manifest)
    return folder, manifest


def _next_free(runs: Path, name: str) -> Path:
    pattern = re.compile(re.escape(name) + r"-(\d{4,})")
    taken = [int(m[1]) for p in runs.glob(f"{name}-*") if (m := pattern.fullmatch(p.name))] if runs.is_dir() else []
    return runs / f"{name}-{max(taken, default=0) + 1:04d}"


def _occupied(folder: Path) -> Finding:
    if (folder / UNFINISHED).exists():
        todo = f"To go on with it: mmcare train --resume {folder}"
        return Finding(file=folder, what="holds an unfinished run.", todo=todo, code="exists")
    what = "is a file." if folder.is_file() else "exists and is not empty; a run is never overwritten."
    return Finding(file=folder, what=what, todo="Name another folder with `--out`.", code="exists")


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


def _newer(path: Path, data: Mapping[str, object]) -> Finding:
    versions = data.get("versions")
    made = versions.get("mmcare", "newer") if isinstance(versions, dict) else "newer"
    return Finding(
        file=path,
        what=f"the run has format {data['mmcare_run']} (made by mmcare {made}); this mmcare reads format {FORMAT}.",
        todo="Upgrade: pip install --upgrade mmcare",
        code="newer",
    )


_RESTORE = "Restore it from a copy of the run, or train again."
