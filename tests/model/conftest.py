"""Twenty-four synthetic patients with CT, table and genes in real files; what the shipped demo's model sees of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmcare.cache import Cache
from mmcare.cohort import Cohort, read_cohort
from mmcare.inputs import Inputs, read_inputs
from mmcare.model import Model, build
from mmcare.run import segmenters_of
from mmcare.spec import Spec, load_spec
from mmcare.synthetic import draw, write_cohort

DEMO = Path(__file__).parents[2] / "examples" / "demo.yaml"
SMALL = ("modalities.ct.size=[16, 16, 16]", "modalities.ct.spacing_mm=6.0", "modalities.ct.encoder.stride=8")


@pytest.fixture(scope="session")
def spec() -> Spec:
    """The demo's spec, with smaller volumes."""
    return load_spec(DEMO, SMALL)


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """The patients on disk."""
    folder = tmp_path_factory.mktemp("synthetic") / "cohort"
    write_cohort(draw("heterogeneous", 24, 3), folder, size_voxels=20, spacing_mm=6.0)
    return read_cohort(folder)


@pytest.fixture(scope="session")
def inputs(spec: Spec, cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """All of them, fitted on themselves."""
    cache = Cache(tmp_path_factory.mktemp("cache"))
    read = read_inputs(spec, cohort, cohort.outcome_layout(), segmenters=segmenters_of(spec), cache=cache)
    return read.fit(cohort.patients)


@pytest.fixture
def model(spec: Spec, cohort: Cohort, inputs: Inputs) -> Model:
    """The demo's model before its first step, its heads fitted on the patients."""
    torch.manual_seed(0)
    model = build(spec, inputs.layouts, cohort.outcome_layout())
    model.fit(inputs.outcomes_of(inputs.patients))
    return model
