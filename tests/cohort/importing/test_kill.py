"""An import that is killed leaves nothing half, and the same command ends where an unbroken one does."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from mmcare.cohort.importing.record import Places, is_done, read_record
from mmcare.errors import MMCareError
from mmcare.formats import atomic
from mmcare.workflow.import_dicom import ImportOptions, import_dicom

from .conftest import write_ct, write_rtstruct

PATIENTS = ("P1", "P2", "P3", "P4")
RUN = """
import sys
from pathlib import Path
from mmcare.workflow.import_dicom import ImportOptions, import_dicom
print("ready", flush=True)
import_dicom(Path(sys.argv[1]), Path(sys.argv[2]), ImportOptions(("gtv*",), workers=int(sys.argv[3])))
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four patients in an archive."""
    folder = tmp_path_factory.mktemp("archive")
    for patient in PATIENTS:
        write_ct(folder / "in" / patient, patient)
        write_rtstruct(folder / "in" / f"rs{patient}", patient)
    with tarfile.open(folder / "four.tar.gz", "w:gz") as tar:
        tar.add(folder / "in", "in")
    return folder / "four.tar.gz"


@pytest.fixture(scope="module")
def whole(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an unbroken import writes."""
    cohort = tmp_path_factory.mktemp("whole") / "cohort"
    import_dicom(archive, cohort, ImportOptions(("gtv*",)))
    return files_of(cohort)


def files_of(cohort: Path) -> dict[str, bytes]:
    return {str(p.relative_to(cohort)): p.read_bytes() for p in cohort.rglob("*") if p.is_file()}


def nothing_half(cohort: Path) -> int:
    """Every patient of the table has whole images; patients that are finished."""
    table = cohort / "patients.csv"
    listed = table.read_text().split()[1:] if table.exists() else []
    finished = 0
    for patient in PATIENTS:
        places = Places.of(cohort, patient)
        record = read_record(places)
        assert (record is not None) >= (patient in listed)
        if record is not None:
            assert is_done(places, record)
            finished += 1
    return finished


def killed(archive: Path, cohort: Path, after_s: float, workers: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(archive), str(cohort), str(workers)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    process.stdout.close()


def check_goes_on(archive: Path, cohort: Path, whole: dict[str, bytes], seed: int, workers: int = 1) -> None:
    killed(archive, cohort, random.Random(seed).uniform(0, 0.7), workers)
    before = nothing_half(cohort)
    times = {path: path.stat().st_mtime_ns for path in cohort.glob("ct/*.json")}
    summary = import_dicom(archive, cohort, ImportOptions(("gtv*",)))
    assert files_of(cohort) == whole
    assert [p.name for p in cohort.parent.iterdir()] == [cohort.name]
    assert sum(str(result.outcome) == "there already" for result in summary.patients) == before
    assert all(path.stat().st_mtime_ns == was for path, was in times.items())


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_import_goes_on(archive: Path, whole: dict[str, bytes], tmp_path: Path, seed: int) -> None:
    check_goes_on(archive, tmp_path / "cohort", whole, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_fifty_killed_imports_go_on(archive: Path, whole: dict[str, bytes], tmp_path: Path, seed: int) -> None:
    check_goes_on(archive, tmp_path / "cohort", whole, 100 + seed, workers=1 + seed % 2)


@pytest.mark.parametrize("failing", [0, 1, 2, 3, 4, 7])
def test_each_write_may_fail(
    archive: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """The disk is full at one write in turn: said in words, nothing half, and the next import ends as always."""
    cohort = tmp_path / "cohort"
    count = iter(range(1000))
    fsync = os.fsync

    def full(handle: int) -> None:
        if os.readlink(f"/proc/self/fd/{handle}").startswith(f"{cohort}/") and next(count) == failing:
            raise OSError(28, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(MMCareError, match=r"cannot be written \([\d,]+ bytes\): No space left on device\. The disk is"):
        import_dicom(archive, cohort, ImportOptions(("gtv*",), workers=1))
    monkeypatch.undo()
    if cohort.exists():
        nothing_half(cohort)
    import_dicom(archive, cohort, ImportOptions(("gtv*",)))
    assert files_of(cohort) == whole


def test_two_imports_of_one_cohort_do_not_meet(archive: Path, tmp_path: Path) -> None:
    import fcntl

    cohort = tmp_path / "cohort"
    cohort.mkdir()
    handle = os.open(cohort, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with pytest.raises(MMCareError) as caught:
            import_dicom(archive, cohort)
    finally:
        os.close(handle)
    assert str(caught.value) == f"{cohort}: another import is writing this cohort. Wait for it, or end it."
