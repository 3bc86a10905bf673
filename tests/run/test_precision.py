"""What comes after training computes in fp32, also on a GPU that would rather not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmcare.cohort import read_cohort
from mmcare.run import NetworkPredictor, Run


def test_predictions_and_representations_are_made_without_tf32(
    network: Run, cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(network.predictor, NetworkPredictor)
    batch = network.inputs(read_cohort(cohort), with_outcomes=False).batch(network.folder.patients("test")[:2])
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    seen: list[tuple[bool, bool]] = []

    def look(*_: object) -> None:
        seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))

    hook = network.predictor.model.encoders["clinical"].register_forward_pre_hook(look)
    try:
        network.predictor.prognosis(batch)
        network.predictor.representation(batch)
    finally:
        hook.remove()
    assert seen == [(False, False), (False, False)]
    assert torch.backends.cudnn.allow_tf32
