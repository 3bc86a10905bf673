"""What is refused leaves nothing behind, what is odd is said, and the settings of training do what they say."""

from __future__ import annotations

import csv
import errno
import fcntl
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from mmcare.cache import Cache
from mmcare.cli.main import main
from mmcare.errors import RunError
from mmcare.run import load_run
from mmcare.workflow.evaluate import evaluate_run
from mmcare.workflow.fit import fit
from mmcare.workflow.options import Options

from .conftest import PLAIN, write_cohort
from .processes import Processes

HERE = Path(__file__).parent
Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    """Run `mmcare train spec.yaml ...` in this process, in `tmp_path`: exit code, stdout, and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "spec.yaml").write_text(PLAIN)

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["train", *map(str, words)])
        out, err = capsys.readouterr()
        return code, out, err.removeprefix("loading torch and the plugins\n")

    return call


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


# what is refused leaves nothing behind


def test_a_bad_cell_found_while_reading_leaves_no_run(ask: Ask, tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort")
    table = cohort / "patients.csv"
    table.write_text(re.sub(r"(PAT-007,.*),[\d.]+,", r"\1,sixty,", table.read_text()))
    code, out, said = ask("spec.yaml", "--cohort", "cohort")
    assert (code, out) == (2, "")
    assert "sixty" in said and "PAT-007" in said
    assert not (tmp_path / "runs").exists()


def test_only_what_was_made_is_removed(ask: Ask, tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort")
    table = cohort / "patients.csv"
    table.write_text(re.sub(r"(PAT-007,.*),[\d.]+,", r"\1,sixty,", table.read_text()))
    (tmp_path / "runs" / "plain-0004").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    assert ask("spec.yaml", "--cohort", "cohort")[0] == 2
    assert ask("spec.yaml", "--cohort", "cohort", "--out", "mine")[0] == 2
    assert ask("spec.yaml", "--cohort", "cohort", "--out", "new/deep/run")[0] == 2
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["plain-0004"]
    assert (tmp_path / "mine").is_dir() and not any((tmp_path / "mine").iterdir())
    assert not (tmp_path / "new").exists()


def test_a_file_system_without_locks_leaves_no_run(
    ask: Ask, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    code, out, said = ask("spec.yaml", "--cohort", table)
    assert (code, out) == (2, "")
    assert "Error: runs/plain-0001: is on a file system that cannot lock files (No locks available)" in said
    assert not (tmp_path / "runs").exists()


def test_a_modality_that_no_training_patient_has_leaves_no_run(ask: Ask, table: Path, tmp_path: Path) -> None:
    optional = "modalities:\n  ct: {use: ct, optional: true, encoder: {use: resnet3d, backbone: resnet10t}}"
    (tmp_path / "spec.yaml").write_text(PLAIN.replace("modalities:", optional) + "fusion: {use: concat}\n")
    code, out, said = ask("spec.yaml", "--cohort", table)
    assert (code, out) == (2, "")
    assert said.endswith(
        "Error: modality ct: no training patient has it (56 x the cohort does not hold it).\n"
        "  Take the modality out of the spec, or bring its files; `mmcare cohort check` says what is missing.\n"
    )
    assert not (tmp_path / "runs").exists()


def test_a_loss_that_is_no_number_leaves_no_run(ask: Ask, table: Path, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(PLAIN.replace("use: mlp", "use: too-large"))
    code, _, said = ask("spec.yaml", "--cohort", table, "--plugin", HERE / "breaks.py")
    assert code == 2
    error, todo = said.splitlines()[-2:]
    assert re.fullmatch(
        r"Error: the training loss is not finite in epoch 1, batch of patients (PAT-\d+, )+.*…\.", error
    )
    assert todo == (
        "  Lower `training.lr`, set `training.clip_gradient_norm`, or look at the inputs of these patients."
    )
    assert not (tmp_path / "runs").exists()


def test_memory_that_a_step_lacks(ask: Ask, table: Path, tmp_path: Path) -> None:
    """C12."""
    (tmp_path / "spec.yaml").write_text(PLAIN.replace("use: mlp", "use: needs-memory"))
    code, _, said = ask("spec.yaml", "--cohort", table, "--plugin", HERE / "breaks.py")
    assert (code, said.splitlines()[-2:]) == (
        2,
        [
            "Error: training.batch_size: the memory of the cpu does not hold a training step of 16 patients.",
            "  Lower it, and raise `training.accumulate` by as much: steps then see as many patients as before.",
        ],
    )


def test_a_file_that_may_not_grow_is_named_with_its_bytes(processes: Processes, table: Path, tmp_path: Path) -> None:
    """C02: a limit on a file's size stands for a full disk; both end a write in the middle."""
    (tmp_path / "spec.yaml").write_text(PLAIN)
    child = processes.start("train", "spec.yaml", "--cohort", table, cwd=tmp_path, largest_file=6000)
    assert child.end() == 2
    *_, error, todo = child.stderr.splitlines()
    assert re.fullmatch(
        r"Error: runs/plain-0001/resume/(last\.ckpt|best-0000\.safetensors): cannot be written \([\d,]+ bytes\): "
        r"File too large\.",
        error,
    )
    assert todo == "  Files of that size are not allowed there (`ulimit -f` says the limit): write elsewhere."
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_cannot_be_made(ask: Ask, table: Path, tmp_path: Path) -> None:
    """C02: a file system that takes no folders."""
    assert ask("spec.yaml", "--cohort", table, "--out", "/proc/run") == (
        2,
        "",
        "Error: /proc/run: the run folder cannot be made: No such file or directory.\n  Name another with `--out`.\n",
    )


