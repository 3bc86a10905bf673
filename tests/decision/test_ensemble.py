"""Several networks in one run: alike but for their seeds, their probabilities averaged."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch

import mmcare
from mmcare.cohort import read_cohort
from mmcare.decision import decide
from mmcare.decision.networks import networks_of
from mmcare.errors import SpecError
from mmcare.run import EnsemblePredictor, NetworkPredictor, Run, load_run
from mmcare.workflow.options import Options


def test_the_prognosis_is_the_mean_of_the_members(ensemble: Run, folder: Path) -> None:
    loaded = load_run(ensemble.path)
    assert isinstance(loaded.predictor, EnsemblePredictor) and loaded.manifest.members == 2
    batch = loaded.inputs(read_cohort(folder / "cohort"), loaded.folder.patients("test")).batch(
        loaded.folder.patients("test"), with_outcomes=False
    )
    found = loaded.predictor.prognosis(batch)
    parts = [member.prognosis(batch) for member in loaded.predictor.members]
    for name, endpoint in found.endpoints.items():
        first, second = (part.endpoints[name] for part in parts)
        mean = (first.at_horizons + second.at_horizons) / 2
        expected = torch.where(endpoint.personal[None, :, None], mean, first.at_horizons)
        torch.testing.assert_close(endpoint.at_horizons, expected, rtol=0, atol=1e-7, equal_nan=True)
    os = [part.endpoints["os"].at_horizons for part in parts]
    assert not torch.equal(os[0].nan_to_num(), os[1].nan_to_num()), "they are two networks"


def test_the_first_member_is_the_run_without_an_ensemble(ensemble: Run, run: Run) -> None:
    """Split, preprocessing and grid are shared; the first seed is the spec's."""
    assert ensemble.folder.patients("training") == run.folder.patients("training")
    files = [folder.member(0) / "weights.safetensors" for folder in (ensemble.folder, run.folder)]
    first, alone = (safetensors.torch.load_file(file) for file in files)
    assert all(torch.equal(first[name].nan_to_num(), alone[name].nan_to_num()) for name in alone)
    second = safetensors.torch.load_file(ensemble.folder.member(1) / "weights.safetensors")
    assert any(not torch.equal(first[name].nan_to_num(), second[name].nan_to_num()) for name in first)
    assert "2 networks, alike but for their seeds, averaged" in (ensemble.path / "card.md").read_text()
    assert "it is no interval" in (ensemble.path / "card.md").read_text()


def test_decisions_rest_on_all_members(ensemble: Run, folder: Path) -> None:
    inputs = ensemble.inputs(read_cohort(folder / "cohort"), ensemble.folder.patients("test"), with_outcomes=False)
    prediction = ensemble.predict_inputs(inputs)
    for one in decide(ensemble, inputs):
        (contrast,) = one.contrasts
        parts = [
            sum(w * (prediction.probability(one.patient, arm, e, 3.0) or 0.0) for e, w in (("os", 0.7), ("lc", 0.3)))
            for arm in (contrast.arm, contrast.minus)
        ]
        assert contrast.delta == pytest.approx(parts[0] - parts[1], abs=1e-6)
        assert len(contrast.deltas) == 2
    tensors = safetensors.torch.load_file(ensemble.path / "decision" / "refits.safetensors")
    assert {key.split(".")[1] for key in tensors} == {"0", "1"}, "each member's heads are refitted"
    assert not (ensemble.path / "reference").exists()


def test_networks_of_a_run(ensemble: Run, run: Run) -> None:
    assert len(networks_of(ensemble.predictor)) == 2
    assert isinstance(run.predictor, NetworkPredictor) and networks_of(run.predictor) == (run.predictor.model,)


def test_there_is_no_ensemble_of_a_baseline(folder: Path) -> None:
    (folder / "baseline.yaml").write_text(
        "mmcare: 1\nname: cox\nbaseline: {use: cox-ph}\nmodalities: {clinical: {use: table}}\n"
    )
    with pytest.raises(SpecError) as caught:
        mmcare.fit(folder / "baseline.yaml", folder / "cohort", options=Options(out=folder / "no", members=3))
    assert str(caught.value) == (
        "the spec cox describes a baseline, which is fitted in one way: there is no ensemble of it. Leave `--ensemble` "
        "out."
    )
    assert not (folder / "no").exists()
