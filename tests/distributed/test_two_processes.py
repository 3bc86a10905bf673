"""Two processes of 8 patients give the loss and the gradients of one of 16."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    found = importlib.util.spec_from_file_location("two_processes", SCRIPT)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def one(script: ModuleType) -> dict[str, Tensor]:
    return script.everything(None)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    folder = tmp_path_factory.mktemp("processes")
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = [subprocess.Popen([sys.executable, str(SCRIPT), str(rank), str(folder)], env=env) for rank in (0, 1)]
    try:
        assert [process.wait(timeout=240) for process in running] == [0, 0]
    finally:
        for process in running:
            process.kill()
    return load_file(folder / "0.safetensors"), load_file(folder / "1.safetensors")


@pytest.mark.parametrize("split", ["8 and 8", "11 and 5", "all and none"])
@pytest.mark.parametrize("name", ["default", "paper", "sigmoid"])
def test_the_loss_of_given_scores_is_that_of_the_whole_batch(name: str, split: str, one, two) -> None:
    key = f"head {name}, {split}:"
    for of in two:
        torch.testing.assert_close(of[f"{key} loss"], one[f"{key} loss"], rtol=0, atol=1e-6)
    for endpoint in ("os", "lc"):
        mean = (two[0][f"{key} {endpoint}"] + two[1][f"{key} {endpoint}"]) / 2  # as distributed training averages
        torch.testing.assert_close(mean, one[f"{key} {endpoint}"], rtol=0, atol=1e-6)
        assert float(mean.abs().max()) > 1e-3


@pytest.mark.parametrize("name", ["late", "cross-attention"])
def test_a_network_without_batch_norm_learns_alike_though_one_process_has_no_genome(name: str, one, two) -> None:
    keys = [key for key in one if key.startswith(f"model {name}:")]
    assert any("modality-genomic" in key for key in keys)
    for key in keys:
        for of in two:
            torch.testing.assert_close(of[key], one[key], rtol=0, atol=1e-6)
    assert all({key for key in of if key.startswith(f"model {name}:")} == set(keys) for of in two)
