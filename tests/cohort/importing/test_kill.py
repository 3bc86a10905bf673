"""An import that is killed leaves nothing half, and the same command ends where an unbroken one does."""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from mmcare.cli.main import main
from mmcare.cohort.importing.record import Places, is_done, read_record
from mmcare.cohort.importing.source import opened_source
from mmcare.errors import MMCareError
from mmcare.workflow.import_dicom import ImportOptions, import_dicom
from tests.refusals import refusing

from .conftest import write_ct, write_rtstruct

CURES = {
    errno.ENOSPC: "The disk is full: free some space, or write elsewhere.",
    errno.EACCES: "Allow writing there, or write elsewhere.",
}
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


def killed(archive: Path, cohort: Path, seed: int, workers: int) -> None:
    """An import that is killed a moment after some files are there, half ones included; of 4 patients 12 are due."""
    chance = random.Random(seed)
    after, delay_s = chance.randrange(13), chance.uniform(0, 0.02)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(archive), str(cohort), str(workers)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    while process.poll() is None and len(list(cohort.glob("ct/*"))) < after:
        time.sleep(0.001)
    time.sleep(delay_s if after else 20 * delay_s)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    process.stdout.close()


def check_goes_on(archive: Path, cohort: Path, whole: dict[str, bytes], seed: int, workers: int = 1) -> None:
    killed(archive, cohort, seed, workers)
    before = nothing_half(cohort)
    times = {path: path.stat().st_mtime_ns for path in cohort.glob("ct/*.json")}
    summary = import_dicom(archive, cohort, ImportOptions(("gtv*",)))
    assert files_of(cohort) == whole
    assert [p.name for p in cohort.parent.iterdir()] == [cohort.name]
    assert sum(str(result.outcome) == "there already" for result in summary.patients) == before
    assert all(path.stat().st_mtime_ns == was for path, was in times.items())


def test_a_kill_while_unpacked_files_are_removed_leaves_no_archive_that_lacks_some(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort, real = tmp_path / "cohort", shutil.rmtree
    with opened_source(archive, cohort) as folder:
        files = files_of(folder)

    def killed_at_once(path: Path, **options: object) -> None:
        next(p for p in Path(path).rglob("*") if p.is_file()).unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed_at_once)
    with pytest.raises(KeyboardInterrupt), opened_source(archive, cohort):
        pass
    monkeypatch.setattr(shutil, "rmtree", real)
    with opened_source(archive, cohort) as folder:
        assert files_of(folder) == files
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_a_killed_import_goes_on(archive: Path, whole: dict[str, bytes], tmp_path: Path, seed: int) -> None:
    check_goes_on(archive, tmp_path / "cohort", whole, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_fifty_killed_imports_go_on(archive: Path, whole: dict[str, bytes], tmp_path: Path, seed: int) -> None:
    check_goes_on(archive, tmp_path / "cohort", whole, 100 + seed, workers=1 + seed % 2)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two patients."""
    folder = tmp_path_factory.mktemp("two") / "in"
    for patient in ("P1", "P2"):
        write_ct(folder / patient, patient)
        write_rtstruct(folder / f"rs{patient}", patient)
    return folder


@pytest.fixture(scope="module")
def small_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of one patient, whose files are unpacked beside the cohort."""
    folder = tmp_path_factory.mktemp("small")
    write_ct(folder / "in" / "P1", n=4)
    with tarfile.open(folder / "one.tar", "w") as tar:
        tar.add(folder / "in", "in")
    return folder / "one.tar"


def refused_in_words(number: int, cohort: Path) -> re.Pattern[str]:
    """What is said where a write is refused, whichever it is."""
    reason, cure = re.escape(os.strerror(number)), CURES[number]
    said = [rf"{re.escape(str(cohort))}: cannot be made: {reason}\.\n  Write elsewhere\.\n"]
    here = re.escape(str(cohort.parent))
    said.append(rf"{here}/\S+: cannot be written( \([\d,]+ bytes\))?: {reason}\.\n  {re.escape(cure)}\n")
    if number == errno.EACCES:  # of a file that is unpacked
        ask = r"Ask for the right to it, or name another place\."
        said.append(rf"{here}/\S+: cannot be looked at or written: {reason}\.\n  {ask}\n")
    return re.compile(f"Error: ({'|'.join(said)})")


@pytest.mark.parametrize("number", CURES)
@pytest.mark.parametrize("source", ["two", "small_archive"])
def test_each_write_of_an_import_may_be_refused(
    source: str, number: int, tmp_path: Path, request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whichever it is, it is said in words and leaves nothing half; the next import ends as always."""
    import_dicom(request.getfixturevalue(source), tmp_path / "whole" / "cohort", ImportOptions(("gtv*",)))
    whole, ended = files_of(tmp_path / "whole" / "cohort"), dict.fromkeys(("open", "os.mkdir", "os.rename", "fsync"), 0)
    with refusing() as refusals:
        for failing in range(1, 1000):
            cohort = tmp_path / str(failing) / "cohort"
            cohort.parent.mkdir()
            words = ["cohort", "import-dicom", str(request.getfixturevalue(source)), "--cohort", str(cohort)]
            words += ["--roi", "gtv*", "--workers", "1"]
            refusals.start(cohort.parent, failing, number)
            code = main(words)
            refusals.stop()
            out, err = capfd.readouterr()
            if not refusals.refused:
                assert code == 0
                break
            ended[refusals.refused.partition(" ")[0]] += 1
            if refusals.refused.endswith(".unpacked"):  # all is written: the archive's files are removed all the same
                assert code == 0, err
            else:
                told = refused_in_words(number, cohort).fullmatch(err)
                assert (code, out) == (2, "") and told, (refusals.refused, err)
            assert not [path for path in cohort.parent.rglob("*") if path.name.startswith(".")], "nothing half"
            records = {path: path.stat().st_mtime_ns for path in cohort.glob("ct/*.json")}
            nothing_half(cohort)
            assert main(words) == 0
            capfd.readouterr()
            assert files_of(cohort) == whole
            assert all(path.stat().st_mtime_ns == was for path, was in records.items()), "nothing finished done twice"
    assert min(ended.values()) >= 2, f"each kind of write: {ended}"


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
