"""The explainer on a run: what sums to what, what is left as it was, and what is said where something is not there."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import mmcare
from mmcare.components import Encoder
from mmcare.errors import MMCareError, RunError
from mmcare.explain import ExplainConfig, Explainer, PatientExplanation, Saliency, Target, all_targets, parse_targets
from mmcare.explain.background import read_reference
from mmcare.explain.explainer import Notes, Work
from mmcare.explain.metric.randomisation import shuffled_model
from mmcare.run import EnsemblePredictor, NetworkPredictor
from mmcare.workflow.options import Options

from .conftest import GENES, Small


@pytest.fixture(scope="session")
def whole(explainer: Explainer, small: Small) -> PatientExplanation:
    """Of the patient who has everything."""
    return explainer.explain(small.whole)


def total(explanation: PatientExplanation, target: Target) -> float:
    return sum(float(part.values.sum()) for part in explanation.features if part.target == target)


@pytest.mark.parametrize("who", ["whole", "without_ct", "without_genome"])
def test_values_sum_to_prediction_less_baseline(explainer: Explainer, small: Small, who: str) -> None:
    patient = getattr(small, who)
    explanation = explainer.explain(patient)
    predicted = small.run.predict(small.cohort, [patient])
    assert {part.target.key for part in explanation.features} == {"os@2:sbrt", "os@2:surgery", "os@2:surgery-sbrt"}
    for part in explanation.features:
        assert total(explanation, part.target) == pytest.approx(part.prediction - part.baseline, abs=1e-4)
        here = [predicted.probability(patient, arm, "os", 2.0) for arm in (part.target.arm, part.target.minus) if arm]
        assert part.prediction == pytest.approx(here[0] - (here[1] if len(here) > 1 else 0), abs=1e-5)
    for part in explanation.modalities:
        assert part.values.sum() == pytest.approx(part.prediction - part.baseline, abs=1e-4)
    has = {"whole": {"ct", "clinical", "genomic"}, "without_ct": {"clinical", "genomic"}}
    assert {part.modality for part in explanation.features} == has.get(who, {"ct", "clinical"})
    assert {part.modality for part in explanation.saliency} == has.get(who, {"ct"}) & {"ct"}


def test_a_difference_has_the_difference_of_values(whole: PatientExplanation) -> None:
    of = {(part.target.key, part.modality): part.values for part in whole.features}
    for modality in ("ct", "clinical", "genomic"):
        difference = of["os@2:surgery", modality] - of["os@2:sbrt", modality]
        np.testing.assert_allclose(of["os@2:surgery-sbrt", modality], difference, atol=1e-6)


def test_the_features_stand_beside_what_they_are(whole: PatientExplanation, small: Small) -> None:
    (table,) = (p for p in whole.features if p.modality == "clinical" and p.target.key == "os@2:sbrt")
    assert [feature.name for feature in table.features] == ["age", "sex", "fev1"]
    assert isinstance(table.raw[0], float) and table.raw[1] in ("female", "male")
    (genes,) = (p for p in whole.features if p.modality == "genomic" and p.target.key == "os@2:sbrt")
    assert {feature.name for feature in genes.features} == set(GENES)
    assert set(genes.raw) <= {"mutated", "wild type"}
    (image,) = (p for p in whole.features if p.modality == "ct" and p.target.key == "os@2:sbrt")
    assert [feature.name for feature in image.features] == ["ct"] and image.raw == ("present",)


def test_a_coalition_is_a_patient_who_is_altered_before_anything_is_computed(small: Small) -> None:
    """Against a batch altered by hand and put through the whole network, encoders and all."""
    work = work_on(Explainer(small.run, small.cohort, ExplainConfig(background=4)), small.whole)
    clinical = next(seat for seat in work.players.seats if seat.modality == "clinical")
    keep = np.ones((1, work.players.count), dtype=bool)
    keep[0, clinical.places.start] = False  # age comes from background patient 2
    found = work.rows(keep, np.array([2]))[0]
    table = work.batch.modalities["clinical"]
    values, measured = table.values.clone(), table.measured.clone()
    values[0, 0] = work.background.inputs["clinical"].values[2, 0]
    measured[0, 0] = work.background.inputs["clinical"].measured[2, 0]
    altered = replace(
        work.batch, modalities={**work.batch.modalities, "clinical": replace(table, values=values, measured=measured)}
    )
    prognosis = small.run.predictor.prognosis(altered).endpoints["os"].at_horizons[0, :, 1]
    np.testing.assert_allclose(found, [prognosis[0], prognosis[1], prognosis[1] - prognosis[0]], atol=1e-6)


def test_an_image_that_is_not_known_is_that_of_the_background_patient(small: Small) -> None:
    """The tokens that the run keeps are those of the training patient's own CT."""
    work = work_on(Explainer(small.run, small.cohort, ExplainConfig(background=4)), small.whole)
    keep = np.zeros((1, work.players.count), dtype=bool)
    found = work.rows(keep, np.array([1]))[0]
    patient = small.run.folder.patients("training")[work.background.numbers[1]]
    predicted = small.run.predict(small.cohort, [patient])
    np.testing.assert_allclose(found[0], predicted.probability(patient, "sbrt", "os", 2.0), atol=1e-5)


