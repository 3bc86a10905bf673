"""A page that advises: by the decision state of a run, in a cohort where the true effect is so large that it must."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pytest

import mmcare
from mmcare.cache import Cache
from mmcare.cohort import read_cohort
from mmcare.report import ReportData, build_report
from mmcare.report.choice import Choice
from mmcare.report.numbers import signed
from mmcare.run import Run
from mmcare.workflow.options import Options

from .browser import Browser
from .cohorts import ARMS, DEATHS, FAILURES, SPEC, TURNING, suits, turning_rows, write
from .conftest import Page, slide

LEARNING = SPEC.replace("max_epochs: 2, lr: 0.01", "max_epochs: 20, lr: 0.02").replace(
    "bootstrap: 50", "bootstrap: 50, cross_fit: 2"
)
NAMES = {"sbrt": "SBRT", "surgery": "surgical resection"}


def true_chances(sex: str, arm: str) -> Mapping[str, float]:
    """After one year: alive, and without local failure, death competing; both hazards are constant."""
    death, failure = DEATHS[suits(sex, arm)], FAILURES[suits(sex, arm)]
    ever = failure / (failure + death) * (1 - math.exp(-failure - death))
    return {"os": math.exp(-death), "lc": 1 - ever}


def true_gain(sex: str, weight: float = 0.7) -> float:
    """Utility of surgery less that of SBRT."""
    surgery, sbrt = true_chances(sex, "surgery"), true_chances(sex, "sbrt")
    return weight * (surgery["os"] - sbrt["os"]) + (1 - weight) * (surgery["lc"] - sbrt["lc"])


def test_the_planted_effect_is_beyond_all_doubt() -> None:
    """Ten times the least that matters, in 200 patients of each sex: a rule that would not see it advises nobody."""
    assert true_gain("female") == -true_gain("male")
    assert true_gain("female") > 0.3


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("turning") / "cohort", TURNING, turning_rows())


@pytest.fixture(scope="module")
def run(cohort: Path) -> Run:
    (cohort.parent / "spec.yaml").write_text(LEARNING)
    options = Options(out=cohort.parent / "run", cache=Cache(cohort.parent / "cache"))
    return mmcare.fit(cohort.parent / "spec.yaml", cohort, options=options)


@pytest.fixture(scope="module", params=["female", "male"])
def report(request: pytest.FixtureRequest, run: Run, cohort: Path) -> ReportData:
    """Of the test patient of that sex who is nearest the middle of age and lung function: unlike nobody."""
    rows = {row["patient_id"]: row for row in turning_rows()}
    asked = [patient for patient in run.folder.patients("test") if rows[patient]["sex"] == request.param]
    middle = min(asked, key=lambda p: abs(float(rows[p]["age"]) - 67.5) / 35 + abs(float(rows[p]["fev1"]) - 70) / 60)
    return build_report(run, read_cohort(cohort), middle)


def _sex(report: ReportData) -> str:
    return str(next(f.value for m in report.inputs for f in m.features if f.name == "sex"))


def test_the_arm_that_is_better_is_advised_with_its_interval(report: ReportData, page: Page, browser: Browser) -> None:
    """All steps hold, the words at the top are the figures of the decision, in the colour of the arm."""
    better, worse = ARMS[::-1] if _sex(report) == "female" else ARMS
    choice = report.choice
    assert isinstance(choice, Choice)
    assert [step.name for step in choice.steps if not step.passed] == []
    assert choice.arm == better
    (contrast,) = choice.contrasts
    assert contrast.delta is not None and contrast.lower is not None and contrast.upper is not None
    assert contrast.delta == pytest.approx(abs(true_gain(_sex(report))), abs=0.15)
    assert 0.03 < contrast.lower < contrast.delta < contrast.upper
    with browser.open(page(report)) as opened:
        said = opened.text(".verdict")
        steps = opened.page.locator("#steps tbody td.holds").count()
        colours = [
            opened.page.eval_on_selector(selector, "(e) => getComputedStyle(e).color")
            for selector in (".verdict .arm-name", f".arm-card.arm-{ARMS.index(better)} .arm-name")
        ]
        assert opened.complaints == [] and opened.serious() == []
    interval = f"90 % interval {signed(contrast.lower)} to {signed(contrast.upper)}"
    assert said.split("\n\n") == [
        f"Advised: {NAMES[better]}",
        f"Utility of {NAMES[better]} less that of {NAMES[worse]}: {signed(contrast.delta)} points ({interval}).",
        "All steps of the rule hold.",
    ]
    assert steps == len(choice.steps) == 8
    assert colours[0] == colours[1]


def test_the_slider_finds_the_weight_at_which_the_order_turns(report: ReportData, page: Page, browser: Browser) -> None:
    """Survival speaks for one arm and local control for the other: on either side of the turn another arm leads."""
    chance = {(p.endpoint, p.arm): p.probability or 0.0 for p in report.probabilities if p.horizon == 1}
    low, high = (chance[endpoint, "surgery"] - chance[endpoint, "sbrt"] for endpoint in ("lc", "os"))
    turn = round(100 * low / (low - high))
    truth = true_gain(_sex(report), 0) / (true_gain(_sex(report), 0) - true_gain(_sex(report), 1))
    assert turn == pytest.approx(100 * truth, abs=15)
    leads = {}
    with browser.open(page(report)) as opened:
        for weight in (turn - 10, turn + 10):
            slide(opened, "#alpha", weight)
            said = opened.text("#utility-said")
            assert f"The order turns where overall survival weighs {turn} %." in said
            gain = (weight * high + (100 - weight) * low) / 100
            assert f"Difference, surgical resection less SBRT: {signed(gain)} points (90 % interval" in said
            leads[weight] = gain > 0
        assert opened.text(".verdict h3").startswith("Advised: ")  # other weights change no advice
    assert leads[turn - 10] != leads[turn + 10]
    assert leads[turn + 10] == (_sex(report) == "female")
