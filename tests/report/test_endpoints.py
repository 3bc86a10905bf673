"""Endpoints of any name, and a cohort's endpoint that the run does not predict."""

from __future__ import annotations

from pathlib import Path

import pytest

import mmcare
from mmcare.cache import Cache
from mmcare.cohort import read_cohort
from mmcare.report import ReportData, build_report
from mmcare.report.why import Why
from mmcare.run import Run
from mmcare.workflow.options import Options

from .browser import Browser
from .cohorts import PLAIN, plain_rows, write
from .conftest import Page

DOTTED = PLAIN.replace("  os: {", "  pfs.v2: {").replace("  fev1: {", "  fev1.pct: {")
SPEC = """\
mmcare: 1
name: dotted
modalities:
  clinical: {use: table, encoder: {use: mlp, hidden: [4]}}
head: {use: dual-task, hidden: [], endpoints: {pfs.v2: {model: discrete}}}
training: {max_epochs: 1, device: cpu}
decision: {utility: {pfs.v2: 1.0}, horizon: 1, bootstrap: 2}
"""


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the endpoints `pfs.v2` and `lc`, and the column `fev1.pct`."""
    rows = [{("fev1.pct" if name == "fev1" else name): cell for name, cell in row.items()} for row in plain_rows()]
    return write(tmp_path_factory.mktemp("dotted") / "cohort", DOTTED, rows)


@pytest.fixture(scope="module")
def run(cohort: Path) -> Run:
    """Of a head that models `pfs.v2` alone, read back from its folder."""
    (cohort.parent / "spec.yaml").write_text(SPEC)
    options = Options(out=cohort.parent / "run", cache=Cache(cohort.parent / "cache"))
    return mmcare.load_run(mmcare.fit(cohort.parent / "spec.yaml", cohort, options=options).path)


@pytest.fixture(scope="module")
def report(run: Run, cohort: Path) -> ReportData:
    return build_report(run, read_cohort(cohort), run.folder.patients("test")[0])


def test_an_endpoint_with_a_dot_is_trained_predicted_and_reported(
    report: ReportData, run: Run, cohort: Path, page: Page, browser: Browser
) -> None:
    predicted = run.predict(cohort, [report.patient])
    for figure in report.probabilities:
        assert figure.endpoint == "pfs.v2"
        assert figure.probability == predicted.probability(report.patient, figure.arm, "pfs.v2", figure.horizon)
    with browser.open(page(report)) as opened:
        assert opened.complaints == []
        assert "pfs.v2" in opened.text("#course")
        assert opened.page.locator('[data-chart="course"] svg').count() == 1
        opened.page.select_option("#feature", label="fev1.pct (clinical)")
        opened.page.select_option("#what-if-output", "pfs.v2 2")
        assert opened.text("#place-said").startswith("fev1.pct: ")
        assert opened.page.locator("#what-if-chart svg").count() == 1


def test_an_endpoint_that_is_not_predicted_is_named_once(report: ReportData, page: Page, browser: Browser) -> None:
    """It has an outcome in the cohort and no head in the run: nothing is said of follow-up."""
    assert isinstance(report.why, Why)
    assert {output.endpoint for output in report.why.outputs} == {"pfs.v2"}
    said = [note for note in report.why.notes if "lc" in note]
    assert said == ["the run does not predict `lc`: of it there is nothing to explain"]
    with browser.open(page(report)) as opened:
        assert "The run does not predict “lc”: of it there is nothing to explain." in opened.text("#why")
