"""`training.device` and `training.precision` on this machine (S28)."""

from __future__ import annotations

import pytest
import torch

from mmcare.errors import SpecError
from mmcare.spec import TrainingConfig
from mmcare.training import Place, choose_place

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")


def test_auto_takes_what_is_there() -> None:
    assert choose_place(TrainingConfig()) == Place("cpu", "fp32")
    assert str(choose_place(TrainingConfig())) == "cpu, fp32"


def test_bf16_is_there_on_a_cpu_by_option() -> None:
    assert choose_place(TrainingConfig(precision="bf16")) == Place("cpu", "bf16")
    assert str(choose_place(TrainingConfig(precision="bf16"))) == "cpu, bf16"


def test_cuda_where_there_is_none() -> None:
    with pytest.raises(SpecError) as error:
        choose_place(TrainingConfig(device="cuda"))
    assert str(error.value) == (
        "training.device: `cuda` was asked for, and this machine has no CUDA device that torch can use. "
        "Write `device: auto` or `device: cpu`; `mmcare doctor` says what torch sees."
    )
