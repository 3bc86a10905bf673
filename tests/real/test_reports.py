"""Reports of two published CTs by a run of the demo: their figures, and slices in a browser with the network off."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mmcare.cli.main import main
from mmcare.report import ReportData
from mmcare.report.packing import unpacked_bytes, unpacked_int16
from tests.report.browser import SMALL, Browser


@pytest.mark.parametrize("patient", ["LUNG1-001", pytest.param("LUNG1-002", marks=pytest.mark.slow)])
def test_a_published_ct_is_shown(
    patient: str,
    demo_run: Path,
    lung1: Path,
    tmp_path: Path,
    browser: Browser,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "report.html"
    assert main(["report", str(demo_run), "--cohort", str(lung1), "--patient", patient, "--out", str(path)]) == 0
    capsys.readouterr()
    assert path.stat().st_size < 4_000_000
    data = _data(path)
    main(["predict", str(demo_run), "--cohort", str(lung1), "--patient", patient, "--format", "json"])
    predicted = json.loads(capsys.readouterr().out)["probabilities"]
    assert [row["probability"] for row in predicted] == [p.probability for p in data.probabilities]
    _is_the_tumour(data)
    for size in (None, SMALL):
        with browser.open(path, size=size) as opened:
            assert opened.complaints == []
            assert opened.requests == []
            assert opened.serious() == []
            over = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert opened.page.evaluate(over) <= 0
            values = opened.page.evaluate("() => Array.from(MM.shown[0].values.slice(0, 5000))")
            hu = unpacked_int16(data.images[0].data, data.images[0].shape)
            assert values == hu.transpose(2, 1, 0).ravel()[:5000].tolist()


def _data(path: Path) -> ReportData:
    found = re.search(r'id="report-data">(.*?)</script>', path.read_text(), re.S)
    assert found is not None
    return ReportData.model_validate_json(found.group(1))


def _is_the_tumour(data: ReportData) -> None:
    """The outline has the published volume, holds soft tissue, and the first slices pass through it."""
    (image,) = data.images
    assert [outline.name for outline in image.outlines] == ["Tumour, as drawn"]
    inside = unpacked_bytes(image.outlines[0].data, image.shape) > 0
    hu = unpacked_int16(image.data, image.shape)
    millilitres = inside.sum() * image.spacing_mm**3 / 1000
    published = {"LUNG1-001": 54_639, "LUNG1-002": 125_531}[data.patient] * 0.9765625**2 * 3 / 1000
    assert millilitres == pytest.approx(published, rel=0.03)
    assert -50 < np.median(hu[inside]) < 80
    assert inside[image.start[0]].any() and inside[:, image.start[1]].any() and inside[:, :, image.start[2]].any()
