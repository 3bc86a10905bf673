"""The U-Net learns to find the synthetic cohort's nodules, and goes through whole CTs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcare.cache import Cache
from mmcare.synthetic import draw, write_cohort
from mmcare.workflow.demo import example
from mmcare.workflow.evaluate_segmenter import evaluate_segmenter
from mmcare.workflow.options import Options
from mmcare.workflow.segmenter import fit_segmenter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

AT_3_MM = [
    "segmenter.spacing_mm=3.0",
    "segmenter.patch=[32, 32, 32]",
    "segmenter.channels=[8, 16, 32]",
    "segmenter.residual_units=1",
    "segmenter.overlap=0.5",
    "training.lr=3e-3",
    "training.batch_size=8",
    "training.max_epochs=40",
]


def test_it_finds_nodules_in_patients_that_it_has_not_seen(tmp_path: Path) -> None:
    write_cohort(draw("heterogeneous", 200, 11), tmp_path / "cohort", size_voxels=36, spacing_mm=3.0)
    run = fit_segmenter(
        example("segmenter.yaml"),
        tmp_path / "cohort",
        overrides=AT_3_MM,
        options=Options(out=tmp_path / "run", cache=Cache(tmp_path / "cache"), tell=print),
    )
    metrics = evaluate_segmenter(run)
    print(metrics.dice, metrics.hausdorff_95_mm, metrics.nothing_found)
    assert metrics.dice.mean is not None and metrics.dice.mean > 0.8
