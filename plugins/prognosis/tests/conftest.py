"""Values computed by R (data/README.md), the cohorts they were computed on, and outcomes made of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mmcare.components import Endpoint, OutcomeLayout, Outcomes
from mmcare_prognosis.dual_task import DualTask

DATA = Path(__file__).parent / "data"
LAYOUT = OutcomeLayout(
    ("sbrt", "surgery"), (Endpoint("os", (1.0, 3.0, 5.0)), Endpoint("lc", (1.0, 3.0, 5.0), competing=True))
)


@dataclass(frozen=True)
class Cohort:
    """One of the two cohorts, and R's values for it."""

    name: str
    columns: dict[str, np.ndarray]
    entries: dict
    layout: OutcomeLayout = LAYOUT

    def value(self, key: str):
        return self.entries[f"{self.name}.{key}"]["value"]

    def tensor(self, *names: str) -> Tensor:
        """(n, len(names)) float64."""
        return torch.tensor(np.stack([self.columns[name] for name in names], axis=1))

    @property
    def outcomes(self) -> Outcomes:
        return Outcomes(
            arm=torch.tensor(self.columns["arm"]).long(),
            time=self.tensor("os_time", "lc_time"),
            event=self.tensor("os_event", "lc_event").long(),
        )


def load(name: str) -> Cohort:
    with (DATA / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}
    return Cohort(name, columns, json.loads((DATA / "reference.json").read_text())["entries"])


def at_its_optimum(head: DualTask, r: Tensor, outcomes: Outcomes) -> DualTask:
    """The head after full-batch training to the end."""
    optimizer = torch.optim.LBFGS(
        head.parameters(), max_iter=300, tolerance_grad=1e-12, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = head.loss(head(r), outcomes).total
        loss.backward()
        return loss

    optimizer.step(closure)
    return head


@pytest.fixture(scope="session")
def trained() -> Callable[[DualTask, Tensor, Outcomes], DualTask]:
    """Trains a head to its optimum."""
    return at_its_optimum


@pytest.fixture(params=["cohort", "cohort_untied"], scope="session")
def cohort(request: pytest.FixtureRequest) -> Cohort:
    return load(request.param)


@pytest.fixture(scope="session")
def tied() -> Cohort:
    return load("cohort")
