"""Synthetic worlds at a size that is fitted in seconds: clinical table and genome, no CT."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import mmcare
from mmcare.cache import Cache
from mmcare.cohort import read_cohort
from mmcare.decision import Advice, decide
from mmcare.decision.rule import quantile
from mmcare.decision.state import Summary, read_state
from mmcare.run import Run
from mmcare.synthetic import Draw, draw
from mmcare.synthetic.write import CT_ENTRY, DICTIONARY, write_tables
from mmcare.workflow.options import Options

PATIENTS = 2000
"""So many that in most cohorts each fold trains on 20 local failures of each arm: with fewer nobody is advised."""
SPEC = """\
mmcare: 1
name: world
modalities:
  clinical: {use: table, encoder: {use: mlp, hidden: [16]}}
  genomic: {use: gene-graph, optional: true, encoder: {use: gcn, layers: 2}}
fusion: {use: concat, dim: 16}
head: {use: dual-task, hidden: [16]}
training: {lr: 5.0e-3, max_epochs: 12, batch_size: 128, early_stopping: {patience: 3}, device: cpu}
decision: {bootstrap: 0, cross_fit: 5}
"""
REFITS = 50


@dataclass(frozen=True)
class Decided:
    """One replicate: a cohort drawn, the pipeline run on it, and what is advised for its test patients."""

    draw: Draw
    run: Run
    summary: Summary
    rows: np.ndarray
    advice: tuple[Advice, ...]

    @property
    def advised(self) -> np.ndarray:
        return np.array([advice.arm is not None for advice in self.advice])

    def failed(self, name: str) -> np.ndarray:
        """Of each test patient, whether a step failed."""
        return np.array([name in [step.name for step in advice.failed] for advice in self.advice])


def write_world(world: str, seed: int, folder: Path, patients: int = PATIENTS) -> Draw:
    """A cohort folder without CTs."""
    drawn = draw(world, patients, seed)
    folder.mkdir(parents=True)
    write_tables(drawn, folder, DICTIONARY.replace(CT_ENTRY, ""))
    return drawn


def decided(world: str, seed: int, folder: Path, patients: int = PATIENTS) -> Decided:
    """Draw, train with out-of-fold differences, decide for the test patients.

    The refits are made only where the gate opens: behind a closed gate nobody is advised whatever they say. A second
    run of the same seeds is the same run with refits.
    """
    drawn = write_world(world, seed, folder / "cohort", patients)
    run = _fit(folder, "run", [])
    if is_open(summary_of(run)):
        run = _fit(folder, "with-refits", [f"decision.bootstrap={REFITS}"])
    cohort = read_cohort(folder / "cohort")
    test = run.folder.patients("test")
    advice = decide(run, run.inputs(cohort, test, with_outcomes=False))
    rows = np.array([cohort.patients.index(patient) for patient in test])
    return Decided(drawn, run, summary_of(run), rows, advice)


def summary_of(run: Run) -> Summary:
    state = read_state(run.folder)
    assert state is not None
    return state.summary


def is_open(summary: Summary) -> bool:
    """Whether the gate of the two arms is passed."""
    (gate,) = summary.gates
    return gate.line is not None and gate.line.ratio > quantile(1)


def _fit(folder: Path, name: str, overrides: list[str]) -> Run:
    (folder / "spec.yaml").write_text(SPEC)
    silent = Options(out=folder / name, cache=Cache(folder / "cache"), tell_findings=lambda findings: None)
    return mmcare.fit(folder / "spec.yaml", folder / "cohort", overrides=overrides, options=silent)
