"""On a GPU: the default model trains in bf16 there, and predicts what it predicts on the CPU."""

from __future__ import annotations

import pytest
import torch

import mmcare
from mmcare.cache import Cache
from mmcare.run import NetworkPredictor, Run, load_run
from mmcare.synthetic import draw, write_cohort
from mmcare.workflow.demo import example
from mmcare.workflow.options import Options

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("cuda")
    write_cohort(draw("heterogeneous", 48, 0), folder / "cohort", size_voxels=36, spacing_mm=3.0)
    return mmcare.fit(
        example("mm-care.yaml"),
        folder / "cohort",
        overrides=["training.device=cuda", "training.max_epochs=2"],
        options=Options(out=folder / "run", cache=Cache(folder / "cache")),
    )


def test_it_trains_in_bf16(run: Run) -> None:
    assert (run.manifest.device, run.manifest.precision) == ("cuda", "bf16")


def test_both_devices_give_the_same_predictions(run: Run) -> None:
    cohort, _ = run.training_cohort()
    batch = run.inputs(cohort, with_outcomes=False).batch(run.folder.patients("test"), with_outcomes=False)
    network = load_run(run.path).predictor.model
    found = {device: NetworkPredictor(network.to(device)).prognosis(batch) for device in ("cpu", "cuda")}
    for name, endpoint in found["cpu"].endpoints.items():
        on_cuda = found["cuda"].endpoints[name].at_horizons.cpu()
        torch.testing.assert_close(on_cuda, endpoint.at_horizons, atol=1e-4, rtol=0, equal_nan=True)
