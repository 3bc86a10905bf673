"""A plugin in one file: the run keeps it, and runs it again only with leave and only as it was."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Mmcare = Callable[..., subprocess.CompletedProcess[str]]

SPEC = """\
mmcare: 1
name: mine
modalities:
  clinical: {use: table, encoder: {use: my-encoder, dim: 8}}
fusion: {use: concat, dim: 8}
head: {use: dual-task, hidden: [], endpoints: {os: {model: discrete}}}
decision: {utility: {os: 1.0}, horizon: 2}
"""


@pytest.fixture(scope="module")
def run(cohort: Path, examples: Path, tmp_path_factory: pytest.TempPathFactory, mmcare: Mmcare) -> Path:
    """A run trained with the file, which was named by hand."""
    folder = tmp_path_factory.mktemp("runs")
    spec, run = folder / "spec.yaml", folder / "run"
    spec.write_text(SPEC)
    options = ("--cohort", cohort, "--out", run, "--set", "training.max_epochs=1", "--set", "training.device=cpu")
    done = mmcare("train", spec, *options, "--plugin", examples / "plugins" / "my_encoder.py")
    assert done.returncode == 0, done.stdout + done.stderr
    return run


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """The run, copied elsewhere."""
    return shutil.copytree(run, tmp_path / "elsewhere" / "copy")


def test_the_file_passes_the_checks_of_every_component(examples: Path, mmcare: Mmcare) -> None:
    done = mmcare("plugin", "check", examples / "plugins" / "my_encoder.py")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "12 checks: 12 passed, 0 failed, 0 did not apply."


def test_it_is_a_file_of_a_screen(examples: Path) -> None:
    assert len((examples / "plugins" / "my_encoder.py").read_text().splitlines()) <= 26


def test_a_copied_run_predicts_the_same_with_leave(
    run: Path, copy: Path, cohort: Path, examples: Path, mmcare: Mmcare
) -> None:
    mine = examples / "plugins" / "my_encoder.py"
    assert (run / "local" / "my_encoder.py").read_bytes() == mine.read_bytes()
    ask = ("--cohort", cohort, "--format", "csv", "--allow-local-code")
    here = mmcare("predict", run, *ask)
    there = mmcare("predict", copy, *ask)
    assert here.returncode == there.returncode == 0, here.stderr + there.stderr
    assert here.stdout == there.stdout
    figures = {line.split(",")[4] for line in there.stdout.splitlines() if ",os," in line}
    assert len(figures) > 2 * 3, "more than one figure for each arm and horizon: they are the patients' own"


def test_without_leave_nothing_of_it_runs(copy: Path, cohort: Path, mmcare: Mmcare) -> None:
    file = copy / "local" / "my_encoder.py"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    done = mmcare("predict", copy, "--cohort", cohort)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"Error: {file}: this plugin file (SHA-256 {digest[:12]}…) is code, and code runs only with your leave.\n"
        "  Read it, then say `--allow-local-code`.\n"
    )


@pytest.mark.parametrize("edit", [pytest.param("longer", marks=pytest.mark.slow), "of the same length"])
def test_an_edited_file_is_refused_even_with_leave(
    copy: Path, cohort: Path, tmp_path: Path, mmcare: Mmcare, edit: str
) -> None:
    file, ran = copy / "local" / "my_encoder.py", tmp_path / "ran"
    then, text = hashlib.sha256(file.read_bytes()).hexdigest(), file.read_text()
    file.write_text(f"open({str(ran)!r}, 'w')\n" + text if edit == "longer" else text.replace(".tanh()", ".sinh()"))
    now = hashlib.sha256(file.read_bytes()).hexdigest()
    done = mmcare("predict", copy, "--cohort", cohort, "--allow-local-code")
    assert (done.returncode, done.stdout, ran.exists()) == (2, "", False)
    assert done.stderr == (
        f"Error: {file}: this plugin file changed since training: its SHA-256 is {now[:12]}…, and was {then[:12]}…; "
        "nothing of it was run.\n  Put it back as it was; to use it as it is now, train again with `--plugin`.\n"
    )
