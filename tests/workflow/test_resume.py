"""`kill -9` at any moment: no run loads wrongly, and `--resume` ends at the unbroken run's weights, bit for bit."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcare.errors import RunError
from mmcare.run import load_run

from .processes import Processes

SEED = 20261125
SAME = ("members/00/weights.safetensors", "preprocessing/clinical.json", "splits.csv", "spec.yaml")
PHASES = {
    "before the first epoch": ("splits.csv", "resume/last.ckpt"),
    "while training": ("resume/last.ckpt", "members/00/weights.safetensors"),
    "after the last epoch": ("members/00/weights.safetensors", "run.json"),
}


@dataclass(frozen=True)
class Unbroken:
    """A run that nobody killed: its folder, and when (seconds of CPU) each file appeared."""

    path: Path
    spec: Path
    appeared: Mapping[str, float]


def unbroken(processes: Processes, spec: Path, cohort: Path, folder: Path) -> Unbroken:
    child = processes.start("train", spec, "--cohort", cohort, "--out", folder)
    appeared = {}
    for name in ("splits.csv", "resume/last.ckpt", "members/00/weights.safetensors", "run.json"):
        assert child.wait_until((folder / name).exists), child.stderr
        appeared[name] = child.cpu_seconds()
    assert child.end() == 0, child.stderr
    return Unbroken(folder, spec, appeared)


@pytest.fixture(scope="module")
def early_stopped(processes: Processes, specs: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
    """Modality dropout, a schedule, accumulation, clipping, and an end by patience."""
    made = unbroken(processes, specs / "all-on.yaml", table, tmp_path_factory.mktemp("unbroken") / "run")
    assert 3 <= load_run(made.path).manifest.epochs < 40
    return made


def kill(
    processes: Processes, whole: Unbroken, cohort: Path, folder: Path, phase: str, rng: np.random.Generator
) -> int:
    """Train, killed at a random moment of a phase; the exit code."""
    first, last = (whole.appeared[name] for name in PHASES[phase])
    moment = rng.uniform(first, last)
    child = processes.start("train", whole.spec, "--cohort", cohort, "--out", folder)
    child.wait_until(lambda: child.cpu_seconds() >= moment)
    if child.process.is_alive():
        child.send(signal.SIGKILL)
    return child.end()


def require_goes_on(processes: Processes, whole: Unbroken, cohort: Path, folder: Path) -> None:
    """What the kill left is unfinished in words or whole, and ends as the unbroken run did."""
    if not (folder / "run.json").exists():
        with pytest.raises(RunError, match=r"the run is unfinished|no such run folder"):
            load_run(folder)
        code, _, said = processes.run("train", "--resume", folder)
        if code != 0:  # killed before the run's first files were whole: said so, and begun anew
            assert "there is no such run folder" in said or "was ended before its first files were written" in said
            shutil.rmtree(folder, ignore_errors=True)
            code, _, said = processes.run("train", whole.spec, "--cohort", cohort, "--out", folder)
        assert code == 0, said
    for name in SAME:
        assert (folder / name).read_bytes() == (whole.path / name).read_bytes(), name
    own, other = load_run(folder).manifest, load_run(whole.path).manifest
    assert (own.epochs, own.best_epoch) == (other.epochs, other.best_epoch)
    require_equal(last_state(folder), last_state(whole.path))
    assert not [path for path in folder.rglob(".*") if path.is_file()], "halves of files are left"


def last_state(folder: Path) -> Mapping[str, object]:
    """Weights, optimiser, schedule and patience after the last epoch: the best weights alone would hide a slip."""
    checkpoint = torch.load(folder / "resume" / "last.ckpt", weights_only=True)
    return {name: checkpoint[name] for name in ("state_dict", "optimizer_states", "callbacks", "global_step")}


def require_equal(own: object, other: object, where: str = "") -> None:
    """The same plain data, tensors bit for bit."""
    if isinstance(own, torch.Tensor):
        assert isinstance(other, torch.Tensor) and (own.dtype, own.shape) == (other.dtype, other.shape), where
        assert own.numpy().tobytes() == other.numpy().tobytes(), where  # a NaN is equal to itself
    elif isinstance(own, Mapping):
        assert isinstance(other, Mapping) and own.keys() == other.keys(), where
        for name in own:
            require_equal(own[name], other[name], f"{where}.{name}")
    elif isinstance(own, list):
        require_equal(dict(enumerate(own)), dict(enumerate(other)), where)  # type: ignore[arg-type]
    else:
        assert own == other, where


@pytest.mark.parametrize("phase", PHASES)
def test_a_killed_run_ends_as_the_unbroken_one(
    phase: str, processes: Processes, early_stopped: Unbroken, table: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng([SEED, list(PHASES).index(phase)])
    kill(processes, early_stopped, table, tmp_path / "run", phase, rng)
    require_goes_on(processes, early_stopped, table, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [(), ("training.scheduler=plateau", "training.early_stopping.metric=c_index")],
    ids=["cosine and loss", "plateau and c_index"],
)
def test_twenty_kills(changes: tuple[str, ...], processes: Processes, specs: Path, table: Path, tmp_path: Path) -> None:
    """A table-only spec, killed ten times under each of two settings, in every phase."""
    spec = specs / "all-on.yaml"
    if changes:
        spec = tmp_path / "changed.yaml"
        spec.write_text(
            f"extends: {specs / 'all-on.yaml'}\ntraining:\n  scheduler: plateau\n"
            "  early_stopping: {metric: c_index, patience: 3}\n"
        )
    whole = unbroken(processes, spec, table, tmp_path / "whole")
    rng = np.random.default_rng([SEED, len(changes)])
    ended = []
    for number in range(10):
        folder = tmp_path / f"run-{number}"
        ended.append(kill(processes, whole, table, folder, list(PHASES)[number % 3], rng))
        require_goes_on(processes, whole, table, folder)
    assert ended.count(-signal.SIGKILL) >= 7, "the moments were drawn past the end"


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_as_the_unbroken_one(
    processes: Processes, early_stopped: Unbroken, table: Path, tmp_path: Path
) -> None:
    """Killed at each epoch that it reaches, and resumed, until it ends."""
    folder = tmp_path / "run"
    words: tuple[object, ...] = ("train", early_stopped.spec, "--cohort", table, "--out", folder)
    for finished in range(1, 100):
        child = processes.start(*words)
        if child.wait_until(lambda n=finished, c=child: f"epoch {n}/" in c.stderr) and child.process.is_alive():
            child.send(signal.SIGKILL)
        if child.end() == 0:
            break
        words = ("train", "--resume", folder)
    require_goes_on(processes, early_stopped, table, folder)
