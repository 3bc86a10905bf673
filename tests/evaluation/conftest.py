"""The cohorts and values of R beside `tests/survival`, as what evaluation takes."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mmcare.evaluation import Scored, expected_events

DATA = Path(__file__).parents[1] / "survival" / "data"
EDGES = np.array([0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 5])


@dataclass(frozen=True)
class Reference:
    """One of the two cohorts, and R's values for it."""

    name: str
    columns: dict[str, np.ndarray]
    entries: dict

    def value(self, key: str):
        return self.entries[f"{self.name}.{key}"]["value"]

    def scored(self, endpoint: str) -> Scored:
        """All patients with the risks of the columns p."""
        return Scored(
            risk=np.stack([self.columns[f"p_{endpoint}_{t}"] for t in (1, 3, 5)], axis=1),
            time=self.columns[f"{endpoint}_time"],
            event=self.columns[f"{endpoint}_event"].astype(int),
            arm=self.columns["arm"].astype(int),
            horizons=(1.0, 3.0, 5.0),
            competing=endpoint == "lc",
        )

    def arm(self, endpoint: str, code: int) -> Scored:
        scored = self.scored(endpoint)
        return scored.take(scored.arm == code)

    def head(self, endpoint: str) -> Scored:
        """The discrete head of `own.discrete_head`, as curves at the edges that a prognosis holds."""
        free, competing = self._curves(endpoint)
        scored = self.scored(endpoint)
        expected = expected_events(free, competing, EDGES, scored.time, scored.horizons)
        risk = 1 - free[:, np.searchsorted(EDGES, scored.horizons)]
        return Scored(risk, scored.time, scored.event, scored.arm, scored.horizons, scored.competing, expected)

    def _curves(self, endpoint: str) -> tuple[np.ndarray, np.ndarray | None]:
        """(n, K+1) free of the event and competing incidence, by the formula that the entry states."""
        age, ecog, size, arm = (self.columns[name][:, None] for name in ("age10", "ecog", "size", "arm"))
        width, start = np.log(np.diff(EDGES)), np.ones((len(age), 1))
        if endpoint == "os":
            k = np.arange(1, 9)
            logit = np.where(arm == 0, -2.0, -2.2) + 0.05 * k + 0.3 * age + 0.4 * ecog + width
            return np.hstack([start, np.cumprod(1 / (1 + np.exp(logit)), axis=1)]), None
        failure = np.exp(np.where(arm == 0, -2.6, -2.5) + 0.3 * size + width)
        death = np.exp(-2.3 + 0.3 * age + 0.4 * ecog + width)
        none = 1 / (1 + failure + death)
        entering = np.hstack([start, np.cumprod(none, axis=1)[:, :-1]])
        failed, dead = (np.cumsum(entering * cause * none, axis=1) for cause in (failure, death))
        return np.hstack([start, 1 - failed]), np.hstack([0 * start, dead])


def load(name: str) -> Reference:
    with (DATA / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}
    return Reference(name, columns, json.loads((DATA / "reference.json").read_text())["entries"])


@pytest.fixture(params=["cohort", "cohort_untied"], scope="session")
def reference(request: pytest.FixtureRequest) -> Reference:
    return load(request.param)


@pytest.fixture(scope="session")
def tied() -> Reference:
    return load("cohort")
