"""A run on a file system without locks, or that cannot be written, is refused in words."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from pathlib import Path

import pytest

from mmcare.errors import RunError
from mmcare.evaluation import Metrics
from mmcare.run import RunFolder
from mmcare.workflow.keep import keep_metrics

from .test_read_only import not_writable

NO_LOCKS = "is on a file system that cannot lock files (No locks available), so that two processes could write one run."
TODO = "Keep runs on a local disk (`--out`), or have that file system mounted with locks."


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's answer where a file system is mounted without locks, which a test cannot mount."""

    def flock(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.usefixtures("without_locks")
def test_a_run_without_locks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught, RunFolder(tmp_path).lock():
        pass
    assert str(caught.value) == f"{tmp_path}: {NO_LOCKS} {TODO}"


@pytest.mark.usefixtures("without_locks")
def test_figures_without_locks_are_said_not_to_be_kept(tmp_path: Path) -> None:
    metrics = Metrics(run="run", patients="all", bootstrap=1, notes=(), figures=())
    (said,) = keep_metrics(RunFolder(tmp_path), metrics)
    assert str(said) == f"{tmp_path}/metrics.json: is not kept: it {NO_LOCKS} {TODO}"
    assert not list(tmp_path.iterdir())


def test_a_run_that_cannot_be_written_is_not_gone_on_with() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with not_writable(Path(folder)), pytest.raises(RunError) as caught, RunFolder(Path(folder)).lock():
            pass
        assert str(caught.value) == (
            f"{folder}/resume: cannot be written: Permission denied. "
            "Allow writing there, or copy the run to where you may write."
        )
