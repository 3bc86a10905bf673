"""The sanity checks: what they find on made-up cases, and on a trained model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import mmcare
from mmcare.cli.main import main
from mmcare.cohort import read_cohort
from mmcare.components import Feature
from mmcare.explain import ExplainConfig, Explainer, FeatureAttribution, PatientExplanation, Saliency, Target
from mmcare.explain.checks import check_explanations, world_of_cohort
from mmcare.explain.importance import Importance, feature_values, importance
from mmcare.explain.metric.insertion_deletion import insertion_deletion
from mmcare.explain.metric.mass_in_tumour import mass_in_tumour
from mmcare.explain.metric.randomisation import resemblance, shuffled_model
from mmcare.explain.metric.true_drivers import agreement, drivers, true_effects
from mmcare.run import NetworkPredictor, Run
from mmcare.synthetic import Contents, synthesise
from mmcare.workflow.options import Options

from .conftest import Small

OS = Target("os", 3.0, "sbrt")
TABLES = """\
mmcare: 1
name: tables
modalities:
  clinical: {use: table, encoder: {use: mlp, hidden: [64, 64]}}
  genomic: {use: gene-graph, optional: true, encoder: {use: gcn, dim: 64, layers: 2}}
fusion: {use: concat, dim: 64}
head: {use: dual-task, endpoints: {os: {model: discrete}, lc: {model: competing-risk}}}
training: {lr: 1.0e-3, batch_size: 64, max_epochs: 60, modality_dropout: 0.2, device: cpu}
decision: {bootstrap: 0}
"""


def explained(values: list[float], cells: np.ndarray | None = None, even: float | None = None) -> PatientExplanation:
    array = np.array(values)
    features = tuple(Feature(f"f{n}") for n in range(len(values)))
    part = FeatureAttribution(OS, "table", features, (1.0,) * len(values), array, 0 * array, 0.5, 0.5, True)
    maps = ()
    if cells is not None:
        against = np.maximum(-cells, 0).astype(np.float32)
        for_ = np.maximum(cells, 0).astype(np.float32)
        maps = (Saliency(OS, "ct", for_, 1.0, np.eye(4), "grad-cam", 0.6, against, None, even),)
    return PatientExplanation("P", (), (part,), saliency=maps)


def test_the_same_explanation_resembles_itself_and_a_reversed_one_as_much() -> None:
    cells = np.arange(-4.0, 4.0).reshape(2, 2, 2)
    one, other = explained([1, 2, 3, 4], cells), explained([-1, -2, -3, -4], -cells)
    for pair in (one, other):
        shap, maps = resemblance([one], [[pair]])
        assert (shap.what, maps.what) == ("shap", "saliency")
        assert shap.mean_absolute == pytest.approx(1) and maps.mean_absolute == pytest.approx(1)
    (shap,) = resemblance([explained([1, 2, 3, 4])], [[explained([2, 1, 4, 3])]])
    assert shap.mean_absolute == pytest.approx(0.6)


def test_what_goes_either_way_over_several_models_is_no_resemblance() -> None:
    one, other = explained([1, 2, 3, 4]), explained([4, 3, 2, 1])
    (shap,) = resemblance([one, one], [[one, other], [other, one]])
    assert shap.mean_absolute == pytest.approx(0) and shap.patients == 2


def test_a_patient_whose_values_are_all_equal_is_left_out() -> None:
    assert resemblance([explained([0, 0, 0])], [[explained([1, 2, 3])]]) == ()


def test_shuffled_weights_are_the_same_numbers_elsewhere(small: Small) -> None:
    assert isinstance(small.run.predictor, NetworkPredictor)
    model = small.run.predictor.model
    other = shuffled_model(model, 0)
    moved = 0
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine.flatten().sort().values, theirs.flatten().sort().values, rtol=0, atol=0)
        moved += not torch.equal(mine, theirs)
    assert moved > 20
    for mine, theirs in zip(model.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0, equal_nan=True)


def test_the_right_order_moves_the_prediction_first() -> None:
    weights = np.array([0.0, 4.0, 1.0, -2.0])

    def value(coalitions: np.ndarray, who: np.ndarray) -> np.ndarray:
        return (coalitions @ np.abs(weights))[:, None]

    right = insertion_deletion(value, weights, 2, np.random.default_rng(0), orders=200)
    assert right.deletion == pytest.approx(np.mean([4, 6, 7, 7])) and right.insertion == pytest.approx(right.deletion)
    wrong = insertion_deletion(value, 1 / (1 + np.abs(weights)), 2, np.random.default_rng(0), orders=200)
    assert wrong.deletion < right.random_deletion < right.deletion


def test_mass_in_the_tumour_is_beside_that_of_an_even_map() -> None:
    cells = np.zeros((2, 2, 2))
    cells[0, 0, 0] = 1
    (mass,) = mass_in_tumour([explained([1, 2], cells, 0.25), explained([1, 2])])
    assert (mass.evidence, mass.in_tumour, mass.even, mass.patients) == ("for", 0.6, 0.25, 1)


def test_the_true_effects_are_those_of_the_hazards() -> None:
    """Pack-years and histology stand in no hazard; a gene without a weight moves nothing; age under both arms."""
    effects = true_effects("heterogeneous", OS)
    assert effects["age"] > 0.02 and effects["RB1"] == 0
    assert "pack_years" not in effects and "histology" not in effects
    known = ["pack_years", "age", "sex", "RB1", "TP53", "SMARCA4"]
    assert drivers("heterogeneous", OS, known) == ("age", "sex", "TP53")
    null = true_effects("null", Target("os", 3.0, "surgery", "sbrt"))
    assert max(null.values()) < 1e-12


def test_agreement_counts_drivers_among_the_first_of_their_modality() -> None:
    def row(feature: str, size: float, modality: str = "clinical") -> Importance:
        return Importance(OS, modality, feature, size, None, size, 0, 10)

    rows = [row("age", 0.1), row("pack_years", 0.2), row("sex", 0.05), row("ct", 0.9, "ct")]
    rows += [row("TP53", 0.02, "genomic"), row("RB1", 0.01, "genomic")]
    found = agreement("heterogeneous", OS, rows)
    assert set(found.drivers) == {"age", "sex", "TP53"} and set(found.found) == {"age", "TP53"}
    assert found.share == pytest.approx(2 / 3)


def test_a_cohort_without_a_world_has_no_drivers(small: Small) -> None:
    assert world_of_cohort(small.cohort) is None


def test_the_checks_on_the_command_line(small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", str(small.run.path), "--cohort", str(small.cohort.root), "--out", str(tmp_path), "--check"]
    assert main([*words, "--rows", "64", "--background", "4", "--patient", small.whole]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("Explanations of 1 patients. - Shapley values and those of the model with shuffled weights")
    assert "Taking features away in the order of |SHAP| moves the prediction by" in said
    assert "in ct lies in the tumour's mask, where an even map has" in said
    data = json.loads((tmp_path / "checks.json").read_text())
    assert data["patients"] == 1 and {part["what"] for part in data["randomised"]} == {"shap", "saliency"}
    assert data["drivers"] == []


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Run, Path]]:
    """Five synthetic cohorts of 2,500 patients, and a model of table and genome trained on each."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "spec.yaml").write_text(TABLES)
    found = []
    for seed in range(5):
        cohort = folder / f"cohort-{seed}"
        synthesise(cohort, "heterogeneous", 2500, seed, Contents(size_voxels=None, oracle=False))
        run = mmcare.fit(folder / "spec.yaml", cohort, options=Options(out=folder / f"run-{seed}"))
        found.append((run, cohort))
    return found