def test_a_folder_that_is_not_empty(ask: Ask, table: Path, tmp_path: Path) -> None:
    """C01."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    assert ask("spec.yaml", "--cohort", table, "--out", "full") == (
        2,
        "",
        "Error: full: exists and is not empty; a run is never overwritten.\n  Name another folder with `--out`.\n",
    )
    assert (tmp_path / "full" / "thesis.txt").read_text() == "years of work"


def test_a_cohort_that_is_a_file_and_a_spec_that_is_a_folder(ask: Ask, table: Path, tmp_path: Path) -> None:
    """C08."""
    assert ask("spec.yaml", "--cohort", "spec.yaml") == (
        2,
        "",
        "Error: spec.yaml: is a file; a cohort is a folder.\n  Name the folder that holds cohort.yaml.\n",
    )
    (tmp_path / "folder").mkdir()
    code, _, said = ask("folder", "--cohort", table)
    assert code == 2 and said.startswith("Error: folder: is a folder")


def test_nobody_left_for_validation(ask: Ask, table: Path, tmp_path: Path) -> None:
    assert ask("spec.yaml", "--cohort", table, "--set", "split.fractions=[0.8, 0, 0.2]") == (
        2,
        "",
        "Error: spec.yaml:6:1, training.early_stopping.metric: `loss` watches validation patients, and "
        "`split.fractions: [0.8, 0, 0.2]` leaves none.\n  Write `none`, or give validation a share.\n",
    )
    code, _, said = ask(
        "spec.yaml", "--cohort", table, "--set", "split.fractions=[0.8, 0, 0.2]",
        "--set", "training.early_stopping.metric=none",
    )  # fmt: skip
    assert code == 0 and "val loss" not in said


# what is odd is said


def test_more_processes_than_cores_and_more_patients_than_there_are(ask: Ask, table: Path) -> None:
    """C12."""
    cores = len(os.sched_getaffinity(0))
    code, _, said = ask(
        "spec.yaml", "--cohort", table, "--dry-run",
        "--set", f"training.workers={cores + 1}", "--set", "training.batch_size=1000",
    )  # fmt: skip
    assert code == 0
    warnings = [line for line in said.splitlines() if line.startswith(("Warning", "  "))]
    have = "1 processor core" if cores == 1 else f"{cores} processor cores"
    assert warnings[:4] == [
        f"Warning: --set, training.workers: {cores + 1} processes are asked for, and this machine has {have}: they "
        "will wait for each other.",
        f"  Write {cores} or less.",
        "Warning: --set, training.batch_size: 1000 patients a batch are asked for, and 56 are in training: an "
        "epoch is a single step.",
        "  Write less; the default is 16.",
    ]


def test_a_cohort_that_changes_while_training(processes: Processes, tmp_path: Path) -> None:
    """C11."""
    table = write_cohort(tmp_path / "cohort") / "patients.csv"
    (tmp_path / "spec.yaml").write_text(PLAIN.replace("use: mlp", "use: waits-training"))
    (tmp_path / "wait").touch()
    os.utime(table, (1_700_000_000, 1_700_000_000))
    child = processes.start("train", "spec.yaml", "--cohort", "cohort", "--plugin", HERE / "waits.py", cwd=tmp_path)
    assert child.wait_until((tmp_path / "here").exists), child.stderr
    table.write_text(table.read_text() + "\n")
    os.utime(table, (1_700_000_060, 1_700_000_060))
    (tmp_path / "wait").unlink()
    assert child.end() == 0, child.stderr
    assert (
        f"Warning: cohort/patients.csv: changed while the run was made: of {stamp(1_700_000_000)} when the run was "
        f"begun, of {stamp(1_700_000_060)} now.\n"
        "  The run is of what was read; train again if the change matters.\n"
    ) in child.stderr


def test_a_clock_that_was_set_back(ask: Ask, tmp_path: Path) -> None:
    """C11."""
    table = write_cohort(tmp_path / "cohort") / "patients.csv"
    later = time.time() + 86_400
    os.utime(table, (later, later))
    code, _, said = ask("spec.yaml", "--cohort", "cohort", "--dry-run")
    assert code == 0
    assert re.search(
        rf"Warning: cohort/patients\.csv: is of {stamp(later)}, and this machine's clock says [-\d]+ [:\d]+: the clock "
        r"was set back, or the file comes from a machine whose clock is ahead\.\n"
        r"  Nothing that is trained depends on it; the times in the run are this clock's\.\n",
        said,
    )


# a dry run


def test_a_dry_run_goes_through_all_and_leaves_nothing(ask: Ask, table: Path, tmp_path: Path) -> None:
    code, out, said = ask("spec.yaml", "--cohort", table, "--dry-run")
    assert (code, out) == (0, "")
    dry, place, epoch, done = said.splitlines()
    temporary = re.fullmatch(r"a dry run: its run stands in (\S+) and is removed at the end", dry)
    assert temporary is not None and not Path(temporary[1]).exists()
    assert place == "training on cpu, fp32"
    assert re.fullmatch(r"epoch 1/1  train loss [\d.]+  val loss [\d.]+  val c index [\d.]+", epoch)
    assert done == (
        "Two batches went through training, validation, saving, loading and prediction. The dry run is removed."
    )
    assert not (tmp_path / "runs").exists()
    assert ask("spec.yaml", "--cohort", table, "--dry-run", "--out", "run") == (
        2,
        "",
        "Error: a dry run leaves nothing behind: leave `--out` or `--dry-run` out.\n",
    )


# going on with what is given


@pytest.fixture
def unfinished(ask: Ask, table: Path, tmp_path: Path) -> Path:
    """A run that was killed before its end: its last file is gone."""
    assert ask("spec.yaml", "--cohort", table, "--out", "run")[0] == 0
    (tmp_path / "run" / "run.json").unlink()
    (tmp_path / "run" / "unfinished.json").write_text("{}")
    return tmp_path / "run"


def test_going_on_with_the_same_spec_and_a_cohort_that_moved(
    ask: Ask, unfinished: Path, table: Path, tmp_path: Path
) -> None:
    """C10: what is equal goes on."""
    shutil.copytree(table, tmp_path / "moved")
    code, out, said = ask("spec.yaml", "--cohort", "moved", "--resume", "run")
    assert (code, out) == (0, "run\n"), said
    assert load_run(unfinished).folder.cohort().path == str(tmp_path / "moved")
    assert ask("--resume", "run") == (
        2,
        "",
        "Error: run: the run is finished; there is nothing to resume.\n"
        "  To train again, run `mmcare train` without `--resume`.\n",
    )


def test_going_on_with_another_spec(ask: Ask, unfinished: Path, tmp_path: Path) -> None:
    """C10: the key paths that differ, with both values."""
    (tmp_path / "other.yaml").write_text(PLAIN.replace("hidden: [8]", "hidden: [16]").replace("1.0e-3", "2.0e-3"))
    code, _, said = ask("other.yaml", "--resume", "run", "--set", "training.clip_gradient_norm=1")
    assert (code, said) == (
        2,
        "Error: run: the run was begun with another spec: 3 values differ.\n"
        "  To go on, leave the spec and `--set` out; to train the changed spec, leave `--resume` out.\n"
        "Error: other.yaml:4:46, modalities.clinical.encoder.hidden: the run has `[8]`, this spec `[16]`.\n"
        "Error: other.yaml:6:12, training.lr: the run has `0.001`, this spec `0.002`.\n"
        "Error: --set, training.clip_gradient_norm: the run has nothing, this spec `1.0`.\n",
    )


def test_going_on_with_another_cohort(ask: Ask, unfinished: Path, table: Path, tmp_path: Path) -> None:
    """C10."""
    other = shutil.copytree(table, tmp_path / "other")
    dictionary = (other / "cohort.yaml").read_text()
    (other / "cohort.yaml").write_text(dictionary.replace("horizons: [1, 2]", "horizons: [1, 2.5]"))
    rows = list(csv.reader((other / "patients.csv").open()))
    rows[3][4] = "50"
    with (other / "patients.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows(rows[:-2])
    code, _, said = ask("--resume", "run", "--cohort", "other")
    assert (code, said) == (
        2,
        f"Error: run: the run was begun with another cohort: {table} with 80 patients, as it was then; other with 78 "
        "patients is not the same.\n"
        "  Give the cohort that it was begun with, or train a new run: a run is of one cohort.\n"
        "Error: other/cohort.yaml, endpoints.os.horizons: the run has `[1.0, 2.0]`, this cohort `[1.0, 2.5]`.\n"
        "Error: other/patients.csv: 2 patients of the run's are missing, 0 are new, 1 have other values.\n",
    )


def test_going_on_with_a_run_whose_spec_was_edited(ask: Ask, unfinished: Path) -> None:
    spec = unfinished / "spec.yaml"
    spec.write_text(spec.read_text().replace("max_epochs: 3", "max_epochs: 30"))
    assert ask("--resume", "run") == (
        2,
        "",
        "Error: run/spec.yaml: changed since the run was begun; what is kept of training does not belong to it.\n"
        "  Put it back as it was, or train a new run.\n",
    )


@pytest.mark.parametrize(
    "flag", [("--out", "x"), ("--dry-run",), ("--no-reference",), ("--plugin", "x.py")], ids=lambda flag: flag[0]
)
def test_going_on_takes_no_other_wishes(ask: Ask, flag: tuple[str, ...]) -> None:
    assert ask("--resume", "run", *flag)[2] == (
        f"Error: `--resume` goes on with a run as it was begun: leave `{flag[0]}` out.\n"
    )


def test_going_on_where_there_is_nothing(ask: Ask, tmp_path: Path) -> None:
    assert ask("--resume", "nowhere")[2] == (
        "Error: nowhere: there is no such run folder.\n  `mmcare runs` lists runs.\n"
    )
    assert not (tmp_path / "nowhere").exists()


def test_no_reference_is_remembered_by_a_run_that_is_gone_on_with(
    processes: Processes, table: Path, tmp_path: Path
) -> None:
    """Else a run that was to hold no patients' data would hold them after an interruption."""
    (tmp_path / "spec.yaml").write_text(PLAIN)
    child = processes.start("train", "spec.yaml", "--cohort", table, "--out", "run", "--no-reference", cwd=tmp_path)
    assert child.wait_until((tmp_path / "run" / "resume" / "last.ckpt").exists)
    child.send(signal.SIGKILL)
    child.end()
    assert processes.run("train", "--resume", "run", cwd=tmp_path)[0] == 0
    assert not (tmp_path / "run" / "reference").exists()


