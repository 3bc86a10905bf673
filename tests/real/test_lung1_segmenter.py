"""Whole thoracic CTs through a U-Net that learned from synthetic nodules: the way and its memory, whatever it finds."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mmcare import load_run
from mmcare.cache import Cache
from mmcare.cohort import read_cohort
from mmcare.run import SegmenterRun
from mmcare.synthetic import draw, write_cohort
from mmcare.workflow.demo import example
from mmcare.workflow.fit import fit
from mmcare.workflow.options import Options
from mmcare.workflow.segmenter import fit_segmenter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

PATIENTS = ("LUNG1-001", "LUNG1-002")
DRAWN_ML = {"LUNG1-001": 156.3, "LUNG1-002": 359.5}
LARGEST_MEMORY_GB = 24
LEARNS = [
    "segmenter.patch=[64, 64, 64]",
    "segmenter.channels=[8, 16, 32, 64]",
    "segmenter.residual_units=1",
    "training.lr=3e-3",
    "training.batch_size=4",
    "training.max_epochs=8",
]
SPACINGS = {"at 1.5 mm": 1.5, "at the scan's own spacing": None}


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "cohort"
    write_cohort(draw("heterogeneous", 60, 5), folder, size_voxels=64, spacing_mm=1.5)
    return folder


@pytest.fixture(scope="module", params=SPACINGS.values(), ids=list(SPACINGS))
def segmenter(
    request: pytest.FixtureRequest, synthetic: Path, cache: Cache, tmp_path_factory: pytest.TempPathFactory
) -> SegmenterRun:
    spacing = "null" if request.param is None else request.param
    return fit_segmenter(
        example("segmenter.yaml"),
        synthetic,
        overrides=[*LEARNS, f"segmenter.spacing_mm={spacing}"],
        options=Options(out=tmp_path_factory.mktemp("run") / "segmenter", cache=cache),
    )


def test_whole_cts_are_located_in_bounded_memory_and_scored(segmenter: SegmenterRun, lung1: Path) -> None:
    """512 x 512 voxels a slice; Dice on the scan's own grid is printed, and nothing is asked of it."""
    command = [sys.executable, "-m", "mmcare.cli.main", "evaluate", str(segmenter.path), "--cohort", str(lung1)]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    each = {mask["patient"]: mask for mask in json.loads(done.stdout)["each"]}
    assert set(each) == set(PATIENTS)
    for patient, mask in each.items():
        print(f"\n{patient}: Dice {mask['dice']:.3f}, HD95 {mask['hausdorff_95_mm']}, found {mask['found_ml']:.0f} ml")
        assert 0 <= mask["dice"] <= 1
        assert mask["truth_ml"] == pytest.approx(DRAWN_ML[patient], abs=0.1)
    gigabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"largest memory: {gigabytes:.1f} GB")
    assert gigabytes < LARGEST_MEMORY_GB


def test_a_model_that_locates_with_it_predicts_for_them(
    segmenter: SegmenterRun, synthetic: Path, lung1: Path, cache: Cache, tmp_path: Path
) -> None:
    spacing = segmenter.spec.segmenter.config.spacing_mm
    roi = {
        "use": "unet3d",
        "spacing_mm": spacing,
        "patch": [64, 64, 64],
        "channels": [8, 16, 32, 64],
        "residual_units": 1,
        "weights": str(segmenter.path),
    }
    run = fit(
        example("demo.yaml"),
        synthetic,
        overrides=[f"modalities.ct.roi={json.dumps(roi)}", "training.max_epochs=1"],
        options=Options(out=tmp_path / "run", cache=cache),
    )
    prediction = load_run(run.path).predict(read_cohort(lung1))
    assert prediction.patients == PATIENTS
    for endpoint in prediction.prognosis.endpoints.values():
        within = torch.tensor(endpoint.horizons) <= endpoint.support_years[:, None]
        assert bool(within.any())
        assert bool((endpoint.at_horizons.isfinite() == within).all())
    located = {finding.patient for finding in prediction.findings if finding.patient and finding.code == "ct"}
    print(f"\nlocated, with a box that overflows: {sorted(located)}")
