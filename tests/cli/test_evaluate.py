"""`mmcare evaluate` and `mmcare predict` on a Cox model, as they are read on a screen, in a pipe and by programs."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

from mmcare.cli.main import main
from mmcare.evaluation import Metrics

DICTIONARY = """\
mmcare_cohort: 1
patients: {file: patients.csv, id: patient_id}
arms: {column: arm, values: {sbrt: SBRT, surgery: resection}}
endpoints:
  os: {time: years, event: died, horizons: [1, 3, 5]}
columns:
  age: {type: number, unit: years}
  size: {type: number, unit: mm}
"""
SPEC = "mmcare: 1\nname: cox\nmodalities:\n  clinical: {use: table}\nbaseline: {use: cox-ph}\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort of 300 with hazards that follow age, and a finished run of a Cox model."""
    folder = tmp_path_factory.mktemp("home")
    rng = np.random.default_rng(4)
    age = rng.normal(70, 8, 300)
    died = rng.exponential(1 / (0.16 * np.exp(0.08 * (age - 70))))
    followed = rng.uniform(0.5, 9, 300)
    cohort = folder / "cohort"
    cohort.mkdir()
    (cohort / "cohort.yaml").write_text(DICTIONARY)
    with (cohort / "patients.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient_id", "arm", "years", "died", "age", "size"])
        for n in range(300):
            years = repr(float(min(died[n], followed[n])))
            size = round(float(rng.uniform(8, 50)), 1)
            arm = ("sbrt", "surgery")[n % 3 > 0]
            writer.writerow([f"P{n:03d}", arm, years, int(died[n] <= followed[n]), round(float(age[n]), 1), size])
    (folder / "cox.yaml").write_text(SPEC)
    assert main(["train", str(folder / "cox.yaml"), "--cohort", str(cohort), "--out", str(folder / "run")]) == 0
    return folder


