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


@pytest.fixture(params=["cohort", "cohort_untied"], scope="session")
def reference(request: pytest.FixtureRequest) -> Reference:
    return load(request.param)
