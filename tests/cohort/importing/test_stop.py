"""Ctrl-C while images are imported: what is kept is said, and the same command does nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mmcare.cli.main import main

from .conftest import write_ct, write_rtstruct

PATIENTS = ("P1", "P2", "P3", "P4")
RUN = """
import sys, time
from contextlib import contextmanager
from mmcare.cli import cohort_import_dicom, main

@contextmanager
def holding():
    def advance(what, done, total):
        if (what, done) == (sys.argv[1], int(sys.argv[2])):
            print("here", flush=True)
            time.sleep(600)
    yield advance

cohort_import_dicom.progress = holding  # where a bar would be drawn, it waits for the signal
sys.exit(main.main(sys.argv[3:]))
"""


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four patients with a structure set each."""
    folder = tmp_path_factory.mktemp("four")
    for patient in PATIENTS:
        write_ct(folder / patient, patient)
        write_rtstruct(folder / f"rs{patient}", patient)
    return folder


def stopped(source: Path, cohort: Path, what: str, done: int, workers: int = 1) -> tuple[int, str, str]:
    """Ctrl-C, to the whole group as a terminal sends it, when `done` of `what` are done: exit code, stdout, stderr."""
    words = ["cohort", "import-dicom", str(source), "--cohort", str(cohort), "--roi", "gtv*", "--workers", str(workers)]
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, what, str(done), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # also where the shell ignores it
    )
    assert process.stdout is not None and process.stdout.readline() == "here\n"
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def times_of(cohort: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in cohort.glob("ct/*")}


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_the_patients_that_are_done_are_kept_and_not_done_again(
    four: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], workers: int
) -> None:
    cohort, whole = tmp_path / "cohort", tmp_path / "whole"
    assert stopped(four, cohort, "Importing patients", 2, workers) == (
        130,
        "",
        f"Error: {cohort}: stopped; 2 of 4 patients are done and kept.\n  The same command goes on.\n",
    )
    assert (cohort / "patients.csv").read_text().split() == ["patient_id", "P1", "P2"]
    before = times_of(cohort)
    assert {"P1.nii.gz", "P1_gtv.nii.gz", "P1.json", "P2.nii.gz", "P2_gtv.nii.gz", "P2.json"} <= before.keys()
    words = ["--roi", "gtv*", "--workers", "1"]
    assert main(["cohort", "import-dicom", str(four), "--cohort", str(cohort), *words]) == 0
    rows = capfd.readouterr().out.splitlines()[1:5]
    done = {row.split()[0] for row in rows if "there already" in row}
    assert done == {name.removesuffix(".json") for name in before if name.endswith(".json")} >= {"P1", "P2"}
    assert before.items() <= times_of(cohort).items(), "what was done is not written again"
    assert main(["cohort", "import-dicom", str(four), "--cohort", str(whole), *words]) == 0
    assert files_of(cohort) == files_of(whole)


def test_before_the_first_patient_nothing_is_left(four: Path, tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    assert stopped(four, cohort, "Reading headers", 4 * 9) == (
        130,
        "",
        f"Error: {cohort}: stopped; the patients that are finished are kept.\n  The same command goes on.\n",
    )
    assert not cohort.exists()


def files_of(cohort: Path) -> dict[str, bytes]:
    return {str(path.relative_to(cohort)): path.read_bytes() for path in cohort.rglob("*") if path.is_file()}
