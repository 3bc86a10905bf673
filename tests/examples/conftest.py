"""A tiny cohort with a table, and `mmcare` in a process of its own."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
DICTIONARY = """\
mmcare_cohort: 1
patients: {file: patients.csv, id: patient_id}
endpoints:
  os: {time: years, event: died, horizons: [1, 2]}
columns:
  age: {type: number, unit: years}
  sex: {type: category, levels: [female, male]}
"""

Mmcare = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of examples."""
    return EXAMPLES


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 patients of one arm, with events enough for personal figures."""
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("cohort")
    (folder / "cohort.yaml").write_text(DICTIONARY)
    with (folder / "patients.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient_id", "years", "died", "age", "sex"])
        for n in range(60):
            years = round(0.2 + 3 * float(rng.random()), 3)
            age = "" if n == 5 else round(60 + 20 * float(rng.random()))
            writer.writerow([f"P{n:02d}", years, int(n % 3 > 0), age, ("female", "male")[n % 2]])
    return folder


@pytest.fixture(scope="session")
def mmcare(tmp_path_factory: pytest.TempPathFactory) -> Mmcare:
    """Run `mmcare ...`; `path` is put on Python's."""
    home = tmp_path_factory.mktemp("home")

    def run(*words: object, path: Path | None = None) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "MMCARE_CACHE": str(home / "cache"), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        if path is not None:
            env["PYTHONPATH"] = str(path)
        command = [sys.executable, "-m", "mmcare.cli.main", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, env=env, cwd=home, timeout=300, check=False)

    return run