def test_the_background_is_stated_and_has_what_the_patient_has(whole: PatientExplanation, small: Small) -> None:
    assert len(whole.background) == 6
    numbers = [int(name.removeprefix("training patient ")) for name in whole.background]
    training = small.run.folder.patients("training")
    for number in numbers:
        n = int(training[number][1:])
        assert n % 5 and n % 3, "a CT and a genome"


def test_the_same_request_gives_the_same_explanation(explainer: Explainer, small: Small) -> None:
    config = ExplainConfig(rows=64, background=6)
    one, two = (Explainer(small.run, small.cohort, config).explain(small.whole) for _ in range(2))
    for mine, theirs in zip(one.features, two.features, strict=True):
        assert not mine.exact
        np.testing.assert_array_equal(mine.values, theirs.values)
    other = Explainer(small.run, small.cohort, ExplainConfig(rows=64, background=6, seed=1)).explain(small.whole)
    assert other.background != one.background


def test_a_sample_lies_within_its_error_of_the_exact_values(explainer: Explainer, small: Small) -> None:
    exact = explainer.explain(small.whole)
    assert all(part.exact for part in exact.features) and not any(part.standard_error.any() for part in exact.features)
    z: list[float] = []
    for seed in range(8):
        sampled = work_on(Explainer(small.run, small.cohort, ExplainConfig(rows=400, background=6)), small.whole, seed)
        z += _z(sampled.shapley()[0], exact.features)
    assert len(z) > 100
    assert np.quantile(np.abs(z), 0.95) < 3.5 and np.abs(np.mean(z)) < 0.5


def _z(sampled: Sequence, exact: Sequence) -> list[float]:  # type: ignore[type-arg]
    pairs = [(s, e) for s, e in zip(sampled, exact, strict=True)]
    return [
        float(z)
        for s, e in pairs
        for z in ((s.values - e.values) / np.where(s.standard_error > 1e-9, s.standard_error, np.inf))
        if z
    ]


def test_the_model_is_left_as_it_was(explainer: Explainer, small: Small) -> None:
    assert isinstance(small.run.predictor, NetworkPredictor)
    model = small.run.predictor.model
    before = copy.deepcopy(model.state_dict())
    explainer.explain(small.whole)
    assert not model.training
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0, equal_nan=True)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(hooks(module) for module in model.modules())


def hooks(module: torch.nn.Module) -> int:
    return sum(
        len(found) for name, found in vars(module).items() if name.endswith("_hooks") and hasattr(found, "__len__")
    )


