"""`plugin new` writes a distribution of each kind, which works: its own tests run, and pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmcare.cli.main import main
from mmcare.registry import KINDS


def as_installed(folder: Path, name: str) -> None:
    """The metadata that an installer writes from the new pyproject, beside the package."""
    import tomllib

    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = "".join(f"{key} = {value}\n" for key, value in project["entry-points"]["mmcare"].items())
    (info / "entry_points.txt").write_text(f"[mmcare]\n{points}")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A plugin of every kind."""
    root = tmp_path_factory.mktemp("new plugins")
    found = {kind: root / kind for kind in KINDS}
    for kind, folder in found.items():
        assert main(["plugin", "new", f"my-own-{kind}", "--kind", kind, "--out", str(folder)]) == 0
        as_installed(folder, f"my-own-{kind}")
    return found


def run(written: dict[str, Path], cache: Path, *command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, written.values()))
    env = {**os.environ, "PYTHONPATH": path, "MMCARE_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    return subprocess.run(  # our own interpreter
        [sys.executable, *command], capture_output=True, text=True, env=env, timeout=300, check=False
    )


def test_each_kind_is_found_and_passes_its_own_tests(written: dict[str, Path], tmp_path: Path) -> None:
    tests = [str(folder / "tests") for folder in written.values()]
    options = ("-q", "-rs", "-p", "no:cacheprovider", "--import-mode=importlib", f"--rootdir={tmp_path}")
    done = run(written, tmp_path, "-m", "pytest", *options, *tests)
    assert done.returncode == 0, done.stdout[-4000:]
    done = run(written, tmp_path, "-m", "mmcare.cli.main", "plugin", "list")
    for kind in KINDS:
        (line,) = [line for line in done.stdout.splitlines() if f" mmcare-plugin-my-own-{kind} " in line]
        assert line.split()[:5] == [kind, f"my-own-{kind}", f"mmcare-plugin-my-own-{kind}", "0.1.0", "ready"]


def test_check_counts_what_passed_and_what_did_not_apply(written: dict[str, Path], tmp_path: Path) -> None:
    done = run(written, tmp_path, "-m", "mmcare.cli.main", "plugin", "check", "my-own-encoder")
    lines = done.stdout.splitlines()
    assert lines[0] == "encoder mmcare-plugin-my-own-encoder/my-own-encoder"
    assert (lines[-1], done.returncode) == (
        f"{len(lines) - 2} checks: {len(lines) - 2} passed, 0 failed, 0 did not apply.",
        0,
    )


def test_what_is_written_is_clean(written: dict[str, Path]) -> None:
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "E,F,UP,B,S,ANN,D1"]
    options = ["--line-length", "120", "--ignore", "S101,D102,D103,D104,D107"]  # asserts, docstrings in tests
    done = subprocess.run([*ruff, *options, *map(str, written.values())], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    for arguments, message in {
        ("My_Mean", "encoder", "x"): (
            "Error: 'My_Mean' is no name of a component; a name is kebab-case, such as `my-encoder`.\n"
            "  Choose another name.\n"
        ),
        ("resnet3d", "encoder", "x"): (
            "Error: the encoder `resnet3d` belongs to mmcare-plugin-imaging.\n  Choose another name.\n"
        ),
        ("mine", "encoders", "x"): (
            "Error: there is no kind 'encoders'; the kinds are modality, segmenter, encoder, fusion, head, baseline, "
            "recipe.\n  Write `--kind encoder`.\n"
        ),
        ("mine", "encoder", "full"): (
            f"Error: {tmp_path}/full: exists and is not empty; nothing is ever overwritten.\n"
            "  Name another folder, or remove this one.\n"
        ),
    }.items():
        name, kind, out = arguments
        assert main(["plugin", "new", name, "--kind", kind, "--out", str(tmp_path / out)]) == 2
        assert capsys.readouterr() == ("", message)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["full"]
