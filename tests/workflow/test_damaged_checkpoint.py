"""`--resume` of a run whose checkpoint is damaged says so in words, and what to do helps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mmcare.cache import Cache
from mmcare.cli.main import main
from mmcare.run import load_run
from mmcare.workflow.fit import fit
from mmcare.workflow.options import Options

LAST, BEST = Path("resume", "last.ckpt"), Path("resume", "best-0002.safetensors")
TODO = (
    "  Put it back from a copy; or remove run/resume/last.ckpt and go on: training then starts again from the first "
    "epoch, with the same split.\n"
)


@pytest.fixture(scope="module")
def trained(specs: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three epochs, the last the best."""
    folder = tmp_path_factory.mktemp("trained")
    options = Options(out=folder / "run", cache=Cache(folder / "cache"))
    return fit(specs / "plain.yaml", table, overrides=["training.early_stopping=none"], options=options).path


@pytest.fixture
def ended(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run as a process leaves it that is killed after the last epoch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    shutil.copytree(trained, "run")
    Path("run", "run.json").unlink()
    Path("run", "unfinished.json").write_text("{}\n")
    return Path("run")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:1000])


def of_another_network(file: Path) -> None:
    held = torch.load(file, weights_only=True)
    name = next(iter(held["state_dict"]))
    held["state_dict"]["other"] = held["state_dict"].pop(name)
    torch.save(held, file)


DAMAGE: dict[str, tuple[Path, Callable[[Path], object], str]] = {
    "cut": (LAST, cut, "is no whole checkpoint (1,000 bytes): "),
    "empty": (LAST, lambda file: file.write_bytes(b""), "is no whole checkpoint (0 bytes): "),
    "something else": (
        LAST,
        lambda file: torch.save({"epoch": 1}, file),
        "is no checkpoint of a training: it lacks state_dict, optimizer_states, callbacks, loops, global_step.\n",
    ),
    "of another network": (LAST, of_another_network, "is of another network: the tensor "),
    "best weights gone": (BEST, Path.unlink, "the weights of the best epoch so far: is missing.\n"),
    "best weights cut": (
        BEST,
        cut,
        "the weights of the best epoch so far: is no readable safetensors file (1,000 bytes): ",
    ),
}


@pytest.mark.parametrize(("file", "damage", "said"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_checkpoint_is_said(
    file: Path, damage: Callable[[Path], object], said: str, ended: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(ended / file)
    assert main(["train", "--resume", "run"]) == 2
    error = capsys.readouterr().err.partition("Error: ")[2]
    assert error.startswith(f"run/{file.as_posix()}: {said}")
    assert error.endswith(TODO) and error.count("\n") == 2


def test_what_to_do_helps(trained: Path, ended: Path) -> None:
    (ended / BEST).unlink()
    (ended / LAST).unlink()
    assert main(["train", "--resume", "run"]) == 0
    assert load_run(ended).manifest.epochs == 3
    weights = Path("members", "00", "weights.safetensors")
    assert (ended / weights).read_bytes() == (trained / weights).read_bytes()