@pytest.mark.slow
def test_four_of_five_true_drivers_are_among_the_first(tables: list[tuple[Run, Path]]) -> None:
    """By mean |SHAP| over five seeds: of each modality's k drivers, those among its first k."""
    rows: dict[tuple[str, str], list[Importance]] = {}
    for run, folder in tables:
        explainer = Explainer(run, read_cohort(folder), ExplainConfig(rows=512, saliency=False, gradients=False))
        patients = run.folder.patients("test")[:150]
        explainer.read(patients)
        parts = feature_values([(patient, explainer.explain(patient, [OS]).features) for patient in patients])
        for row in (row for part in parts for row in importance(part)):
            rows.setdefault((row.modality, row.feature), []).append(row)
    mean = [replace(own[0], mean_absolute=float(np.mean([r.mean_absolute for r in own]))) for own in rows.values()]
    found = agreement("heterogeneous", OS, mean)
    assert len(found.drivers) == 12
    assert found.share >= 0.8, found


@pytest.mark.slow
def test_randomisation_destroys_the_explanations(tables: list[tuple[Run, Path]]) -> None:
    run, folder = tables[0]
    checks = check_explanations(run, read_cohort(folder), run.folder.patients("test")[:50], ExplainConfig(rows=512))
    (shap,) = checks.randomised
    assert (shap.what, shap.patients) == ("shap", 50)
    assert shap.mean_absolute < 0.2
    assert checks.faithfulness is not None
    assert checks.faithfulness.deletion > checks.faithfulness.random_deletion
    assert checks.faithfulness.insertion > checks.faithfulness.random_insertion