def test_an_encoder_without_a_layer_gets_occlusion_which_is_said(
    explainer: Explainer, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(small.run.predictor, NetworkPredictor)
    encoder = small.run.predictor.model.encoders["ct"]
    monkeypatch.setattr(type(encoder), "saliency_layer", Encoder.saliency_layer)
    explanation = explainer.explain(small.whole)
    assert {part.method for part in explanation.saliency} == {"occlusion"}
    assert "ct: its encoder names no layer for Grad-CAM; cubes of 8 voxels were taken out" in explanation.notes


def test_attention_is_between_tokens_that_the_patient_has(whole: PatientExplanation, small: Small) -> None:
    figures = {figure.name: figure for figure in whole.attention}
    assert {"step0.clinical<-genomic", "step0.ct<-clinical", "step0.ct<-ct"} <= set(figures)
    assert figures["step0.clinical<-genomic"].keys == tuple(sorted(GENES))
    for figure in whole.attention:
        np.testing.assert_allclose(figure.weights.sum(1), 1, atol=1e-5)


def test_integrated_gradients_sum_to_the_rise_from_their_own_baseline(whole: PatientExplanation) -> None:
    for target in {part.target for part in whole.gradients}:
        parts = [part for part in whole.gradients if part.target == target]
        assert {part.modality for part in parts} == {"ct", "clinical", "genomic"}
        rise = parts[0].prediction - parts[0].baseline
        assert sum(float(part.values.sum()) for part in parts) == pytest.approx(rise, abs=0.05 * max(abs(rise), 0.02))


def test_a_run_without_its_training_patients_is_refused(small: Small, tmp_path: Path) -> None:
    other = replace(small.run, folder=type(small.run.folder)(tmp_path / "elsewhere"))
    with pytest.raises(RunError) as caught:
        Explainer(other, small.cohort)
    assert str(caught.value) == (
        f"{tmp_path / 'elsewhere'}: the run keeps no training patients to explain against (`reference/` is not there). "
        "Train without `--no-reference`."
    )


def test_an_image_is_held_where_the_run_keeps_none(small: Small) -> None:
    explainer = Explainer(small.run, small.cohort, ExplainConfig(rows=20_000, background=6))
    explainer.reference = replace(explainer.reference, tokens={})
    explanation = explainer.explain(small.whole)
    assert {part.modality for part in explanation.features} == {"clinical", "genomic"}
    assert "ct is held as it is: the run keeps none of training patients to set against it" in explanation.notes
    for part in explanation.features:
        assert total(explanation, part.target) == pytest.approx(part.prediction - part.baseline, abs=1e-4)


def test_fewer_training_patients_than_asked_for_are_said(small: Small) -> None:
    explanation = Explainer(small.run, small.cohort, ExplainConfig(rows=64, background=1000)).explain(small.whole)
    found = len(explanation.background)
    assert 0 < found < 105
    said = f"{found} instead of 1000 training patients stand for what is not known: no more have all of "
    assert f"{said}ct, clinical, genomic" in explanation.notes


def test_targets_are_parsed_and_unknown_ones_refused(small: Small) -> None:
    outcomes = small.run.outcomes
    keys = [target.key for target in all_targets(outcomes)]
    assert keys == [
        "os@1:sbrt",
        "os@1:surgery",
        "os@1:surgery-sbrt",
        "os@2:sbrt",
        "os@2:surgery",
        "os@2:surgery-sbrt",
    ]
    assert parse_targets(["all"], outcomes) == all_targets(outcomes)
    assert parse_targets(["os@1:sbrt-surgery"], outcomes) == (Target("os", 1.0, "sbrt", "surgery"),)
    with pytest.raises(MMCareError) as caught:
        parse_targets(["os@3:sbrt"], outcomes)
    assert (
        str(caught.value)
        == f"the run has no output `os@3:sbrt`; it has: {', '.join(keys)}. Name one of them, or `all`."
    )


def test_the_reference_holds_inputs_and_of_images_their_tokens(small: Small) -> None:
    layouts = small.run.inputs(small.cohort, [small.whole], with_outcomes=False).layouts
    reference = read_reference(small.run, layouts)
    assert set(reference.inputs) == {"clinical", "genomic"} and set(reference.tokens) == {"ct"}
    assert reference.patients == len(small.run.folder.patients("training"))


def test_a_baseline_is_explained_by_what_it_predicts(small: Small, tmp_path: Path) -> None:
    spec = "mmcare: 1\nname: cox\nmodalities:\n  clinical: {use: table}\nbaseline: {use: cox-ph}\n"
    (tmp_path / "cox.yaml").write_text(spec)
    run = mmcare.fit(tmp_path / "cox.yaml", small.cohort.root, options=Options(out=tmp_path / "run"))
    targets = parse_targets(["os@2:sbrt"], run.outcomes)
    explanation = Explainer(run, small.cohort, ExplainConfig(background=6)).explain(small.whole, targets)
    (part,) = explanation.features
    assert part.exact and part.modality == "clinical"
    predicted = run.predict(small.cohort, [small.whole]).probability(small.whole, "sbrt", "os", 2.0)
    assert part.prediction == pytest.approx(predicted)
    assert total(explanation, targets[0]) == pytest.approx(part.prediction - part.baseline, abs=1e-6)
    assert (explanation.saliency, explanation.attention, explanation.gradients) == ((), (), ())


def test_an_ensemble_is_explained_as_the_mean_of_its_members(small: Small) -> None:
    """Of two members, one with shuffled weights; values, signed maps and gradients are means."""
    assert isinstance(small.run.predictor, NetworkPredictor)
    other = NetworkPredictor(shuffled_model(small.run.predictor.model, 1))
    both = replace(small.run, predictor=EnsemblePredictor([small.run.predictor, other]))
    config = ExplainConfig(rows=20_000, background=2)
    found = []
    for run in (small.run, replace(small.run, predictor=other), both):
        explainer = Explainer(run, small.cohort, config)
        explainer.reference = replace(explainer.reference, tokens={})
        found.append(explainer.explain(small.without_genome))
    one, two, mean = found
    for a, b, c in zip(one.features, two.features, mean.features, strict=True):
        np.testing.assert_allclose((a.values + b.values) / 2, c.values, atol=1e-6)
        assert (a.prediction + b.prediction) / 2 == pytest.approx(c.prediction, abs=1e-6)
    for a, b, c in zip(one.saliency, two.saliency, mean.saliency, strict=True):
        np.testing.assert_allclose((signed(a) + signed(b)) / 2, signed(c), atol=1e-6)
    for a, b, c in zip(one.gradients, two.gradients, mean.gradients, strict=True):
        np.testing.assert_allclose((a.values + b.values) / 2, c.values, atol=1e-6)
    assert "attention is that of the ensemble's first member" in mean.notes


def signed(part: Saliency) -> np.ndarray:
    assert part.against is not None
    return part.scale * (part.values - part.against)


def work_on(explainer: Explainer, patient: str, seed: int = 0) -> Work:
    """One patient's explanation before anything but the tokens is computed."""
    work = explainer.work(patient, explainer.targets, Notes())
    assert work is not None
    work.config = work.config.model_copy(update={"seed": seed})  # of the sampling; the background is drawn
    return work