# the settings of training


SETTINGS = {
    "cosine": ("training.scheduler=cosine",),
    "plateau": ("training.scheduler=plateau",),
    "adamw, clipped, accumulated": (
        "training.optimizer=adamw", "training.clip_gradient_norm=0.5", "training.accumulate=3"),
    "no early stopping": ("training.early_stopping.metric=none",),
    "the concordance index": ("training.early_stopping.metric=c_index",),
    "two workers": ("training.workers=2",),
    "bf16": ("training.precision=bf16",),
    "one batch": ("training.batch_size=56",),
    "one patient a batch": ("training.batch_size=1",),
}  # fmt: skip


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_a_setting_trains(changes: tuple[str, ...], specs: Path, table: Path, tmp_path: Path) -> None:
    options = Options(out=tmp_path / "run", cache=Cache(tmp_path / "cache"))
    run = fit(specs / "plain.yaml", table, overrides=("training.max_epochs=2", *changes), options=options)
    assert run.manifest.epochs == 2
    assert run.manifest.precision == ("bf16" if "training.precision=bf16" in changes else "fp32")
    if changes == ("training.early_stopping.metric=none",):
        assert run.manifest.best_epoch == 1
    assert {row.patient for row in run.predict(table, ["PAT-000"]).rows()} == {"PAT-000"}


