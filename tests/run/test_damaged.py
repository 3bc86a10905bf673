"""Files of a run that are cut, changed, gone, links, or of another run: refused by name, and nothing is predicted."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

import mmcare
from mmcare.run import Run
from mmcare.run.manifest import FileRecord, file_record

from .conftest import Copy, refusal

RESTORE = "Restore it from a copy of the run, or train again."
WEIGHTS = "members/00/weights.safetensors"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


@pytest.mark.parametrize("kept", [lambda n: n - 1, lambda n: n // 2, lambda n: 0], ids=["a byte", "half", "all"])
def test_weights_that_are_cut_are_refused_with_both_sizes(network: Run, copy: Copy, kept) -> None:
    file = copy(network) / WEIGHTS
    whole = file.read_bytes()
    left = kept(len(whole))
    file.write_bytes(whole[:left])
    assert refusal(file.parents[2]) == (
        f"{file}: has {left:,} bytes, the run's manifest says {len(whole):,}: it was cut or changed since training. "
        + RESTORE
    )


@pytest.mark.parametrize(
    ("name", "then", "now"),
    [
        ("spec.yaml", "recalibrate: none", "recalibrate: full"),
        ("outcomes.json", '"sbrt",\n  "surgery"', '"surgery",\n  "sbrt"'),
        ("splits.csv", "P000,validation", "P999,validation"),
        ("cohort.json", '"patients": 160', '"patients": 161'),
        ("preprocessing/clinical.json", '"age"', '"agx"'),
        ("members/00/inputs.json", '"age"', '"agx"'),
    ],
)
def test_one_value_changed_is_refused_with_both_digests(
    network: Run, copy: Copy, name: str, then: str, now: str
) -> None:
    file = copy(network) / name
    before, text = digest(file), file.read_text()
    assert text.count(then) == 1
    file.write_text(text.replace(then, now))
    assert refusal(Path(file.as_posix().removesuffix(f"/{name}"))) == (
        f"{file}: changed since training: its SHA-256 is {digest(file)}…, and was {before}…. {RESTORE}"
    )


def test_a_weight_that_flipped_is_refused(network: Run, copy: Copy) -> None:
    file = copy(network) / WEIGHTS
    before, data = digest(file), bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert refusal(file.parents[2]) == (
        f"{file}: changed since training: its SHA-256 is {digest(file)}…, and was {before}…. {RESTORE}"
    )


def test_all_that_is_wrong_is_said_at_once(network: Run, copy: Copy) -> None:
    run = copy(network)
    (run / "outcomes.json").unlink()
    shutil.rmtree(run / "preprocessing")
    (run / "splits.csv").unlink()
    (run / "splits.csv").mkdir()
    assert refusal(run).splitlines() == [
        f"{run}/outcomes.json: is missing; the run's manifest lists it. {RESTORE}",
        f"{run}/preprocessing/clinical.json: is missing; the run's manifest lists it. {RESTORE}",
        f"{run}/splits.csv: is no file. {RESTORE}",
    ]


@pytest.mark.parametrize("there", [True, False], ids=["there", "dangling"])
def test_a_link_to_a_file_outside_is_refused(network: Run, copy: Copy, tmp_path: Path, there: bool) -> None:
    file, target = copy(network) / WEIGHTS, tmp_path / "elsewhere.safetensors"
    shutil.move(file, target)
    file.symlink_to(target)
    if not there:
        target.unlink()
    assert refusal(file.parents[2]) == (
        f"{file}: is a link to {target}, outside the run folder; a run holds its own files. "
        "Put the file itself in the link's place."
    )


def test_a_folder_that_is_a_link_is_refused_file_by_file(network: Run, copy: Copy, tmp_path: Path) -> None:
    run, target = copy(network), tmp_path / "elsewhere"
    shutil.move(run / "preprocessing", target)
    (run / "preprocessing").symlink_to(target)
    assert refusal(run) == (
        f"{run}/preprocessing/clinical.json: is a link to {target}/clinical.json, outside the run folder; a run holds "
        "its own files. Put the file itself in the link's place."
    )


def test_a_manifest_that_is_a_link_is_refused(network: Run, copy: Copy) -> None:
    run = copy(network)
    (run / "run.json").unlink()
    (run / "run.json").symlink_to(network.path / "run.json")
    assert refusal(run) == (
        f"{run}/run.json: is a link to {network.path}/run.json, outside the run folder; a run holds its own files. "
        "Put the file itself in the link's place."
    )


def test_a_run_folder_may_itself_be_a_link(network: Run, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(network.path)
    assert mmcare.load_run(tmp_path / "latest").manifest == network.manifest


def test_a_file_of_another_run_names_that_run(network: Run, with_local_code: Run, tmp_path: Path) -> None:
    run, other = tmp_path / "mixed", tmp_path / "other"
    shutil.copytree(network.path, run)
    shutil.copytree(with_local_code.path, other)
    before = digest(run / WEIGHTS)
    shutil.copy(other / WEIGHTS, run / WEIGHTS)
    assert refusal(run) == (
        f"{run}/{WEIGHTS}: is the file of another run, {other}: its SHA-256 is {digest(other / WEIGHTS)}…, and was "
        f"{before}… in this one. Put this run's own file back, or use that run."
    )


def test_files_that_the_run_would_read_and_does_not_list_are_refused(
    network: Run, baseline: Run, tmp_path: Path
) -> None:
    run, other = tmp_path / "mixed", tmp_path / "other"
    shutil.copytree(network.path, run)
    shutil.copytree(baseline.path, other)
    shutil.copy(other / "members/00/state.json", run / "members/00/state.json")
    (run / "preprocessing" / "genomic.json").write_text("{}")
    assert refusal(run).splitlines() == [
        f"{run}/members/00/state.json: is not in the run's manifest: it belongs to another run, {other}. "
        "Take it out of the folder.",
        f"{run}/preprocessing/genomic.json: is not in the run's manifest: it belongs to no part of this run. "
        "Take it out of the folder.",
    ]


def test_what_the_user_lays_beside_is_left_alone(network: Run, copy: Copy) -> None:
    run = copy(network)
    (run / "notes.txt").write_text("the good one")
    (run / "preprocessing" / ".DS_Store").write_bytes(b"\0")
    (run / "figures").mkdir()
    (run / "figures" / "calibration.png").write_bytes(b"png")
    shutil.rmtree(run / "logs")
    shutil.rmtree(run / "resume")
    assert mmcare.load_run(run).manifest == network.manifest


def test_a_pickle_in_the_folder_is_never_opened(network: Run, copy: Copy, tmp_path: Path) -> None:
    run, ran = copy(network), tmp_path / "ran"
    bomb = b"cbuiltins\nopen\n(V" + str(ran).encode() + b"\nVw\ntR."
    (run / "resume" / "last.ckpt").write_bytes(bomb)
    (run / "model.pkl").write_bytes(bomb)
    mmcare.load_run(run)
    assert not ran.exists()


def test_each_listed_file_is_hashed_once_when_a_run_is_opened(network: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []

    def counted(path: Path) -> FileRecord:
        hashed.append(path.relative_to(network.path).as_posix())
        return file_record(path)

    monkeypatch.setattr("mmcare.run.files.file_record", counted)
    mmcare.load_run(network.path)
    assert sorted(hashed) == sorted(network.manifest.files)
