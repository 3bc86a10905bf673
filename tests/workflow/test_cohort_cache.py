"""Filling the cache before training: what a training finds there, Ctrl-C, `kill -9`, refused writes, eight at once."""

from __future__ import annotations

import errno
import os
import random
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import nibabel
import numpy as np
import pytest

from mmcare.cli.main import main
from tests.refusals import refusing

from .processes import Processes

N = 24
DICTIONARY = """\
mmcare_cohort: 1
patients: {file: patients.csv, id: id}
endpoints: {os: {time: t, event: e, horizons: [1]}}
modalities: {ct: {files: "ct/{patient}.nii.gz", mask: "ct/{patient}_gtv.nii.gz"}}
"""
SPEC = """\
mmcare: 1
name: balls
modalities:
  ct:
    use: ct
    size: [16, 16, 16]
    spacing_mm: 2.0
    margin_mm: 4
    encoder: {use: resnet3d, backbone: resnet10t, stride: 8, dim: 8}
head: {use: dual-task, endpoints: {os: {model: discrete}}}
training: {max_epochs: 1, device: cpu}
"""
WAITS = Path(__file__).with_name("waits_ct.py")
Entries = dict[str, bytes]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Balls in air, of voxels of 2 mm, with their masks."""
    return write_cohort(tmp_path_factory.mktemp("balls"), N)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("spec") / "balls.yaml"
    file.write_text(SPEC)
    return file


@pytest.fixture(scope="module")
def whole(processes: Processes, spec: Path, cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Entries:
    """The entries of a fill that nothing disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    words = ("cohort", "cache", spec, "--cohort", cohort, "--workers", 1)
    child = processes.start(*words, environment={"MMCARE_CACHE": str(folder)})
    assert child.end() == 0, child.stderr
    entries = entries_of(folder)
    assert len(entries) == N
    return entries


def write_cohort(folder: Path, n: int) -> Path:
    (folder / "ct").mkdir()
    rng, affine = np.random.default_rng(3), np.diag([2.0, 2, 2, 1])
    at = np.stack(np.meshgrid(*[np.arange(20) * 2.0] * 3, indexing="ij"), -1)
    rows = ["id,t,e"]
    for number in range(n):
        ball = ((at - rng.uniform(12, 26, 3)) ** 2).sum(-1) <= rng.uniform(6, 10) ** 2
        hu = np.where(ball, 20, -900) + rng.normal(0, 20, ball.shape)
        for end, values in (("", hu.astype(np.int16)), ("_gtv", ball.astype(np.uint8))):
            nibabel.save(nibabel.Nifti1Image(values, affine), folder / "ct" / f"P{number:02d}{end}.nii.gz")
        rows.append(f"P{number:02d},{1 + number % 5 / 2},{number % 2}")
    (folder / "patients.csv").write_text("\n".join(rows) + "\n")
    (folder / "cohort.yaml").write_text(DICTIONARY)
    return folder


def paths_of(folder: Path) -> list[Path]:
    """Entries as other processes see them."""
    return sorted(folder.glob("inputs/??/[!.]*.sample"))


def entries_of(folder: Path) -> Entries:
    return {path.name: path.read_bytes() for path in paths_of(folder)}


def times_of(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in paths_of(folder)}


def table(there: int, prepared: int) -> str:
    """What a fill prints of the modality `ct`."""
    header = "modality  there already  prepared  absent  made anew each time"
    row = f"ct        {there:>13}  {prepared:>8}  {0:>6}  {0:>19}"
    return f"{header}\n{row}\n"


def test_any_number_of_processes_makes_the_same_entries(
    processes: Processes, whole: Entries, spec: Path, cohort: Path, tmp_path: Path
) -> None:
    words = ("cohort", "cache", spec, "--cohort", cohort, "--workers", 2)
    child = processes.start(*words, environment={"MMCARE_CACHE": str(tmp_path)})
    assert child.end() == 0, child.stderr
    assert entries_of(tmp_path) == whole


