"""A small cohort of two arms, two specs of its table, and `mmcare` in processes of its own."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from .processes import Processes

DICTIONARY = """\
mmcare_cohort: 1
patients: {file: patients.csv, id: patient_id}
arms: {column: arm, values: {sbrt: SBRT, surgery: surgical resection}}
endpoints:
  os: {time: years, event: died, horizons: [1, 2]}
columns:
  age: {type: number, unit: years}
  sex: {type: category, levels: [female, male]}
"""
PLAIN = """\
mmcare: 1
name: plain
modalities:
  clinical: {use: table, encoder: {use: mlp, hidden: [8]}}
head: {use: dual-task, hidden: [], endpoints: {os: {model: discrete}}}
training: {lr: 1.0e-3, max_epochs: 3, device: cpu}
"""
ALL_ON = """\
mmcare: 1
name: all-on
modalities:
  clinical: {use: table, encoder: {use: mlp, hidden: [8]}}
  again: {use: table, encoder: {use: mlp, hidden: [8], pooled: true}}
fusion: {use: concat, dim: 8}
head: {use: dual-task, endpoints: {os: {model: discrete}}}
training:
  lr: 0.02
  max_epochs: 40
  accumulate: 2
  clip_gradient_norm: 1.0
  modality_dropout: 0.3
  scheduler: cosine
  average_weights: 0.9
  early_stopping: {metric: loss, patience: 2}
  device: cpu
"""


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Processes:
    """Starts `mmcare`; all share a cache."""
    return Processes(tmp_path_factory.mktemp("processes"))


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort of 80 patients that nobody changes."""
    return write_cohort(tmp_path_factory.mktemp("table") / "cohort")


@pytest.fixture(scope="session")
def specs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `plain.yaml` and `all-on.yaml`."""
    folder = tmp_path_factory.mktemp("specs")
    (folder / "plain.yaml").write_text(PLAIN)
    (folder / "all-on.yaml").write_text(ALL_ON)
    return folder


def write_cohort(folder: Path, patients: int = 80) -> Path:
    """A cohort folder with a table alone, half of whose patients died."""
    rng = np.random.default_rng(5)
    folder.mkdir(parents=True)
    (folder / "cohort.yaml").write_text(DICTIONARY)
    with (folder / "patients.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient_id", "arm", "years", "died", "age", "sex"])
        for n in range(patients):
            arm, sex = ("sbrt", "surgery")[n % 2], ("female", "male")[n // 3 % 2]
            years, age = 0.2 + 3 * float(rng.random()), 55 + 30 * float(rng.random())
            writer.writerow([f"PAT-{n:03d}", arm, f"{years:.4f}", n // 2 % 2, f"{age:.1f}", sex])
    return folder
