"""A small run with all that decisions need, and one of two networks."""

from __future__ import annotations

from pathlib import Path

import pytest

import mmcare
from mmcare.cache import Cache
from mmcare.run import Run
from mmcare.synthetic import draw
from mmcare.synthetic.write import CT_ENTRY, DICTIONARY, write_tables
from mmcare.workflow.options import Options

SPEC = """\
mmcare: 1
name: small
modalities:
  clinical: {use: table, encoder: {use: mlp, hidden: [8]}}
  genomic: {use: gene-graph, optional: true, encoder: {use: gcn, layers: 1}}
fusion: {use: concat, dim: 8}
head: {use: dual-task, hidden: [8]}
training: {lr: 5.0e-3, max_epochs: 2, batch_size: 64, device: cpu}
decision: {bootstrap: 3, cross_fit: 2}
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds `cohort`, of 200 synthetic patients without CTs, and `spec.yaml`."""
    folder = tmp_path_factory.mktemp("decisions")
    (folder / "cohort").mkdir()
    write_tables(draw("heterogeneous", 200, 1), folder / "cohort", DICTIONARY.replace(CT_ENTRY, ""))
    (folder / "spec.yaml").write_text(SPEC)
    return folder


def train(folder: Path, name: str, *overrides: str, members: int = 1, reference: bool = True) -> Run:
    """A run of the spec, in `name`."""
    options = Options(out=folder / name, cache=Cache(folder / "cache"), members=members, reference=reference)
    return mmcare.fit(folder / "spec.yaml", folder / "cohort", overrides=overrides, options=options)


@pytest.fixture(scope="session")
def run(folder: Path) -> Run:
    """With out-of-fold differences of two folds and three refits."""
    return train(folder, "run")


@pytest.fixture(scope="session")
def ensemble(folder: Path) -> Run:
    """Of two networks, with two refits and without a reference."""
    return train(folder, "ensemble", "decision.cross_fit=0", "decision.bootstrap=2", members=2, reference=False)
