"""A CT such as training never saw is named, though fusion brings all tokens to one scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import mmcare
from mmcare.cache import Cache
from mmcare.cohort import read_cohort
from mmcare.components import Batch, VolumeBatch
from mmcare.decision.decide import _AT_ONCE
from mmcare.decision.networks import features
from mmcare.decision.state import DecisionState, read_state
from mmcare.model import Model, encoded
from mmcare.run import NetworkPredictor
from mmcare.synthetic import draw, write_cohort
from mmcare.workflow.options import Options

SPEC = """\
mmcare: 1
name: ct
modalities:
  ct:
    use: ct
    spacing_mm: 4.0
    size: [16, 16, 16]
    margin_mm: 8
    roi: {use: mask}
    encoder: {use: resnet3d, backbone: resnet10t, stride: 8}
  clinical: {use: table, encoder: {use: mlp, hidden: [16]}}
fusion: {use: cross-attention, dim: 16, heads: 2, steps: 1}
head: {use: dual-task, hidden: [16]}
training: {lr: 1.0e-3, max_epochs: 3, batch_size: 16, device: cpu}
decision: {bootstrap: 0}
"""
Seen = tuple[Model, DecisionState, Batch]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """A network, its state, and patients it was not trained on."""
    folder = tmp_path_factory.mktemp("ct")
    write_cohort(draw("heterogeneous", 120, 2), folder / "cohort", size_voxels=24, spacing_mm=4.0)
    (folder / "spec.yaml").write_text(SPEC)
    options = Options(out=folder / "run", cache=Cache(folder / "cache"))
    run = mmcare.fit(folder / "spec.yaml", folder / "cohort", options=options)
    patients = (*run.folder.patients("validation"), *run.folder.patients("test"))
    assert len(patients) <= _AT_ONCE and isinstance(run.predictor, NetworkPredictor)
    state = read_state(run.folder)
    assert state is not None
    inputs = run.inputs(read_cohort(folder / "cohort"), patients, with_outcomes=False)
    return run.predictor.model, state, inputs.batch(patients, with_outcomes=False)


def share_beyond(seen: Seen, hu: torch.Tensor) -> tuple[float, str]:
    """Of patients with these CTs, the share beyond the threshold, and the part that is farthest in most of them."""
    model, state, batch = seen
    ct = batch.modalities["ct"]
    assert isinstance(ct, VolumeBatch)
    asked = replace(batch, modalities={**batch.modalities, "ct": replace(ct, values=hu)})
    found = state.distribution.distances(
        features([encoded(model, asked)]), asked.present.numpy(), state.summary.modalities
    )
    parts = [name for name, _ in state.summary.scales]
    return float((found.max(1) >= state.summary.threshold).mean()), parts[int(np.median(found, axis=0).argmax())]


def own_hu(seen: Seen) -> torch.Tensor:
    ct = seen[2].modalities["ct"]
    assert isinstance(ct, VolumeBatch)
    return ct.values


def test_patients_like_those_of_training_pass(seen: Seen) -> None:
    assert share_beyond(seen, own_hu(seen))[0] < 0.3


@pytest.mark.parametrize("kind", ["noise", "metal", "stored without the offset of 1024"])
def test_a_ct_such_as_training_never_saw_does_not(seen: Seen, kind: str) -> None:
    hu = own_hu(seen)
    noise = torch.empty_like(hu).uniform_(-1000, 1000, generator=torch.Generator().manual_seed(0))
    spoilt = {"noise": noise, "metal": torch.full_like(hu, 3000.0)}.get(kind, hu + 1024)
    share, farthest = share_beyond(seen, spoilt)
    assert share > 0.9 and farthest == "ct"
