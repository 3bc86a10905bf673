"""A cohort with values computed by R (data/README.md), as the batches that a baseline reads."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcare.components import Batch, Endpoint, Feature, OutcomeLayout, Outcomes, TableBatch, TableLayout

DATA = Path(__file__).parent / "data"
COVARIATES = ("age10", "size", "ecog", "copd")
OUTCOMES = OutcomeLayout(
    ("sbrt", "surgery"), (Endpoint("os", (1.0, 3.0, 5.0)), Endpoint("lc", (1.0, 3.0, 5.0), competing=True))
)
TABLE = TableLayout(features=tuple(Feature(name) for name in COVARIATES))


@dataclass(frozen=True)
class Cohort:
    """The cohort's columns, and R's values for it."""

    columns: dict[str, np.ndarray]
    entries: dict
    layout: OutcomeLayout = OUTCOMES
    layouts: Mapping[str, TableLayout] = field(default_factory=lambda: {"clinical": TABLE})

    def value(self, key: str):
        return self.entries[f"cohort.{key}"]["value"]

    def tensor(self, *names: str) -> torch.Tensor:
        return torch.tensor(np.stack([self.columns[name] for name in names], axis=1))

    @property
    def outcomes(self) -> Outcomes:
        return Outcomes(
            arm=torch.tensor(self.columns["arm"]).long(),
            time=self.tensor("os_time", "lc_time"),
            event=self.tensor("os_event", "lc_event").long(),
        )

    @property
    def batch(self) -> Batch:
        return self.of(self.tensor(*COVARIATES), self.outcomes)

    @staticmethod
    def of(values: torch.Tensor, outcomes: Outcomes) -> Batch:
        """A batch of numbers (n, 4), all of them measured."""
        measured = torch.ones(values.shape, dtype=torch.bool)
        table = TableBatch(rows=torch.arange(len(values)), values=values.float(), measured=measured)
        ids = tuple(f"P{row}" for row in range(len(values)))
        present = torch.ones(len(values), 1, dtype=torch.bool)
        return Batch(modalities={"clinical": table}, present=present, names=("clinical",), ids=ids, outcomes=outcomes)


@pytest.fixture(scope="session")
def cohort() -> Cohort:
    with (DATA / "cohort.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}
    return Cohort(columns, json.loads((DATA / "reference.json").read_text())["entries"])
