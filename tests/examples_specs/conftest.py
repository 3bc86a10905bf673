"""A small tri-modal cohort on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcare.cache import Cache
from mmcare.cohort import Cohort, read_cohort
from mmcare.synthetic import draw, write_cohort

PATIENTS = 10


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """CT of 96 mm, clinical table, genomes; besides `os` and `lc` it names the endpoint `rfs`."""
    folder: Path = tmp_path_factory.mktemp("synthetic") / "cohort"
    write_cohort(draw("heterogeneous", PATIENTS, seed=0), folder, size_voxels=24, spacing_mm=4.0)
    dictionary = folder / "cohort.yaml"
    more = "endpoints:\n  rfs: {time: os_years, event: os_event, horizons: [1, 3]}\n"
    dictionary.write_text(dictionary.read_text().replace("endpoints:\n", more))
    return read_cohort(folder)
