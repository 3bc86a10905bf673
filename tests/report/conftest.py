"""Runs trained once a session, of a table and of a CT with table and genome, and reports of them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mmcare
from mmcare.cache import Cache
from mmcare.cli.main import main
from mmcare.cohort import read_cohort
from mmcare.report import ReportData, build_report, render_report
from mmcare.run import Run
from mmcare.synthetic import draw, write_cohort
from mmcare.workflow.demo import example
from mmcare.workflow.evaluate import evaluate_run
from mmcare.workflow.options import Options

from .browser import Opened
from .cohorts import PLAIN, SPEC, plain_rows, write

Ask = Callable[..., tuple[int, str, str]]
Page = Callable[[ReportData], Path]


def page_data(path: Path) -> dict[str, Any]:
    """The JSON that stands in a page."""
    found = re.search(r'<script type="application/json" id="report-data">(.*?)</script>', path.read_text(), re.S)
    assert found is not None
    return dict(json.loads(found.group(1)))


def slide(opened: Opened, selector: str, to: int) -> None:
    """Move a slider, as a hand would."""
    opened.page.eval_on_selector(
        selector,
        "(box, to) => { box.value = String(to); box.dispatchEvent(new Event('input', { bubbles: true })); }",
        to,
    )


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="session")
def plain(folder: Path) -> Path:
    """A cohort with a table alone."""
    return write(folder / "plain", PLAIN, plain_rows())


@pytest.fixture(scope="session")
def run(folder: Path, plain: Path) -> Run:
    """A network of that table, evaluated, with refits to decide with."""
    (folder / "spec.yaml").write_text(SPEC)
    made = mmcare.fit(folder / "spec.yaml", plain, options=Options(out=folder / "run", cache=Cache(folder / "cache")))
    evaluate_run(made, draws=20)
    return mmcare.load_run(made.path)


@pytest.fixture(scope="session")
def data(run: Run, plain: Path) -> ReportData:
    """The report of a test patient of that run."""
    return build_report(run, read_cohort(plain), run.folder.patients("test")[0])


@pytest.fixture(scope="session")
def images(folder: Path) -> Path:
    """A cohort with CT, table and mutations; SYN-00001 has no CT, SYN-00002 no genome."""
    path = folder / "images"
    write_cohort(draw("heterogeneous", 40, 0), path, size_voxels=24, spacing_mm=4.0)
    (path / "ct" / "SYN-00001.nii.gz").unlink()
    panels = [line for line in (path / "panels.tsv").read_text().splitlines() if not line.startswith("SYN-00002\t")]
    (path / "panels.tsv").write_text("\n".join(panels) + "\n")
    return path


@pytest.fixture(scope="session")
def imaging_run(folder: Path, images: Path) -> Run:
    """A run of the demo's spec of that cohort, one epoch: to be asked, not to be believed."""
    options = Options(out=folder / "imaging-run", cache=Cache(folder / "cache"))
    changes = ["training.max_epochs=1", "decision.bootstrap=0"]
    return mmcare.fit(example("demo.yaml"), images, overrides=changes, options=options)


@pytest.fixture(scope="session")
def of_images(imaging_run: Run, images: Path) -> Callable[[str], ReportData]:
    """The report of a patient of that cohort, made once."""
    made: dict[str, ReportData] = {}

    def report(patient: str) -> ReportData:
        if patient not in made:
            made[patient] = build_report(imaging_run, read_cohort(images), patient)
        return made[patient]

    return report


@pytest.fixture
def page(tmp_path: Path) -> Page:
    """Write a report's page."""

    def written(found: ReportData) -> Path:
        path = tmp_path / "page.html"
        path.write_text(render_report(found))
        return path

    return written


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[Run], Path]:
    """Copy a run to a place of its own, to spoil it there."""
    return lambda found: shutil.copytree(found.path, tmp_path / "run")


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run `mmcare ...` in this process: exit code, stdout, stderr."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return (code, *capsys.readouterr())

    return call