def test_a_run_without_test_patients_trains_and_is_measured_on_another_cohort(
    specs: Path, table: Path, tmp_path: Path
) -> None:
    options = Options(out=tmp_path / "run", cache=Cache(tmp_path / "cache"))
    run = fit(specs / "plain.yaml", table, overrides=["split.fractions=[0.8, 0.2, 0]"], options=options)
    with pytest.raises(RunError) as caught:
        evaluate_run(run)
    assert str(caught.value) == (
        f"{run.path}: the run has no test patients: the third of its spec's `split.fractions` is 0. "
        "Name a cohort with `--cohort`; all patients of that one are scored."
    )
    assert evaluate_run(run, table, draws=5).figures


def test_workers_change_nothing(specs: Path, table: Path, tmp_path: Path) -> None:
    weights = []
    for workers in (0, 2):
        options = Options(out=tmp_path / str(workers), cache=Cache(tmp_path / "cache"))
        run = fit(specs / "plain.yaml", table, overrides=[f"training.workers={workers}"], options=options)
        weights.append((run.path / "members" / "00" / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_patience_ends_training(specs: Path, table: Path, tmp_path: Path) -> None:
    """With a rate that makes no step better than the first, training ends `patience` epochs after it."""
    options = Options(out=tmp_path / "run", cache=Cache(tmp_path / "cache"))
    changes = ("training.lr=1e-12", "training.max_epochs=50", "training.early_stopping.patience=2")
    run = fit(specs / "plain.yaml", table, overrides=changes, options=options)
    assert run.manifest.epochs == run.manifest.best_epoch + 1 + 2


def test_the_logs_hold_the_losses_and_no_patient(specs: Path, table: Path, tmp_path: Path) -> None:
    options = Options(out=tmp_path / "run", cache=Cache(tmp_path / "cache"))
    fit(specs / "plain.yaml", table, overrides=["training.scheduler=cosine"], options=options)
    logs = tmp_path / "run" / "logs"
    (table_of_losses,) = logs.rglob("metrics.csv")
    with table_of_losses.open() as file:
        rows = [row for row in csv.DictReader(file) if row["train_loss"]]
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2]
    rates = [float(row["lr"]) for row in rows]
    assert rates == pytest.approx([1e-3, 0.75e-3, 0.25e-3])
    (events,) = logs.rglob("events.out.tfevents*")
    assert b"train_loss" in events.read_bytes() and b"val_loss" in events.read_bytes()
    for path in [*logs.rglob("*"), *(tmp_path / "run" / "resume").rglob("*")]:
        assert not path.is_file() or b"PAT-" not in path.read_bytes(), path


def test_cuda_where_there_is_none_is_refused_before_a_run_is_begun(ask: Ask, table: Path, tmp_path: Path) -> None:
    """S28."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    assert ask("spec.yaml", "--cohort", table, "--set", "training.device=cuda") == (
        2,
        "",
        "Error: training.device: `cuda` was asked for, and this machine has no CUDA device that torch can use.\n"
        "  Write `device: auto` or `device: cpu`; `mmcare doctor` says what torch sees.\n",
    )
    assert not (tmp_path / "runs").exists()
