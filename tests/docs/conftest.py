"""A synthetic cohort with its table alone, as the pages name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcare.cli.main import main
from mmcare.synthetic import draw, write_cohort

from .markdown import ROOT

PATIENTS = 60


@pytest.fixture(scope="session")
def table_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("patients") / "cohort"
    write_cohort(draw("heterogeneous", PATIENTS, seed=0), folder, size_voxels=8, spacing_mm=8.0)
    dictionary = folder / "cohort.yaml"
    dictionary.write_text(dictionary.read_text(encoding="utf-8").partition("modalities:")[0], encoding="utf-8")
    return folder


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which the test stands, with the examples in it."""
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def desk_with_cohorts(desk: Path, table_cohort: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The same, with the cohorts and the first spec that the pages take for granted."""
    (desk / "mmcare-demo").mkdir()
    (desk / "mmcare-demo" / "cohort").symlink_to(table_cohort)
    (desk / "my-cohort").symlink_to(table_cohort)
    assert main(["spec", "new", "--cohort", "my-cohort", "--out", "first.yaml"]) == 0
    capsys.readouterr()
    return desk
