"""A run folder is begun: claimed by one process, under a name that no other run has."""

from __future__ import annotations

import json
import os
import platform
import re
from itertools import count
from pathlib import Path

from mmcare.errors import Finding, RunError
from mmcare.run.files import UNFINISHED
from mmcare.run.folder import RunFolder
from mmcare.run.manifest import NAME

__all__ = ["new_run_folder"]


def new_run_folder(name: str, out: Path | None = None) -> RunFolder:
    """Begin a run: `out`, or the next free `runs/NAME-0001`. Never overwrites, and never shares with another process.

    Raises:
        RunError: `out` exists and is not empty, or cannot be made.
    """
    wanted = out if out is not None else Path("runs")
    try:
        return RunFolder(_claim(wanted) if out is not None else _claim_next(wanted, name))
    except OSError as error:
        what = f"the run folder cannot be made: {error.strerror}."
        raise RunError(Finding(file=wanted, what=what, todo="Name another with `--out`.", code="not-made")) from error


def _claim_next(runs: Path, name: str) -> Path:
    """Make the next folder; of two processes that try the same number, the system lets one make it."""
    pattern = re.compile(re.escape(name) + r"-(\d{4,})")
    taken = [int(m[1]) for p in runs.iterdir() if (m := pattern.fullmatch(p.name))] if runs.is_dir() else []
    runs.mkdir(parents=True, exist_ok=True)
    for number in count(max(taken, default=0) + 1):
        folder = runs / f"{name}-{number:04d}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return _claim(folder)
    raise AssertionError("numbers do not end")


def _claim(folder: Path) -> Path:
    """Mark an empty folder as ours; of two processes that try, the system lets one make the mark."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise RunError(_occupied(folder))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (folder / UNFINISHED).open("x", encoding="utf-8") as file:
            file.write(json.dumps({"pid": os.getpid(), "host": platform.node()}) + "\n")
    except FileExistsError as error:
        raise RunError(_occupied(folder)) from error
    return folder


def _occupied(folder: Path) -> Finding:
    if (folder / UNFINISHED).exists() and not (folder / NAME).exists():
        todo = f"To go on with it: mmcare train --resume {folder}"
        return Finding(file=folder, what="holds an unfinished run.", todo=todo, code="exists")
    what = "is a file." if folder.is_file() else "exists and is not empty; a run is never overwritten."
    return Finding(file=folder, what=what, todo="Name another folder with `--out`.", code="exists")
