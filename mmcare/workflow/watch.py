"""The files of a cohort while a run is made of it: whether they changed, and whether the clock can be believed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from mmcare.cohort import Cohort
from mmcare.errors import Finding, Severity
from mmcare.spec import Spec

__all__ = ["changed_files", "check_clock", "file_times"]

_NOT_THERE = -1.0
_SLACK_SECONDS = 60.0  # file servers' clocks differ by seconds
_SHOWN = 5


def file_times(spec: Spec, cohort: Cohort) -> Mapping[Path, float]:
    """When each file that the spec's modalities read was last changed, in seconds; of a series, its folder."""
    paths = {cohort.dictionary_file, *cohort.table_files}
    for name, part in spec.modalities.items():
        entry = cohort.dictionary.modalities.get(part.config.from_ or name, {})  # type: ignore[attr-defined]
        for value in entry.values():
            paths |= set(_paths(cohort, str(value)))
    return {path: _time(path) for path in sorted(paths)}


def changed_files(before: Mapping[Path, float]) -> list[Finding]:
    """A warning for each file that is of another time than before; the first few."""
    changed = [(path, then, now) for path, then in before.items() if (now := _time(path)) != then]
    found = [_changed(path, then, now) for path, then, now in changed[:_SHOWN]]
    if len(changed) > _SHOWN:
        what = f"{len(changed) - _SHOWN} more files of the cohort changed while the run was made."
        found.append(Finding(what=what, severity=Severity.WARNING, code="cohort-changed"))
    return found


def check_clock(paths: Iterable[Path]) -> list[Finding]:
    """A warning where the newest of these files is of a time that this machine's clock has not reached."""
    now = time.time()
    newest = max(((_time(path), path) for path in paths), default=(now, Path()))
    if newest[0] <= now + _SLACK_SECONDS:
        return []
    what = (
        f"is of {_said(newest[0])}, and this machine's clock says {_said(now)}: the clock was set back, or the file "
        "comes from a machine whose clock is ahead."
    )
    todo = "Nothing that is trained depends on it; the times in the run are this clock's."
    return [Finding(file=newest[1], what=what, todo=todo, severity=Severity.WARNING, code="clock")]


def _paths(cohort: Cohort, template: str) -> Iterator[Path]:
    if "{patient}" in template:
        yield from (cohort.root / template.replace("{patient}", patient) for patient in cohort.patients)
    elif (cohort.root / template).exists():  # an entry's values are not all files
        yield cohort.root / template


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return _NOT_THERE


def _changed(path: Path, then: float, now: float) -> Finding:
    what = f"changed while the run was made: {_when(then)} when the run was begun, {_when(now)} now."
    todo = "The run is of what was read; train again if the change matters."
    return Finding(file=path, what=what, todo=todo, severity=Severity.WARNING, code="cohort-changed")


def _when(seconds: float) -> str:
    return "not there" if seconds == _NOT_THERE else f"of {_said(seconds)}"


def _said(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
