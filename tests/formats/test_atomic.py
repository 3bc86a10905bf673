"""Files and folders are whole or absent, and what cannot be written is said with its reason."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mmcare.errors import MMCareError
from mmcare.formats.atomic import new_folder, write_bytes, write_text

KILLED = """
import os, signal, sys
from pathlib import Path
from mmcare.formats import atomic
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "file":
    atomic.write_bytes(Path(sys.argv[2]), b"new" * 1000)
else:
    with atomic.new_folder(Path(sys.argv[2])) as folder:
        (folder / "a").write_text("new")
"""


def killed(kind: str, path: Path) -> None:
    """Write in a process that is killed when all bytes are handed to the system, before they are on the disk."""
    done = subprocess.run([sys.executable, "-c", KILLED, kind, str(path)], capture_output=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr


def visible(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


def test_a_killed_process_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    killed("file", tmp_path / "new")
    assert visible(tmp_path) == []
    write_text(tmp_path / "old", "old")
    killed("file", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "old"


def test_a_killed_process_leaves_no_folder(tmp_path: Path) -> None:
    killed("folder", tmp_path / "cohort")
    assert visible(tmp_path) == []


def test_a_file_is_replaced_whole_and_nothing_is_left_beside(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a" / "b" / "file", b"one")
    write_bytes(tmp_path / "a" / "b" / "file", b"two")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"two"
    assert os.listdir(tmp_path / "a" / "b") == ["file"]


@pytest.mark.parametrize(("mask", "file", "folder"), [(0o077, 0o600, 0o700), (0o022, 0o644, 0o755)])
def test_the_umask_says_who_may_read(tmp_path: Path, mask: int, file: int, folder: int) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "splits.csv", "patient ids")
        with new_folder(tmp_path / "cohort") as beside:
            (beside / "patients.csv").write_text("")
    finally:
        os.umask(before)
    assert (tmp_path / "splits.csv").stat().st_mode & 0o777 == file
    assert (tmp_path / "cohort").stat().st_mode & 0o777 == folder


def test_an_error_in_the_block_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), new_folder(tmp_path / "cohort") as folder:
        (folder / "half").write_text("")
        raise KeyError
    assert os.listdir(tmp_path) == []


def test_an_error_of_the_block_is_its_own(tmp_path: Path) -> None:
    """A file that the block cannot read is not said to be a folder that cannot be written."""
    with pytest.raises(FileNotFoundError), new_folder(tmp_path / "cohort"):
        (tmp_path / "gone").read_text()


def test_an_empty_folder_is_filled_and_a_full_one_refused(tmp_path: Path) -> None:
    (tmp_path / "cohort").mkdir()
    with new_folder(tmp_path / "cohort") as folder:
        (folder / "a").write_text("")
    with pytest.raises(MMCareError) as caught, new_folder(tmp_path / "cohort"):
        pass
    assert str(caught.value) == (
        f"{tmp_path}/cohort: exists and is not empty; nothing is ever overwritten. Name another folder, or remove this "
        "one."
    )


def said(path: Path, data: bytes = b"12345") -> str:
    with pytest.raises(MMCareError) as caught:
        write_bytes(path, data)
    return str(caught.value)


def test_what_is_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    file = "What should be a folder on the way is a file: write elsewhere."
    below = tmp_path / "file" / "a" / "b"
    assert said(below) == f"{below}: cannot be written (5 bytes): Not a directory. {file}"
    below = tmp_path / "file" / "a"
    assert said(below) == f"{below}: cannot be written (5 bytes): File exists. {file}"
    folder = tmp_path / "folder"
    assert said(folder) == f"{folder}: cannot be written (5 bytes): Is a directory. It is a folder: use another name."
    long = tmp_path / ("a" * 300)
    assert said(long) == f"{long}: cannot be written (5 bytes): File name too long. Use a shorter name."
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_said_with_the_bytes_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file beside is a link to a device on which every write fails as on a full disk."""
    beside = tmp_path / ".a.link"
    beside.symlink_to("/dev/full")
    monkeypatch.setattr("mmcare.formats.atomic._beside", lambda path: _Full(beside))
    assert said(tmp_path / "a", b"x" * 100_000) == (
        f"{tmp_path}/a: cannot be written (100,000 bytes): No space left on device. "
        "The disk is full: free some space, or write elsewhere."
    )
    assert visible(tmp_path) == []


class _Full(type(Path())):  # type: ignore[misc]
    """A path that is opened though it is there."""

    def open(self, mode: str = "r", *rest, **options):  # type: ignore[no-untyped-def]
        return super().open(mode.replace("x", "w"), *rest, **options)
