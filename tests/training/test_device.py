"""`device:` on a machine without what it names (S28)."""

from __future__ import annotations

import pytest
import torch

from mmcare.errors import SpecError
from mmcare.spec import TrainingConfig
from mmcare.training.train import choose_device


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_where_there_is_none() -> None:
    assert choose_device(TrainingConfig(device="auto")) == "cpu"
    with pytest.raises(SpecError) as error:
        choose_device(TrainingConfig(device="cuda"))
    assert str(error.value) == (
        "training.device: `cuda` was asked for, and this machine has no CUDA device that torch can use. "
        "Write `device: auto` or `device: cpu`; `mmcare doctor` says what torch sees."
    )
