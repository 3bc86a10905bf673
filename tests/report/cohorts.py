"""Small cohorts and specs for reports."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

ARMS = ("sbrt", "surgery")
PLAIN = """\
mmcare_cohort: 1
patients: {file: patients.csv, id: patient_id}
arms: {column: arm, values: {sbrt: SBRT, surgery: surgical resection}}
endpoints:
  os: {time: os_years, event: died, horizons: [1, 2]}
  lc: {time: lc_years, event: failed, codes: {0: censored, 1: event, 2: competing}, horizons: [1, 2]}
columns:
  age: {type: number, unit: years}
  fev1: {type: number, unit: "%"}
  sex: {type: category, levels: [female, male]}
"""
SPEC = """\
mmcare: 1
name: plain
modalities:
  clinical: {use: table, encoder: {use: mlp, hidden: [8]}}
head:
  use: dual-task
  hidden: []
  endpoints: {os: {model: discrete, weight: 0.7}, lc: {model: competing-risk, weight: 0.3}}
training: {max_epochs: 2, lr: 0.01, device: cpu}
decision: {utility: {os: 0.7, lc: 0.3}, horizon: 1, bootstrap: 50}
"""
Row = Mapping[str, str]


def plain_rows(patients: int = 160) -> list[dict[str, str]]:
    """Two arms, half of whose patients had each event: enough for figures of their own; P005's age is not known."""
    rng = np.random.default_rng(7)
    rows = []
    for n in range(patients):
        age = 50 + 35 * rng.random()
        years = rng.exponential(60 / age) + 0.1
        row = {
            "patient_id": f"P{n:03d}",
            "arm": ARMS[n % 2],
            "os_years": f"{years:.4f}",
            "died": str(n // 2 % 2),
            "lc_years": f"{years * 0.8:.4f}",
            "failed": str(int(rng.choice(3, p=[0.3, 0.5, 0.2]))),
            "age": f"{age:.1f}",
            "fev1": f"{40 + 60 * rng.random():.0f}",
            "sex": ("female", "male")[n // 3 % 2],
        }
        rows.append(row)
    if patients > 5:
        rows[5]["age"] = ""
    return rows


def write(folder: Path, dictionary: str, rows: Sequence[Row]) -> Path:
    """A cohort folder."""
    folder.mkdir(parents=True)
    (folder / "cohort.yaml").write_text(dictionary)
    with (folder / "patients.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


TURNING = PLAIN + "confounders: {operability: [], performance_status: [], comorbidity: [], frailty: []}\n"
"""The arm is drawn by lot, so that nothing decides it; lung function is measured."""
DEATHS, FAILURES = {True: 0.1, False: 1.5}, {True: 1.0, False: 0.1}
"""Hazards a year, by whether the arm is the one that suits: with it fewer die, and more live to fail locally."""


def suits(sex: str, arm: str) -> bool:
    """Surgery women, SBRT men."""
    return (sex == "female") == (arm == "surgery")


def turning_rows(patients: int = 400) -> list[dict[str, str]]:
    """Patients whose best arm depends on their sex alone, by far; constant hazards, followed for 1.5 to 4 years."""
    rng = np.random.default_rng(7)
    rows = []
    for n in range(patients):
        arm, sex = ARMS[n % 2], ("female", "male")[n // 2 % 2]
        dies, fails = (rng.exponential(1 / rates[suits(sex, arm)]) for rates in (DEATHS, FAILURES))
        ends = rng.uniform(1.5, 4)
        first = min(dies, fails, ends)
        row = {
            "patient_id": f"P{n:03d}",
            "arm": arm,
            "os_years": f"{min(dies, ends):.4f}",
            "died": str(int(dies <= ends)),
            "lc_years": f"{first:.4f}",
            "failed": "1" if first == fails else "2" if first == dies else "0",
            "age": f"{50 + 35 * rng.random():.1f}",
            "fev1": f"{40 + 60 * rng.random():.0f}",
            "sex": sex,
        }
        rows.append(row)
    return rows
