"""From a run folder to advice: what is stored, read back, and said of patients."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from mmcare.cohort import read_cohort
from mmcare.components import TableBatch
from mmcare.decision import Advice, can_decide, decide, utilities
from mmcare.decision.networks import features, represent
from mmcare.decision.refits import predict_heads
from mmcare.decision.state import read_state
from mmcare.decision.stored_heads import make_heads, read_refits
from mmcare.errors import RunError
from mmcare.inputs import Inputs
from mmcare.model import encoded
from mmcare.run import NetworkPredictor, Run, RunFolder, load_run

from .conftest import train


@pytest.fixture(scope="module")
def inputs(run: Run, folder: Path) -> Inputs:
    return run.inputs(read_cohort(folder / "cohort"), run.folder.patients("test"), with_outcomes=False)


@pytest.fixture(scope="module")
def advice(run: Run, inputs: Inputs) -> tuple[Advice, ...]:
    return decide(run, inputs)


def words(advice: Advice, name: str) -> str:
    return next(step.words for step in advice.steps if step.name == name)


def test_the_run_holds_it_with_digests_and_says_so(run: Run) -> None:
    names = {f"decision/{name}" for name in ("state.json", "state.safetensors", "refits.safetensors")}
    assert names == {name for name in run.manifest.files if name.startswith("decision/")}
    assert "| decision/ | what a choice between arms needs" in (run.path / "README.md").read_text()
    text = (run.path / "decision" / "state.json").read_text()
    assert not [patient for patient in run.folder.patients("training") if patient in text], "no patient is named"
    assert can_decide(run)


def test_a_difference_is_that_of_the_utilities_that_predict_prints(
    run: Run, inputs: Inputs, advice: tuple[Advice, ...]
) -> None:
    prediction = run.predict_inputs(inputs)
    value = {(u.patient, u.arm): u.value for u in utilities(prediction, run.spec.decision)}
    assert [one.patient for one in advice] == list(prediction.patients)
    for one in advice:
        (contrast,) = one.contrasts
        own, other = value[one.patient, contrast.arm], value[one.patient, contrast.minus]
        assert own is not None and other is not None and contrast.delta is not None
        assert contrast.delta == pytest.approx(own - other, abs=1e-12) and contrast.delta >= 0


def test_the_refits_differences_by_a_loop_of_their_own(run: Run, inputs: Inputs, advice: tuple[Advice, ...]) -> None:
    assert isinstance(run.predictor, NetworkPredictor)
    r = represent(run.predictor.model, inputs.batch(inputs.patients, with_outcomes=False))
    tensors = safetensors.torch.load_file(run.path / "decision" / "refits.safetensors")
    for number in range(3):
        (head,) = make_heads(run.spec, 8, run.outcomes, 1)
        own = {k.removeprefix(f"{number}.0.0."): v for k, v in tensors.items() if k.startswith(f"{number}.0.0.")}
        head.load_state_dict(own)
        head.eval()
        with torch.no_grad():
            found = head.predict(head(r.values[:, 0]))
        at = {name: e.at_horizons[..., e.horizons.index(3.0)] for name, e in found.endpoints.items()}
        utility = (0.7 * at["os"].double() + 0.3 * at["lc"].double()).numpy()
        for row, one in enumerate(advice):
            sign = 1 if one.contrasts[0].arm == "surgery" else -1
            expected = sign * (utility[row, 1] - utility[row, 0])
            assert one.contrasts[0].deltas[number] == pytest.approx(expected, abs=1e-6)


def test_what_is_said_of_a_small_run(run: Run, advice: tuple[Advice, ...]) -> None:
    state = read_state(run.folder)
    assert state is not None
    for one in advice:
        assert one.arm is None
        assert [step.name for step in one.steps] == [
            "confounders", "gate", "difference", "bound", "overlap", "distribution", "pattern", "support"
        ]  # fmt: skip
        assert "without an interval: fewer than 50 refits tell it." in words(one, "difference")
        assert "fewer than 20 training patients had the event." in words(one, "support")
        assert words(one, "gate").startswith(f"Of {state.summary.gates[0].line.patients} patients whom")  # type: ignore[union-attr]
        assert [mean.arm for mean in one.means] == ["sbrt", "surgery"]
        assert all(mean.utility is not None and 0.3 < mean.utility < 1.1 for mean in one.means)
        assert "doubly robust, by models of other folds" in one.means[0].source
    patterns = {pattern.present: pattern.counts for pattern in state.summary.patterns}
    training = run.folder.patients("training")
    assert sum(map(sum, patterns.values())) == len(training) and len(patterns) == 2
    assert [value.against for value in state.summary.policy] == ["all sbrt", "all surgery", "observed care"]


def test_the_confounders_are_those_of_the_inputs(run: Run, folder: Path) -> None:
    state = read_state(run.folder)
    assert state is not None
    assert {c.name: (c.columns, c.ruled_out) for c in state.summary.confounders} == {
        "operability": ((), True),
        "lung_function": (("fev1", "dlco"), False),
        "performance_status": (("ecog",), False),
        "comorbidity": (("charlson",), False),
        "frailty": ((), True),
    }


def test_a_run_that_does_not_read_a_confounder_recommends_nothing(folder: Path) -> None:
    blind = train(folder, "blind", "modalities.clinical.exclude=[fev1, dlco, ecog]", "decision.bootstrap=0",
                  "decision.cross_fit=0")  # fmt: skip
    cohort = read_cohort(folder / "cohort")
    (one,) = decide(blind, blind.inputs(cohort, blind.folder.patients("test")[:1], with_outcomes=False))
    assert words(one, "confounders") == (
        "The run has no input that measures lung function and performance status: it predicts, and recommends nothing."
    )
    assert words(one, "gate") == (
        "Whether predicted differences mean anything was not looked at: the run was trained without "
        "`decision.cross_fit`. The gate counts as not passed."
    )
    assert words(one, "difference").endswith("without an interval: the run was trained with `decision.bootstrap: 0`.")
    assert not (blind.path / "decision" / "refits.safetensors").exists()
    assert "doubly robust, by the model itself" in one.means[0].source


def test_an_unseen_pattern_of_modalities_abstains(run: Run, inputs: Inputs) -> None:
    """A patient of whom the genome alone is there: training had none."""
    sequenced = next(p for p in inputs.patients if p in inputs.samples["genomic"].prepared)
    clinical = inputs.samples["clinical"]
    without = replace(clinical, prepared={}, absent=dict.fromkeys(inputs.patients, "not read"))
    one = decide(run, replace(inputs, samples={**inputs.samples, "clinical": without}, patients=(sequenced,)))[0]
    failed = {step.name: step.words for step in one.failed}
    assert one.arm is None
    assert failed["pattern"] == (
        "Training patients with the same inputs (genomic): 0 under sbrt and 0 under surgery; 50 of each arm are needed."
    )
    assert failed["distribution"] == "No training patient had the same modalities to compare this patient with."
    assert failed["confounders"] == ("Not known of this patient: lung function, performance status and comorbidity.")


def test_values_that_training_never_saw_lie_beyond_its_distribution(run: Run, inputs: Inputs) -> None:
    state = read_state(run.folder)
    assert state is not None and isinstance(run.predictor, NetworkPredictor)
    batch = inputs.batch(inputs.patients, with_outcomes=False)
    table = batch.modalities["clinical"]
    assert isinstance(table, TableBatch)
    numbers = torch.tensor([not feature.levels for feature in inputs.layouts["clinical"].features])  # type: ignore[attr-defined]
    far = replace(table, values=table.values + 40.0 * numbers)
    spoilt = replace(batch, modalities={**batch.modalities, "clinical": far})
    shares = []
    for asked in (batch, spoilt):
        seen = features([encoded(run.predictor.model, asked)])
        found = state.distribution.distances(seen, asked.present.numpy(), state.summary.modalities)
        shares.append(float(np.mean(found.max(1) >= state.summary.threshold)))
    assert shares[0] < 0.4 and shares[1] == 1.0


def test_a_cohort_of_one_arm_and_a_baseline_have_nothing_to_decide(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "cohort", tmp_path / "cohort")
    file = tmp_path / "cohort" / "cohort.yaml"
    file.write_text("\n".join(line for line in file.read_text().splitlines() if not line.startswith("arms:")) + "\n")
    (tmp_path / "spec.yaml").write_text((folder / "spec.yaml").read_text())
    alone = train(tmp_path, "alone")
    assert not can_decide(alone) and not (alone.path / "decision").exists()
    assert decide(alone, alone.inputs(read_cohort(tmp_path / "cohort"), alone.folder.patients("test"))) == ()
    (folder / "cox.yaml").write_text(
        "mmcare: 1\nname: cox\nbaseline: {use: cox-ph}\nmodalities: {clinical: {use: table}}\n"
    )
    import mmcare

    baseline = mmcare.fit(folder / "cox.yaml", folder / "cohort", options=mmcare.Options(out=folder / "cox"))
    assert not can_decide(baseline)


def test_a_file_that_changed_is_refused(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "run")
    file = tmp_path / "run" / "decision" / "state.json"
    file.write_text(file.read_text().replace('"threshold"', '"treshold"'))
    with pytest.raises(RunError) as caught:
        load_run(tmp_path / "run")
    assert str(file) in str(caught.value) and "changed since training" in str(caught.value)


def test_what_is_missing_or_wrong_inside_is_named(run: Run, tmp_path: Path) -> None:
    """As after a wrong repair that also put the digests right."""
    shutil.copytree(run.path / "decision", tmp_path / "decision")
    folder = RunFolder(tmp_path)
    file = tmp_path / "decision" / "state.safetensors"
    arrays = safetensors.numpy.load_file(file)
    del arrays["propensity.mean"]
    safetensors.numpy.save_file(arrays, file)
    with pytest.raises(RunError) as caught:
        read_state(folder)
    assert str(caught.value) == (f"{file}: lacks propensity.mean. Restore it from a copy of the run, or train again.")
    text = tmp_path / "decision" / "state.json"
    data = json.loads(text.read_text())
    del data["threshold"]
    text.write_text(json.dumps(data))
    with pytest.raises(RunError) as caught:
        read_state(folder)
    assert str(caught.value) == (f"{text}, threshold: is missing. Restore it from a copy of the run, or train again.")
    with pytest.raises(RunError) as caught:
        list(read_refits(run.path / "decision" / "refits.safetensors", 4, [(8, 1)], run.spec, run.outcomes))
    assert str(run.path / "decision" / "refits.safetensors") in str(caught.value)


def test_the_state_is_read_as_it_was_written(run: Run) -> None:
    state = read_state(run.folder)
    assert state is not None and state.summary.refits == 3 and state.summary.no_refits == ""
    chances = state.propensity.predict(np.zeros((1, len(state.propensity.mean))))
    assert chances.shape == (1, 2) and chances.sum() == pytest.approx(1)
    overlap = state.summary.overlap
    assert overlap.patients == len(run.folder.patients("training")) and 0.5 < overlap.c_statistic < 1
    assert overlap.weighted_difference < overlap.difference
    heads = next(read_refits(run.path / "decision" / "refits.safetensors", 3, [(8, 1)], run.spec, run.outcomes))
    assert predict_heads(heads[0], represent_none()).endpoints["os"].at_horizons.shape == (1, 2, 3)


def represent_none():
    from mmcare.components import Representation

    return Representation(torch.zeros(1, 1, 8), torch.ones(1, 1, dtype=torch.bool))
