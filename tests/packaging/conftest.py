"""The environment without one distribution: what an uninstall leaves, made of links."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Without = Callable[[str, str], subprocess.CompletedProcess[str]]


def uninstalled(name: str, folder: Path) -> list[Path]:
    """The import path of this environment once a distribution is uninstalled; `folder` takes the links.

    Every entry of site-packages is linked, but for the files that the distribution's own RECORD lists. The folders
    that the remaining `.pth` files name, those of editable installations, follow.
    """
    gone = distribution(name)
    files = {Path(str(file)).parts[0] for file in gone.files or ()}
    assert f"{name.replace('-', '_')}-{gone.version}.dist-info" in files
    for entry in Path(str(gone.locate_file(""))).iterdir():
        if entry.name not in files:
            (folder / entry.name).symlink_to(entry)
    named = [line for pth in sorted(folder.glob("*.pth")) for line in pth.read_text().splitlines()]
    return [folder, *(Path(line) for line in named if Path(line).is_dir())]


@pytest.fixture
def without(tmp_path: Path) -> Without:
    """Run code in a fresh interpreter that never sees a distribution; `-S` keeps the real site-packages out."""

    def run(name: str, code: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "site").mkdir()
        path = os.pathsep.join(map(str, uninstalled(name, tmp_path / "site")))
        env = {**os.environ, "MMCARE_CACHE": str(tmp_path / "cache"), "PYTHONPATH": path, "COLUMNS": "200"}
        return subprocess.run(  # our own interpreter and our own code
            [sys.executable, "-S", "-c", code],
            capture_output=True,
            text=True,
            env=env,
            cwd=tmp_path,
            timeout=300,
            check=False,
        )

    return run
