"""A folder that this user may not enter is said in words, by every verb that looks there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mmcare.run import Run

from .conftest import Ask
from .test_read_only import NOBODY

TODO = "  Ask for the right to it, or name another place.\n"


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Take away the right to enter a folder; the superuser, whom no right stops, steps down meanwhile."""
    folder.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        if os.access(folder, os.X_OK, effective_ids=True):
            pytest.skip("this system lets everyone enter everywhere")
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.fixture
def runs(network: Run) -> Iterator[Path]:
    """Two runs, where another user may look."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        for name in ("mine", "theirs"):
            shutil.copytree(network.path, Path(folder, name))
        yield Path(folder)


def test_a_run_that_may_not_be_entered(runs: Path, cohort: Path, ask: Ask) -> None:
    words = ("predict", runs / "theirs", "--cohort", cohort, "--patient", "nobody")
    assert ask(*words)[0] == 2  # what it imports is there before the superuser steps down
    with closed(runs / "theirs"):
        answer = ask(*words)
    said = f"Error: {runs}/theirs/run.json: cannot be looked at or written: Permission denied.\n{TODO}"
    assert answer == (2, "", said)


def test_the_other_runs_are_listed(runs: Path, ask: Ask) -> None:
    ask("runs", runs)
    with closed(runs / "theirs"):
        code, out, err = ask("runs", runs)
    assert (code, err) == (0, "")
    _, mine, theirs = (" ".join(line.split()) for line in out.splitlines())
    assert mine.startswith(f"{runs}/mine network") and mine.endswith("finished -")
    assert theirs == f"{runs}/theirs cannot be read: Permission denied -"
