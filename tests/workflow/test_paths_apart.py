"""Late fusion's paths are models of their own: each keeps the epoch at which it did best by itself."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

import mmcare
from mmcare.model import Model
from mmcare.run import Run
from mmcare.workflow import Options

SPEC = """\
mmcare: 1
name: late
modalities:
  clinical: {use: table, encoder: {use: mlp, hidden: [8]}}
  again: {use: table, encoder: {use: mlp, hidden: [64, 64], pooled: true}}
fusion: {use: late, dim: 8}
head: {use: dual-task, hidden: [16], endpoints: {os: {model: discrete}}, recalibrate: none}
training: {lr: 0.01, max_epochs: 12, average_weights: 0.9, early_stopping: {metric: loss, patience: 12}, device: cpu}
decision: {utility: {os: 1.0}, bootstrap: 0}
"""


def run_of(folder: Path, table: Path, *overrides: str) -> Run:
    folder.mkdir()
    (folder / "spec.yaml").write_text(SPEC)
    return mmcare.fit(folder / "spec.yaml", table, overrides=overrides, options=Options(out=folder / "run"))


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Run:
    return run_of(tmp_path_factory.mktemp("late") / "a", table)


def network(run: Run) -> Model:
    return run.predictor.model  # type: ignore[attr-defined]


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Bit for bit; NaN stands where follow-up ends."""
    return torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def logged(run: Run, column: str) -> list[float]:
    (file,) = run.path.glob("logs/csv/**/metrics.csv")
    rows = list(csv.DictReader(file.read_text().splitlines()))
    return [float(row[column]) for row in rows if row[column]]


def test_each_path_ends_at_its_own_best_epoch(late: Run, table: Path, tmp_path: Path) -> None:
    best = {}
    for path in ("clinical", "again"):
        losses = logged(late, f"val_loss_{path}")
        best[path] = losses.index(min(losses)) + 1
    assert best["clinical"] != best["again"], "else this shows nothing"
    for path, epochs in best.items():
        alone = run_of(
            tmp_path / path, table, f"training.max_epochs={epochs}", "training.early_stopping={metric: none}"
        )
        expected, found = (network(run).state_dict() for run in (alone, late))
        own = network(late).apart[path]
        assert all(same(found[name], expected[name]) for name in own), path
        assert not all(same(found[name], expected[name]) for name in found), "the other path is elsewhere"


def test_the_losses_of_paths_sum_to_the_loss(late: Run) -> None:
    for whole, one, other in zip(*(logged(late, f"val_loss{p}") for p in ("", "_clinical", "_again")), strict=True):
        assert whole == pytest.approx(one + other, rel=1e-5)


def test_only_paths_that_share_nothing_are_apart(late: Run, table: Path, tmp_path: Path) -> None:
    apart = network(late).apart
    assert list(apart) == ["clinical", "again"]
    assert sorted(name for names in apart.values() for name in names) == sorted(network(late).state_dict())
    joint = run_of(tmp_path / "joint", table, "fusion.use=concat", "training.max_epochs=1")
    assert network(joint).apart == {}
