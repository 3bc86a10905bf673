"""The figures of a page are those of `mmcare predict`, to the last digit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmcare.report import ReportData
from mmcare.report.curves import free_at
from mmcare.report.words import of_hundred, years
from mmcare.run import Run

from .conftest import Ask, page_data


@pytest.mark.parametrize("patient", ["P005", "P010"])
def test_every_figure_is_that_of_predict(patient: str, run: Run, plain: Path, tmp_path: Path, ask: Ask) -> None:
    code, out, _ = ask("predict", run.path, "--cohort", plain, "--patient", patient, "--format", "json")
    predicted = json.loads(out)
    assert code == 0
    path = tmp_path / "page.html"
    code, out, _ = ask("report", run.path, "--cohort", plain, "--patient", patient, "--out", path)
    assert (code, out) == (0, f"{path}\n")
    found = page_data(path)
    keys = ("arm", "endpoint", "horizon", "probability", "personal", "reason")
    own = [{key: row[key] for key in keys} for row in predicted["probabilities"]]
    assert own == [{key: row[key] for key in keys} for row in found["probabilities"]]
    assert len(own) == 8
    assert [u["value"] for u in predicted["utilities"]] == [u["value"] for u in found["utilities"]]
    assert found["patient"] == patient


def test_a_report_with_images_has_the_figures_of_predict(
    of_images: Callable[[str], ReportData], imaging_run: Run, images: Path, ask: Ask
) -> None:
    found = of_images("SYN-00003")
    _, out, _ = ask("predict", imaging_run.path, "--cohort", images, "--patient", "SYN-00003", "--format", "json")
    rows = json.loads(out)["probabilities"]
    assert [row["probability"] for row in rows] == [p.probability for p in found.probabilities]


def test_a_curve_goes_through_the_figures_and_never_rises(data: ReportData) -> None:
    for curve in data.curves:
        assert curve.years[0] == 0
        assert curve.free[0] == 1
        assert (np.diff(curve.free) <= 1e-12).all()
        for figure in data.probabilities:
            if (figure.endpoint, figure.arm) == (curve.endpoint, curve.arm) and figure.horizon in curve.years:
                assert curve.free[curve.years.index(figure.horizon)] == figure.probability


def test_between_edges_the_hazard_is_constant() -> None:
    """Of 0.64 from 0.8 in a year, half a year on there are sqrt(0.8 * 0.64); death competing changes the share."""
    grid, free = np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.8, 0.64])
    assert free_at(np.array([1.5]), grid, free, None)[0] == pytest.approx(np.sqrt(0.8 * 0.64))
    competing = np.array([0.0, 0.1, 0.15])
    lost = 0.7 - 0.7 * np.sqrt(0.49 / 0.7)  # neither event: 0.7 at 1 year, 0.49 at 2; cause 1 has 0.16 of 0.21
    assert free_at(np.array([1.5]), grid, free, competing)[0] == pytest.approx(0.8 - lost * 0.16 / 0.21)


def test_nothing_is_drawn_beyond_the_follow_up() -> None:
    found = free_at(np.array([0.5, 1.0, 1.5]), np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.8, np.nan]), None)
    assert np.isfinite(found[:2]).all()
    assert np.isnan(found[2])


def test_bands_hold_the_middle_of_the_refits(data: ReportData) -> None:
    banded = [curve for curve in data.curves if curve.lower]
    assert len(banded) == len(data.curves) == 4
    for curve in banded:
        assert 1 < len(curve.lower) == len(curve.upper) <= len(curve.years)
        assert (np.array(curve.lower) <= np.array(curve.upper) + 1e-12).all()
        assert curve.lower[-1] < curve.upper[-1]


def test_chances_are_said_in_hundreds() -> None:
    assert of_hundred("os", 3, 0.617) == "Of 100 patients like this one, about 62 are alive after three years."
    assert of_hundred("lc", 1, 0.998) == (
        "Of 100 patients like this one, more than 99 have had no local failure after one year."
    )
    assert of_hundred("os", 2.5, 0.001) == "Of 100 patients like this one, fewer than 1 are alive after 2.5 years."
    assert years(12) == "12 years"
