"""Going on with an unfinished run from its last finished epoch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmcare.cohort import Cohort, LabelledVolumes, labelled_volumes, read_cohort
from mmcare.errors import Finding, RunError
from mmcare.run import Run, RunFolder, SegmenterRun, segmenter_key
from mmcare.run.files import UNFINISHED
from mmcare.run.manifest import NAME
from mmcare.spec import Spec, load_spec
from mmcare.workflow.begun import check_unchanged, read_begun, write_cohort_record
from mmcare.workflow.complete import complete
from mmcare.workflow.differences import refuse_other_cohort, refuse_other_spec
from mmcare.workflow.options import Options
from mmcare.workflow.segmenter import complete_segmenter

__all__ = ["resume"]


def resume(
    path: str | Path,
    *,
    spec: str | Path | None = None,
    cohort: str | Path | None = None,
    overrides: Sequence[str] = (),
    plugins: Sequence[Path] = (),
    allow_local_code: bool = False,
    options: Options | None = None,
) -> Run | SegmenterRun:
    """Go on with an unfinished run from its last finished epoch; it ends as the unbroken run would have.

    Args:
        path: The run folder.
        spec: A spec to compare with the run's own; by default none.
        cohort: Where the run's cohort stands now; by default where it stood.
        overrides: Changes to the spec, compared like it.
        plugins: Single-file plugins of `spec`.
        allow_local_code: Whether single-file plugins that the run brings along may run.
        options: How the run is made; `out` and `reference` are the run's own.

    Raises:
        RunError: The run is finished, is being written, was changed, or spec or cohort are not its own.
    """
    options = options or Options()
    folder = RunFolder(Path(path))
    _require_unfinished(folder)
    with folder.lock():
        _require_unfinished(folder)  # another process may have finished it meanwhile
        begun = read_begun(folder)
        check_unchanged(folder, begun)
        own = load_spec(folder.spec, allow_local_code=allow_local_code)
        if spec is not None or overrides:
            given = load_spec(spec or folder.spec, overrides, plugins=plugins, allow_local_code=allow_local_code)
            refuse_other_spec(folder, own, given)
        _remove_halves(folder.path)
        if own.kind == "segmenter":
            return complete_segmenter(folder, own, _volumes(folder, own, cohort), begun, options)
        found = _cohort(folder, cohort)
        return complete(folder, own, found, begun, options)


def _require_unfinished(folder: RunFolder) -> None:
    if (folder.path / NAME).exists():
        todo = "To train again, run `mmcare train` without `--resume`."
        raise RunError(Finding(file=folder.path, what="the run is finished; there is nothing to resume.", todo=todo))
    if not (folder.path / UNFINISHED).exists():
        folder.manifest()  # says what the folder is instead


def _cohort(folder: RunFolder, given: str | Path | None) -> Cohort:
    record = folder.cohort()
    cohort = read_cohort(given if given is not None else record.path)
    if given is not None:
        refuse_other_cohort(folder, record, cohort)
        write_cohort_record(folder, cohort)
    elif cohort.fingerprint() != record.fingerprint:
        what = f"the cohort {record.path} changed since the run was begun."
        todo = "Restore it, or train anew: a run is of one cohort."
        raise RunError(Finding(file=folder.path, what=what, todo=todo, code="cohort-changed"))
    return cohort


def _volumes(folder: RunFolder, spec: Spec, given: str | Path | None) -> LabelledVolumes:
    record = folder.cohort()
    volumes = labelled_volumes(Path(given if given is not None else record.path), segmenter_key(spec))
    if volumes.fingerprint() != record.fingerprint:
        what = f"the volumes in {volumes.root} are not those that the run was begun with."
        todo = "Restore them, or train anew: a run is of one set of volumes."
        raise RunError(Finding(file=folder.path, what=what, todo=todo, code="cohort-changed"))
    if given is not None:
        write_cohort_record(folder, volumes)
    return volumes


def _remove_halves(folder: Path) -> None:
    """Remove what a killed process had begun to write beside its files."""
    for path in folder.rglob(".*.*"):
        if path.is_file():
            path.unlink()