def test_a_training_after_a_fill_prepares_nothing(
    processes: Processes, spec: Path, cohort: Path, tmp_path: Path
) -> None:
    """A process of its own each, as a user has them; a training that differs shows that one would be seen."""
    cache = {"MMCARE_CACHE": str(tmp_path / "cache")}
    filled = processes.start("cohort", "cache", spec, "--cohort", cohort, "--workers", 1, environment=cache)
    assert filled.end() == 0, filled.stderr
    assert filled.stdout == table(0, N)
    before = times_of(tmp_path / "cache")
    trained = processes.start("train", spec, "--cohort", cohort, "--out", tmp_path / "run", environment=cache)
    assert trained.end() == 0, trained.stderr
    assert times_of(tmp_path / "cache") == before and len(before) == N
    words = ("--out", tmp_path / "other", "--set", "modalities.ct.margin_mm=5")
    other = processes.start("train", spec, "--cohort", cohort, *words, environment=cache)
    assert other.end() == 0, other.stderr
    assert len(times_of(tmp_path / "cache")) == 2 * N


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_ctrl_c_says_what_is_kept_and_the_same_command_goes_on(
    processes: Processes, cohort: Path, tmp_path: Path, workers: int
) -> None:
    (tmp_path / "wait").touch()
    (tmp_path / "spec.yaml").write_text(SPEC.replace("use: ct", "use: waits-ct"))
    words = ("cohort", "cache", "spec.yaml", "--cohort", cohort, "--workers", workers, "--plugin", WAITS)
    cache = {"MMCARE_CACHE": str(tmp_path / "cache")}
    child = processes.start(*words, cwd=tmp_path, environment=cache)
    assert child.wait_until((tmp_path / "here").exists), child.stderr
    child.send(signal.SIGINT, group=True)
    time.sleep(0.2)  # workers finish what they have begun
    (tmp_path / "wait").unlink()
    assert child.end() == 130
    said = re.fullmatch(
        r"Error: stopped; at least (\d+) of 24 patients are done and kept in the cache\.\n"
        r"  The same command goes on\.\n",
        child.stderr,
    )
    assert said is not None, child.stderr
    before = times_of(tmp_path / "cache")
    if workers == 1:
        assert int(said[1]) == len(before) == 3
    assert int(said[1]) <= len(before) < N
    again = processes.start(*words, cwd=tmp_path, environment=cache)
    assert again.end() == 0, again.stderr
    assert again.stdout == table(len(before), N - len(before))
    assert before.items() <= times_of(tmp_path / "cache").items()


def check_killed(
    processes: Processes, spec: Path, cohort: Path, whole: Entries, folder: Path, seed: int, workers: int
) -> int:
    """Kill a fill at a random moment and go on; entries that were there before it went on."""
    chance = random.Random(seed)
    after, delay = chance.randrange(N), chance.uniform(0, 0.005)
    words = ("cohort", "cache", spec, "--cohort", cohort, "--workers")
    cache = {"MMCARE_CACHE": str(folder)}
    child = processes.start(*words, workers, environment=cache)
    child.wait_until(lambda: len(paths_of(folder)) >= after)
    time.sleep(delay if after else 100 * delay)  # before the first: the fill is still starting
    with suppress(ProcessLookupError):  # it was quicker
        child.send(signal.SIGKILL)
    child.end()
    wait_for_group_to_end(child.process.pid)
    before, times = entries_of(folder), times_of(folder)
    assert before.items() <= whole.items(), "what can be seen is whole"
    again = processes.start(*words, 1, environment=cache)
    assert again.end() == 0, again.stderr
    assert (again.stdout, again.stderr) == (table(len(before), N - len(before)), "")
    assert entries_of(folder) == whole
    assert times.items() <= times_of(folder).items(), "nothing finished was done twice"
    return len(before)


