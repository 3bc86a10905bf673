"""Ctrl-C in each phase says what is kept and how to go on; a second one stops at once. Two processes, one run (C04)."""

from __future__ import annotations

import platform
import re
import signal
from pathlib import Path

import pytest

from mmcare.run import load_run

from .conftest import PLAIN
from .processes import Child, Processes

WAITS = Path(__file__).with_name("waits.py")
ENDLESS = PLAIN.replace("max_epochs: 3", "max_epochs: 100000, early_stopping: {metric: none}")


def start(processes: Processes, folder: Path, spec: str, cohort: Path, *words: object) -> Child:
    """Train `spec` into `folder/run`, from within `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / "spec.yaml").write_text(spec)
    return processes.start("train", "spec.yaml", "--cohort", cohort, "--out", "run", *words, cwd=folder)


def start_waiting(processes: Processes, folder: Path, spec: str, cohort: Path) -> Child:
    """As `start`; comes back when a part of the plugin waits."""
    folder.mkdir(exist_ok=True)
    (folder / "wait").touch()
    child = start(processes, folder, spec, cohort, "--plugin", WAITS)
    assert child.wait_until((folder / "here").exists), child.stderr
    return child


def test_while_reading(processes: Processes, table: Path, tmp_path: Path) -> None:
    spec = PLAIN.replace("use: table", "use: waits-reading")
    child = start_waiting(processes, tmp_path, spec, table)
    child.send(signal.SIGINT)
    assert child.end() == 130
    assert child.stderr == (
        "loading torch and the plugins\n"
        "Warning: run: stopped while the inputs were read; the split is kept, and images are in the cache.\n"
        "  To go on: mmcare train --resume run --allow-local-code\n"
    )
    (tmp_path / "wait").unlink()
    code, _, said = processes.run("train", "--resume", "run", "--allow-local-code", cwd=tmp_path)
    assert code == 0, said
    assert load_run(tmp_path / "run", allow_local_code=True).manifest.epochs == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_training_the_step_is_finished(
    number: signal.Signals, processes: Processes, table: Path, tmp_path: Path
) -> None:
    child = start(processes, tmp_path, ENDLESS, table)
    assert child.wait_until(lambda: "epoch 3/" in child.stderr)
    child.send(number)
    assert child.end() == 130
    *_, stopping, kept, command = child.stderr.splitlines()
    assert stopping == "stopping after this step; Ctrl-C again stops at once."
    assert re.fullmatch(r"Warning: run: training was stopped; \d+ finished epochs are kept\.", kept)
    assert command == "  To go on: mmcare train --resume run"
    assert child.stdout == ""


def test_while_training_a_second_one_stops_at_once(processes: Processes, table: Path, tmp_path: Path) -> None:
    child = start_waiting(processes, tmp_path, PLAIN.replace("use: mlp", "use: waits-training"), table)
    child.send(signal.SIGINT)
    assert child.wait_until(lambda: "stopping" in child.stderr)
    child.send(signal.SIGINT)
    assert child.end() == 130
    assert child.stderr == (
        "loading torch and the plugins\n"
        "training on cpu, fp32\n"
        "stopping after this step; Ctrl-C again stops at once.\n"
        "Warning: run: training was stopped; no epoch is finished yet, so training will start again with the same "
        "split.\n"
        "  To go on: mmcare train --resume run --allow-local-code\n"
    )


def test_while_finishing(processes: Processes, table: Path, tmp_path: Path) -> None:
    spec = PLAIN.replace("use: mlp", "use: waits-finishing").replace("max_epochs: 3", "max_epochs: 1")
    child = start_waiting(processes, tmp_path, spec, table)
    child.send(signal.SIGINT)
    assert child.end() == 130
    assert child.stderr.splitlines()[-2:] == [
        "Warning: run: stopped while the model was finished; all epochs are kept.",
        "  To go on: mmcare train --resume run --allow-local-code",
    ]
    (tmp_path / "wait").unlink()
    code, _, said = processes.run("train", "--resume", "run", "--allow-local-code", cwd=tmp_path)
    assert code == 0, said
    assert said.splitlines()[-2:] == [
        "trained 1 epoch on cpu (fp32); weights of epoch 1.",
        "Next: mmcare evaluate run",
    ]
    assert "epoch" not in said.partition("training on cpu, fp32")[2].partition("trained 1 epoch")[0]


def test_with_processes_that_prepare_batches(processes: Processes, table: Path, tmp_path: Path) -> None:
    """A terminal sends Ctrl-C to the workers as well; they leave it to the main process."""
    child = start(processes, tmp_path, ENDLESS.replace("max_epochs", "workers: 2, max_epochs"), table)
    assert child.wait_until(lambda: "epoch 2/" in child.stderr)
    child.send(signal.SIGINT, group=True)
    assert child.end() == 130
    assert child.stderr.endswith("To go on: mmcare train --resume run\n")
    assert "Traceback" not in child.stderr


def test_a_dry_run_leaves_nothing(processes: Processes, table: Path, tmp_path: Path) -> None:
    (tmp_path / "wait").touch()
    (tmp_path / "spec.yaml").write_text(PLAIN.replace("use: mlp", "use: waits-finishing"))
    child = processes.start(
        "train",
        "spec.yaml",
        "--cohort",
        table,
        "--plugin",
        WAITS,
        "--dry-run",
        cwd=tmp_path,
        environment={"TMPDIR": str(tmp_path)},
    )
    assert child.wait_until((tmp_path / "here").exists), child.stderr
    child.send(signal.SIGINT)
    assert child.end() == 130
    assert child.stderr.endswith("Error: The dry run was stopped; it leaves nothing behind.\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "spec.yaml", "wait"]


def test_two_processes_on_one_run(processes: Processes, table: Path, tmp_path: Path) -> None:
    child = start(processes, tmp_path, ENDLESS, table)
    assert child.wait_until(lambda: "epoch 1/" in child.stderr)
    other = processes.run("train", "--resume", "run", cwd=tmp_path)
    assert other == (
        2,
        "",
        "loading torch and the plugins\n"
        f"Error: run: is being written by another process (pid {child.process.pid} on {platform.node()}).\n"
        "  Wait for it, or end it.\n",
    )
    again = processes.run("train", "spec.yaml", "--cohort", table, "--out", "run", cwd=tmp_path)
    assert again[2] == (
        "loading torch and the plugins\n"
        "Error: run: holds an unfinished run.\n"
        "  To go on with it: mmcare train --resume run\n"
    )
    child.send(signal.SIGKILL)
    child.end()
    resumed = processes.start("train", "--resume", "run", cwd=tmp_path)
    assert resumed.wait_until(lambda: "epoch" in resumed.stderr), "a killed process holds nothing"
    resumed.send(signal.SIGKILL)
    resumed.end()
