"""Attention in a report: the strongest pairs by name where the fusion has attention, nothing where it has none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmcare.cohort import read_cohort
from mmcare.explain import AttentionFigure
from mmcare.report import ReportData
from mmcare.report.attends import STRONGEST, Attention, direction_of
from mmcare.run import NetworkPredictor, Run

from .browser import Browser
from .conftest import Page, page_data

Reported = Callable[[str], ReportData]


def test_the_strongest_pairs_come_first_by_name() -> None:
    weights = np.array([[0.5, 0.2, 0.3], [0.1, 0.8, 0.1]])
    found = direction_of(AttentionFigure("step1.clinical<-genomic", ("age", "fev1"), ("EGFR", "KRAS", "TP53"), weights))
    assert (found.round, found.asks, found.gives, found.queries, found.keys) == (2, "clinical", "genomic", 2, 3)
    assert found.even == pytest.approx(1 / 3)
    assert [(p.query, p.key, p.weight) for p in found.pairs] == [
        ("fev1", "KRAS", 0.8),
        ("age", "EGFR", 0.5),
        ("age", "TP53", 0.3),
        ("age", "KRAS", 0.2),
        ("fev1", "EGFR", 0.1),
    ]


def test_a_map_of_another_fusion_keeps_its_own_name() -> None:
    found = direction_of(AttentionFigure("all to all", ("a",), ("a", "b"), np.array([[0.4, 0.6]])))
    assert (found.round, found.asks, found.gives) == (0, "all to all", "")


def test_modalities_may_have_names_with_dots_and_arrows() -> None:
    found = direction_of(AttentionFigure("step0.ct.v2<-pet.v1", ("a",), ("a", "b"), np.array([[0.4, 0.6]])))
    assert (found.asks, found.gives) == ("ct.v2", "pet.v1")


def test_a_report_has_the_attention_of_the_patients_own_tokens(
    of_images: Reported, imaging_run: Run, images: Path
) -> None:
    """Against the fusion asked by hand."""
    found = of_images("SYN-00003").attention
    assert isinstance(found, Attention)
    inputs = imaging_run.inputs(read_cohort(images), ["SYN-00003"], with_outcomes=False)
    assert isinstance(imaging_run.predictor, NetworkPredictor)
    model = imaging_run.predictor.model
    with model.fusion.recording() as seen:
        model.represent(model.encode(inputs.batch(["SYN-00003"], with_outcomes=False)))
    direction = next(d for d in found.directions if (d.round, d.asks, d.gives) == (1, "clinical", "genomic"))
    whole = seen["step0.clinical<-genomic"]
    assert len(direction.pairs) == STRONGEST
    for pair in direction.pairs:
        assert float(whole.between(pair.query, pair.key).mean()) == pytest.approx(pair.weight, abs=1e-5)
    assert direction.pairs[0].weight == pytest.approx(float(whole.weights.mean(1).max()), abs=1e-5)


@pytest.mark.parametrize(("patient", "lacks"), [("SYN-00001", "ct"), ("SYN-00002", "genomic")])
def test_what_a_patient_lacks_neither_asks_nor_is_looked_at(patient: str, lacks: str, of_images: Reported) -> None:
    found = of_images(patient).attention
    assert isinstance(found, Attention)
    assert {d.asks for d in found.directions} and lacks not in {n for d in found.directions for n in (d.asks, d.gives)}


def test_it_is_shown_with_what_it_does_not_say(of_images: Reported, page: Page, browser: Browser) -> None:
    report = of_images("SYN-00003")
    assert report.attention is not None
    path = page(report)
    with browser.open(path) as opened:
        said = opened.text("#attends")
        assert "What the modalities attend to" in said
        assert "not what the figures rest on" in said and "Jain and Wallace 2019, doi 10.18653/v1/N19-1357" in said
        pair = report.attention.directions[0].pairs[0]
        assert f"{pair.query} → {pair.key}" in opened.page.text_content("#attends")
        assert not opened.page.is_visible("#attends details table")
        opened.page.click("#attends details summary")
        assert opened.page.is_visible("#attends details table >> nth=0")
        assert opened.serious() == []
    assert page_data(path)["attention"]["directions"][0]["pairs"][0]["query"] == pair.query


def test_a_model_without_attention_has_no_such_part(data: ReportData, page: Page, browser: Browser) -> None:
    assert data.attention is None
    with browser.open(page(data)) as opened:
        assert opened.page.locator("#attends").count() == 0