def wait_for_group_to_end(group: int | None) -> None:
    """Workers end where their parent is killed."""
    assert group is not None
    for _ in range(1200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("a worker outlived its parent")


@pytest.mark.parametrize(("seed", "workers"), [(0, 1), (1, 1), pytest.param(2, 2, marks=pytest.mark.slow)])
def test_a_killed_fill_goes_on(
    processes: Processes, spec: Path, cohort: Path, whole: Entries, tmp_path: Path, seed: int, workers: int
) -> None:
    check_killed(processes, spec, cohort, whole, tmp_path, seed, workers)


@pytest.mark.slow
def test_fifty_killed_fills_go_on(
    processes: Processes, spec: Path, cohort: Path, whole: Entries, tmp_path: Path
) -> None:
    found = [
        check_killed(processes, spec, cohort, whole, tmp_path / str(seed), 100 + seed, 2 if seed % 5 == 0 else 1)
        for seed in range(50)
    ]
    assert sum(0 < n < N for n in found) > 25, f"most are killed in the middle: {found}"


@pytest.mark.slow
def test_eight_fills_of_one_cache_prepare_each_sample_once(
    processes: Processes, spec: Path, cohort: Path, whole: Entries, tmp_path: Path
) -> None:
    words = ("cohort", "cache", spec, "--cohort", cohort, "--workers", 1)
    children = [processes.start(*words, environment={"MMCARE_CACHE": str(tmp_path)}) for _ in range(8)]
    assert [child.end() for child in children] == [0] * 8
    counts = [tuple(map(int, child.stdout.splitlines()[1].split()[1:3])) for child in children]
    assert all(there + prepared == N for there, prepared in counts)
    assert N <= sum(prepared for _, prepared in counts) <= 1.05 * N
    assert entries_of(tmp_path) == whole


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOSPC, "The disk is full: free some space, or write elsewhere."),
        (errno.EACCES, "Allow writing there, or write elsewhere."),
    ],
)
def test_each_write_of_a_fill_may_be_refused(
    spec: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    number: int,
    cure: str,
) -> None:
    """Refused entries end it in words; remembered digests and locks are a help only. The next fill ends as always."""
    (tmp_path / "cohort").mkdir()
    words = ["cohort", "cache", str(spec), "--cohort", str(write_cohort(tmp_path / "cohort", 3)), "--workers", "1"]
    ended: dict[str, int] = {"open": 0, "os.mkdir": 0, "os.rename": 0, "fsync": 0}
    with refusing() as refusals:
        for failing in range(1, 1000):
            folder = tmp_path / f"cache-{failing}"
            monkeypatch.setenv("MMCARE_CACHE", str(folder))
            refusals.start(folder, failing, number)
            code = main(words)
            refusals.stop()
            out, err = capfd.readouterr()
            if not refusals.refused:
                assert (code, out, err) == (0, table(0, 3), "")
                break
            if re.search("/inputs/[0-9a-f]{2}(/|$)", refusals.refused):
                ended[refusals.refused.partition(" ")[0]] += 1
                entry = rf"{re.escape(str(folder))}/inputs/[0-9a-f]{{2}}/[0-9a-f]{{64}}\.2\.sample"
                said = rf"Error: {entry}: cannot be written \([\d,]+ bytes\): {os.strerror(number)}\.\n  {cure}\n"
                assert (code, out) == (2, "") and re.fullmatch(said, err), err
            else:
                assert (code, out, err) == (0, table(0, 3), ""), refusals.refused
            assert not list(folder.glob("inputs/??/.*")), "nothing half"
            kept = times_of(folder)
            assert main(words) == 0
            assert capfd.readouterr().out == table(len(kept), 3 - len(kept))
            assert kept.items() <= times_of(folder).items()
    assert min(ended.values()) >= 1 and ended["fsync"] == ended["os.rename"] == 3, f"each entry's writes: {ended}"