def on_a_screen(home: Path, columns: int, *words: str) -> list[str]:
    """What `mmcare` shows on a terminal of that width, without colours and progress."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": str(columns), "TERM": "dumb", "LC_ALL": "C"}
    command = [sys.executable, "-m", "mmcare.cli.main", *words]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=env, cwd=home) as process:
        os.close(theirs)
        found = b""
        try:
            while chunk := os.read(ours, 65536):
                found += chunk
        except OSError:
            pass  # the other end is closed
        os.close(ours)
    assert process.returncode == 0
    return re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", found).decode("ascii").replace("\r", "").splitlines()


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """What it prints into a pipe."""
    assert main(list(words)) == 0
    return capsys.readouterr().out.splitlines()


@pytest.fixture(scope="module")
def lines(home: Path) -> list[str]:
    """What `mmcare evaluate --points` prints into a pipe."""
    out = io.StringIO()
    with redirect_stdout(out):
        assert main(["evaluate", str(home / "run"), "--points"]) == 0
    return out.getvalue().splitlines()


class TestEvaluate:
    def test_a_row_a_horizon_with_values_and_intervals(self, home: Path, lines: list[str]) -> None:
        metrics = Metrics.model_validate_json((home / "run" / "metrics.json").read_text())
        assert " ".join(lines[:2]).startswith(
            "run, scored on the test patients of the run's own cohort. 95 % intervals are of this trained model"
        )
        c = metrics.figure("os", "surgery", 3, "C")
        start = lines.index(f"os, surgery: {c.patients} patients")
        assert lines[start + 1].split() == ["year", "events", "at", "risk", "C", "AUC", "Brier", "IPA", "O/E"]
        row = lines[start + 3]
        assert row.split()[:5] == [
            "3",
            str(c.events),
            str(c.at_risk),
            f"{c.value:.3f}",
            f"({c.lower:.2f}-{c.upper:.2f})",
        ]
        ratio = metrics.figure("os", "surgery", 3, "O/E")
        assert f"{ratio.value:.3f} ({ratio.lower:.2f}-{ratio.upper:.2f})" in row
        both = lines.index(next(line for line in lines if line.startswith("os, all arms: ")))
        assert lines[both + 1].split() == ["year", "events", "at", "risk", "C", "pooled", "C"]
        assert any(line.startswith("C         Uno's C, tau = the horizon") for line in lines)

    def test_nothing_trails_in_a_pipe_and_each_reason_is_said_once(self, lines: list[str]) -> None:
        assert all(line == line.rstrip() for line in lines)
        assert any(re.search(r"\d\.\d{3} \(\d\.\d\d-\d\.\d\d\)", line) for line in lines), "beside their values"
        notes = [line.partition("] ")[2] for line in lines if re.match(r"\[\d+\] ", line)]
        assert notes and len(notes) == len(set(notes))

    def test_eighty_columns_hold_it(self, home: Path) -> None:
        lines = on_a_screen(home, 80, "evaluate", "run")
        assert max(map(len, lines)) <= 80
        assert any(re.fullmatch(r" +(\d\.\d\d-\d\.\d\d +)+.*", line) for line in lines), "intervals below their values"

    def test_calibration_points_on_request(self, home: Path, lines: list[str]) -> None:
        metrics = Metrics.model_validate_json((home / "run" / "metrics.json").read_text())
        points = metrics.figure("os", "surgery", 3, "O/E").points
        rows = [line.split() for line in lines if line.startswith("os ") and line.split()[1:3] == ["surgery", "3"]]
        assert [row[3:] for row in rows] == [
            [str(p.patients), f"{p.predicted:.3f}", f"{p.observed:.3f}"] for p in points
        ]

    def test_json_is_what_the_run_keeps(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["evaluate", str(home / "run"), "--json"]) == 0
        found = Metrics.model_validate_json(capsys.readouterr().out)
        assert found == Metrics.model_validate_json((home / "run" / "metrics.json").read_text())
        assert found.bootstrap == 1000

    def test_a_cohort_that_is_gone_is_said_in_words(
        self, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copytree(home / "cohort", tmp_path / "cohort")
        words = ["train", str(home / "cox.yaml"), "--cohort", str(tmp_path / "cohort"), "--out", str(tmp_path / "run")]
        assert main(words) == 0
        shutil.rmtree(tmp_path / "cohort")
        capsys.readouterr()
        assert main(["evaluate", str(tmp_path / "run")]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == (
            f"Error: {tmp_path / 'run'}: the run's own cohort, {tmp_path / 'cohort'}, is no longer there, and its test "
            "patients with it.\n  Put it back, or name a cohort with `--cohort`; all patients of that one are scored.\n"
        )
        assert main(["evaluate", str(tmp_path / "run"), "--cohort", str(home / "cohort")]) == 0
        assert f"scored on all patients of {home / 'cohort'}" in " ".join(capsys.readouterr().out.split())


class TestPredict:
    def test_a_patient_on_eighty_columns(self, home: Path) -> None:
        lines = on_a_screen(home, 80, "predict", "run", "--cohort", "cohort", "--patient", "P003")
        assert lines[0] == "Probability that the event has not come, under each arm:"
        assert lines[2] == "P003"
        assert lines[3].split() == ["sbrt", "surgery"]
        assert [line.split()[:4] for line in lines[4:7]] == [
            ["os", "at", "1", "year"],
            ["os", "at", "3", "years"],
            ["os", "at", "5", "years"],
        ]
        assert lines[7].split() == [
            "utility:",
            "0.7",
            "os",
            "+",
            "0.3",
            "lc",
            "at",
            "3",
            "years",
            *["unknown", "[1]"] * 2,
        ]
        assert lines[8] == "  [1] the run does not predict lc at 3 years"
        assert max(map(len, lines)) <= 80

    def test_json_csv_and_table_say_the_same(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        words = [
            "predict",
            str(home / "run"),
            "--cohort",
            str(home / "cohort"),
            "--patient",
            "P003",
            "--patient",
            "P010",
        ]
        table = printed(capsys, *words)
        rows = list(csv.DictReader(io.StringIO("\n".join(printed(capsys, *words, "--format", "csv")))))
        data = json.loads("\n".join(printed(capsys, *words, "--format", "json")))
        assert data["patients"] == ["P003", "P010"]
        figures = [row for row in rows if row["figure"] != "utility"]
        assert len(figures) == len(data["probabilities"]) == 2 * 2 * 3
        for row, found in zip(figures, data["probabilities"], strict=True):
            assert (row["patient"], row["arm"], row["figure"]) == (found["patient"], found["arm"], found["endpoint"])
            assert float(row["value"]) == found["probability"]
            assert any(f"{found['probability']:.3f}" in line for line in table)
        assert {row["reason"] for row in rows if row["figure"] == "utility"} == {
            "the run does not predict lc at 3 years"
        }
        assert {found["value"] for found in data["utilities"]} == {None}

    def test_an_unknown_patient_is_said_with_the_nearest(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        words = ["predict", str(home / "run"), "--cohort", str(home / "cohort"), "--patient", "P03"]
        assert main(words) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == (
            f"Error: {home / 'cohort' / 'patients.csv'}: the cohort has no patient `P03`; it has 300. "
            "Nearest: P203, P103, P093.\n"
        )
