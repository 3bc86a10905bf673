"""Real patients: folders named by MMCARE_TEST_DATA, made into cohorts and runs once a session."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from mmcare.cache import Cache
from mmcare.synthetic import draw, write_cohort
from mmcare.workflow.cohort_make import make_cohort
from mmcare.workflow.demo import example
from mmcare.workflow.fit import fit
from mmcare.workflow.options import Options

LUNG1 = """\
mmcare_cohort: 1
patients: {file: patients.csv, id: patient_id}
columns:
  age: {type: number, unit: years}
  sex: {type: category}
  histology: {type: category}
modalities:
  ct: {files: "dicom/{patient}", mask: "rtstruct/{patient}.dcm", roi: GTV-1}
"""
LUNG1_PATIENTS = """\
patient_id,age,sex,histology
LUNG1-001,78.7515,male,large cell
LUNG1-002,83.8001,male,squamous
"""


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """A cache of this session's own."""
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def msk(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cohort of the recipe `msk-luad-2020`, with STRING's network."""
    folder = tmp_path_factory.mktemp("msk") / "cohort"
    network = real_data / "networks" / "string_nsclc_interactions.tsv"
    make_cohort("msk-luad-2020", real_data / "msk-luad-2020", folder, {"network": str(network)})
    return folder


@pytest.fixture(scope="session")
def lung1(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two LUNG1 patients as published: DICOM folders, structure sets, and their columns of the clinical table."""
    folder = tmp_path_factory.mktemp("lung1")
    (folder / "rtstruct").mkdir()
    for patient in ("LUNG1-001", "LUNG1-002"):
        with tarfile.open(real_data / f"nsclc-radiomics-ct-{patient}" / f"{patient}.tar.xz") as archive:
            archive.extractall(folder / "archive", filter="data")
        (folder / "dicom").mkdir(exist_ok=True)
        (folder / "archive" / patient / "ct").rename(folder / "dicom" / patient)
        (structures,) = (folder / "archive" / patient / "rtstruct").iterdir()
        structures.rename(folder / "rtstruct" / f"{patient}.dcm")
    (folder / "patients.csv").write_text(LUNG1_PATIENTS)
    (folder / "cohort.yaml").write_text(LUNG1)
    return folder


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory, cache: Cache) -> Path:
    """A run of the demo's spec, of few patients and one epoch: enough to be asked, not to be believed."""
    folder = tmp_path_factory.mktemp("demo")
    write_cohort(draw("heterogeneous", 40, 0), folder / "cohort", size_voxels=24, spacing_mm=4.0)
    options = Options(out=folder / "run", cache=cache)
    return fit(example("demo.yaml"), folder / "cohort", overrides=["training.max_epochs=1"], options=options).path
