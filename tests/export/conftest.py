"""The small run of explanations, a patient's CT as a DICOM series, and what is exported of him."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mmcare.cli.main import main
from mmcare.formats import read_nifti
from tests.explain.conftest import Small, small

from .series import write_series

__all__ = ["small"]

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def series(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The original series of the patient who has everything."""
    volume, _ = read_nifti(small.cohort.root / "ct" / f"{small.whole}.nii.gz")
    return write_series(tmp_path_factory.mktemp("archive") / "ct", volume)


@pytest.fixture(scope="session")
def exported(small: Small, series: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `mmcare export` writes of that patient."""
    out = tmp_path_factory.mktemp("exported") / "out"
    words = ["export", small.run.path, "--cohort", small.cohort.root, "--patient", small.whole, "--out", out]
    assert main([str(word) for word in (*words, "--dicom", series, "--fhir")]) == 0
    return out


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], small: Small) -> Ask:
    """Run `mmcare export` on the small run in this process: exit code, stdout, stderr."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        start = ("export", small.run.path, "--cohort", small.cohort.root)
        code = main([str(word) for word in (*start, *words)])
        return (code, *capsys.readouterr())

    return call
