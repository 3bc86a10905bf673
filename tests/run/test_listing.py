"""`mmcare runs`: what runs there are, and how each stands."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mmcare.run import Run, RunFolder, new_run_folder

from .conftest import Ask


@pytest.fixture
def runs(network: Run, baseline: Run, tmp_path: Path) -> Path:
    """Two finished runs, one of them evaluated, one unfinished, one damaged, and what is no run."""
    folder = tmp_path / "runs"
    (folder / "notes").mkdir(parents=True)
    (folder / "readme.txt").write_text("")
    shutil.copytree(baseline.path, folder / "cox-0001")
    shutil.copytree(network.path, folder / "tiny-0001")
    RunFolder(folder / "tiny-0001").add("metrics.json", "{}\n")
    new_run_folder("tiny", folder / "tiny-0002")
    shutil.copytree(network.path, folder / "tiny-0003")
    (folder / "tiny-0003" / "run.json").write_text("{}")
    return folder


def test_each_run_is_a_row(runs: Path, network: Run, baseline: Run, ask: Ask) -> None:
    code, out, err = ask("runs", runs)
    assert (code, err) == (0, "")
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "run kind made state metrics",
        f"{runs}/cox-0001 baseline {baseline.manifest.created} finished -",
        f"{runs}/tiny-0001 network {network.manifest.created} finished yes",
        f"{runs}/tiny-0002 unfinished -",
        f"{runs}/tiny-0003 cannot be read: name: is missing. -",
    ]


def test_json_says_the_same(runs: Path, network: Run, ask: Ask) -> None:
    found = json.loads(ask("runs", runs, "--json")[1])
    assert found[1] == {
        "path": f"{runs}/tiny-0001",
        "kind": "network",
        "created": network.manifest.created,
        "state": "finished",
        "has_metrics": True,
    }
    assert [run["state"] for run in found] == [
        "finished",
        "finished",
        "unfinished",
        "cannot be read: name: is missing.",
    ]


def test_a_folder_without_runs_says_how_to_make_one(tmp_path: Path, ask: Ask) -> None:
    assert ask("runs", tmp_path) == (
        0,
        f"No runs in {tmp_path}. `mmcare train SPEC --cohort DIR` makes one.\n",
        "",
    )
    assert ask("runs", tmp_path, "--json") == (0, "[]\n", "")


def test_what_is_no_folder_is_an_error(tmp_path: Path, ask: Ask) -> None:
    file = tmp_path / "file"
    file.write_text("")
    todo = "Name the folder that holds the runs: mmcare runs FOLDER"
    assert ask("runs", file) == (2, "", f"Error: {file}: is no folder.\n  {todo}\n")
    gone = tmp_path / "gone"
    assert ask("runs", gone) == (2, "", f"Error: {gone}: there is no such folder.\n  {todo}\n")
