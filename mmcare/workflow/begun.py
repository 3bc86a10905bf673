"""What a run folder holds from its first second on: all that decides the run, so that it can go on after any end."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmcare.cohort import Cohort, LabelledVolumes
from mmcare.components import Split
from mmcare.errors import Finding, Interrupted, RunError, Severity
from mmcare.formats.atomic import write_bytes, write_text
from mmcare.run import (
    CohortRecord,
    PluginRecord,
    RunFolder,
    find_weights,
    new_run_folder,
    plugin_records,
    with_starting_paths,
    write_outcome_layout,
    write_splits,
    write_starting,
)
from mmcare.run.files import file_record
from mmcare.run.manifest import FileRecord
from mmcare.run.plugins import check_plugins, installed_versions
from mmcare.spec import Spec

__all__ = ["Begun", "begin", "check_unchanged", "read_begun", "resume_command", "stoppable", "write_cohort_record"]

_NAME = "begun.json"


class Begun(BaseModel):
    """`resume/begun.json`: what was asked for, and the digests of what decides the run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reference: bool = True
    dry_run: bool = False
    members: int = Field(1, ge=1)
    plugins: tuple[PluginRecord, ...] = ()
    files: Mapping[str, FileRecord] = {}


@contextmanager
def begin(
    spec: Spec, cohort: Cohort | LabelledVolumes, splits: Mapping[str, Split], begun: Begun, out: Path | None
) -> Iterator[RunFolder]:
    """A new run folder with its first files, locked while the block runs.

    Where an error ends the block before an epoch is finished, nothing is worth going on with: what was made here is
    removed. After Ctrl-C it stays.
    """
    made = _missing(out if out is not None else Path("runs"))
    folder = new_run_folder(spec.name, out)
    with ExitStack() as held:
        try:
            held.enter_context(folder.lock())
            _write_first(folder, spec, cohort, splits, begun)
        except BaseException:
            _remove(folder.path, made, keep=out is not None and out not in made)
            raise
        try:
            yield folder
        except Interrupted:
            raise
        except Exception:
            if not (folder.resume / "last.ckpt").exists():
                _remove(folder.path, made, keep=out is not None and out not in made)
            raise


def read_begun(folder: RunFolder) -> Begun:
    """What was asked of an unfinished run.

    Raises:
        RunError: Its first files were not all written.
    """
    try:
        return Begun.model_validate_json((folder.resume / _NAME).read_bytes())
    except (OSError, ValidationError) as error:
        what = "holds no run that can be resumed: it was ended before its first files were written."
        raise RunError(Finding(file=folder.path, what=what, todo="Remove the folder and train again.")) from error


def check_unchanged(folder: RunFolder, begun: Begun) -> None:
    """Refuse to go on with a run whose spec, split, codes or plugin files are not those that it was begun with.

    Raises:
        RunError: Names each file that changed, and each plugin that is gone or of another line.
    """
    changed = [name for name, record in begun.files.items() if not _is(folder.path / name, record)]
    what = "changed since the run was begun; what is kept of training does not belong to it."
    todo = "Put it back as it was, or train a new run."
    wrong = [Finding(file=folder.path / name, what=what, todo=todo, code="digest") for name in changed]
    wrong += check_plugins(folder.path, begun.plugins, installed_versions())
    if wrong:
        raise RunError(wrong)


def _is(path: Path, record: FileRecord) -> bool:
    return path.is_file() and file_record(path) == record


def write_cohort_record(folder: RunFolder, cohort: Cohort | LabelledVolumes) -> None:
    """Remember where the cohort stands, and what it is."""
    folder.write_cohort(CohortRecord(str(cohort.root.resolve()), cohort.fingerprint(), len(cohort.patients)))


def resume_command(folder: RunFolder, spec: Spec) -> str:
    """The command that goes on with an unfinished run."""
    allow = " --allow-local-code" if spec.plugins else ""
    return f"mmcare train --resume {shlex.quote(str(folder.path))}{allow}"


@contextmanager
def stoppable(folder: RunFolder, spec: Spec, where: str) -> Iterator[None]:
    """Turn Ctrl-C in the block into words that name the command to go on.

    Args:
        folder: The run.
        spec: Its spec.
        where: What was going on, and what is kept.
    """
    try:
        yield
    except KeyboardInterrupt:
        todo = f"To go on: {resume_command(folder, spec)}"
        what = f"stopped while {where}."
        finding = Finding(file=folder.path, what=what, todo=todo, severity=Severity.WARNING, code="interrupted")
        raise Interrupted(finding) from None


def _write_first(
    folder: RunFolder, spec: Spec, cohort: Cohort | LabelledVolumes, splits: Mapping[str, Split], begun: Begun
) -> None:
    for plugin in spec.plugins:
        write_bytes(folder.local / plugin.path.name, plugin.source.encode())
    write_cohort_record(folder, cohort)
    if isinstance(cohort, Cohort):
        write_outcome_layout(folder.outcomes, cohort.outcome_layout())
    write_splits(folder.splits, splits)
    write_starting(folder, find_weights(spec))
    write_text(folder.spec, with_starting_paths(spec).resolved_yaml(Path(folder.local.name)))
    decide = [folder.spec, folder.outcomes, folder.splits, *sorted(folder.local.glob("*"))]
    decide = [path for path in (*decide, *sorted(folder.starting.glob("*"))) if path.exists()]
    begun = begun.model_copy(
        update={
            "plugins": plugin_records(part.entry.provider for part in spec.parts()),
            "files": {path.relative_to(folder.path).as_posix(): file_record(path) for path in decide},
        }
    )
    write_text(folder.resume / _NAME, begun.model_dump_json(indent=1) + "\n")


def _missing(path: Path) -> list[Path]:
    """This folder and its parents as far as they are not there yet, the innermost first."""
    return [folder for folder in (path, *path.parents) if not folder.exists()]


def _remove(folder: Path, made: list[Path], *, keep: bool) -> None:
    """Remove a run folder and the parents that were made for it; of a folder that was there before, the content."""
    for child in folder.iterdir():
        shutil.rmtree(child) if child.is_dir() else child.unlink()
    for path in made if keep or folder in made else (folder, *made):
        if not any(path.iterdir()):
            path.rmdir()
