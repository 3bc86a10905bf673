"""Values computed by R (data/README.md), and the cohorts they were computed on."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Reference:
    """One of the two cohorts, and R's values for it."""

    name: str
    columns: dict[str, np.ndarray]
    entries: dict

    def value(self, key: str):
        return self.entries[f"{self.name}.{key}"]["value"]

    def of(self, endpoint: str, group: str = "all"):
        """time, event of an endpoint in a group (all, arm0, arm1)."""
        keep = self.rows(group)
        return self.columns[f"{endpoint}_time"][keep], self.columns[f"{endpoint}_event"][keep].astype(int)

    def rows(self, group: str) -> np.ndarray:
        arm = self.columns["arm"]
        return np.ones(len(arm), bool) if group == "all" else arm == int(group[-1])

    def column(self, name: str, group: str = "all") -> np.ndarray:
        return self.columns[name][self.rows(group)]


def load(name: str) -> Reference:
    with (DATA / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}
    return Reference(name, columns, json.loads((DATA / "reference.json").read_text())["entries"])


def given_head(reference: Reference, endpoint: str) -> np.ndarray:
    """(n, C, K) hazards of the head whose formula `own.discrete_head` gives in its `args`."""
    edges = np.array([0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 5])
    width, k = np.log(np.diff(edges)), np.arange(1, 9)
    age, ecog, size, arm = (reference.column(name)[:, None] for name in ("age10", "ecog", "size", "arm"))
    if endpoint == "os":
        logit = np.where(arm == 0, -2.0, -2.2) + 0.05 * k + 0.3 * age + 0.4 * ecog + width
        return (1 / (1 + np.exp(-logit)))[:, None]
    failure = np.exp(np.where(arm == 0, -2.6, -2.5) + 0.3 * size + width)
    death = np.exp(-2.3 + 0.3 * age + 0.4 * ecog + width)
    return np.stack([failure, death], axis=1) / (1 + failure + death)[:, None]


@pytest.fixture(params=["cohort", "cohort_untied"], scope="session")
def reference(request: pytest.FixtureRequest) -> Reference:
    return load(request.param)
