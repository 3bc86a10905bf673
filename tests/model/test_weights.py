"""`weights:` of an encoder, from the spec's word or path to the first step: found, copied, fitted, and said."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import huggingface_hub.constants as hub
import pytest
import safetensors.torch
import torch
from torch import Tensor

from mmcare.cohort import Cohort
from mmcare.components import VolumeLayout
from mmcare.errors import Finding, SpecError
from mmcare.inputs import Inputs
from mmcare.model import build
from mmcare.run import find_weights, load_run
from mmcare.spec import Spec, load_spec
from mmcare.workflow.fit import fit
from mmcare.workflow.options import Options

from .conftest import DEMO, SMALL

KEY = "modalities.ct.encoder"
NOTES = (
    f"{KEY}.weights: 40 of the encoder's 54 tensors are taken from the weights; 14 start at random (place, "
    "stages.0.0.se.conv.weight, stages.0.0.se.norm.weight, …); 32 of the file are not used (fc.bias, fc.weight, "
    "layer3.0.bn1.bias, …).",
    f"{KEY}.weights: 8 kernels of two dimensions were inflated: repeated across the slices and divided by the depth.",
    f"{KEY}.weights: the three input channels of conv1.0.weight were summed to one.",
)


def spec_of(weights: str | Path, *overrides: str) -> Spec:
    alone = ("modalities.clinical=null", "modalities.genomic=null")
    return load_spec(DEMO, (*SMALL, *alone, f"{KEY}.weights={weights}", *overrides))


@pytest.fixture(scope="module")
def flat() -> Mapping[str, Tensor]:
    """A state dict of the demo's backbone in two dimensions, as timm saves it, with random weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import timm
    torch.manual_seed(0)
    return dict(timm.create_model("resnet10t", pretrained=False).state_dict())


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache in a folder of the test, and the hub's own switch for no network."""
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def put_in_cache(cache: Path, repository: str, tensors: Mapping[str, Tensor]) -> None:
    """A snapshot as the hub's client keeps it."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)
    safetensors.torch.save_file(dict(tensors), folder / "snapshots" / ("0" * 40) / "model.safetensors")


def test_a_word_for_published_weights_is_no_path(offline: Path, flat: Mapping[str, Tensor]) -> None:
    put_in_cache(offline, "timm/resnet10t.c3_in1k", flat)
    spec = spec_of("timm-3d")
    assert spec.modalities["ct"].parts["encoder"].config.weights == "timm-3d"  # type: ignore[attr-defined]
    found = find_weights(spec)
    assert list(found) == [KEY]
    assert torch.equal(found[KEY]["conv1.0.weight"], flat["conv1.0.weight"])


def test_a_closed_network_is_told_at_the_key_which_file_to_bring(offline: Path, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(
        "mmcare: 1\nmodalities:\n  ct:\n    use: ct\n"
        "    encoder: {use: resnet3d, weights: timm-3d}\n"
        "head: {use: dual-task, endpoints: {os: {model: discrete}}}\n"
    )
    with pytest.raises(SpecError) as caught:
        find_weights(load_spec(file))
    text = str(caught.value)
    assert text.startswith(f"{file}:5:")
    assert f"{KEY}.weights: timm-3d's weights of `resnet18` cannot be fetched: " in text
    assert text.endswith(
        "Run `hf download timm/resnet18.a1_in1k model.safetensors --local-dir .` on a computer with a network, bring "
        "the file, and write `weights: model.safetensors`."
    )


def test_a_word_that_is_spelt_wrong_is_a_path_that_is_not_there(tmp_path: Path) -> None:
    spec = spec_of(tmp_path / "timm3d")
    with pytest.raises(SpecError) as caught:
        find_weights(spec)
    assert str(caught.value).endswith(
        f"{KEY}.weights: there is no file and no run folder {tmp_path / 'timm3d'}. Correct the path, or write "
        "`timm-3d`."
    )


def test_what_an_encoder_did_with_the_weights_is_told(
    flat: Mapping[str, Tensor], tmp_path: Path, cohort: Cohort, inputs: Inputs
) -> None:
    file = tmp_path / "resnet10t.pth"
    torch.save(dict(flat), file)
    spec, told = spec_of(file), list[Finding]()
    model = build(spec, inputs.layouts, cohort.outcome_layout(), find_weights(spec), told.extend)
    assert tuple(map(str, told)) == NOTES
    stem = model.encoders["ct"].stem[0][0].weight  # type: ignore[index,union-attr]
    for depth in range(3):
        torch.testing.assert_close(stem[..., depth], flat["conv1.0.weight"].sum(1, keepdim=True) / 3)


def test_weights_of_another_network_are_refused_at_the_key(tmp_path: Path, cohort: Cohort, inputs: Inputs) -> None:
    file = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"features.0.weight": torch.zeros(2, 2)}, file)
    spec = spec_of(file)
    with pytest.raises(SpecError) as caught:
        build(spec, inputs.layouts, cohort.outcome_layout(), find_weights(spec))
    assert str(caught.value) == (
        f"{KEY}.weights: none of the file's 1 tensors fits the encoder: it has names such as features.0.weight, the "
        "encoder's backbone conv1.0.weight, conv1.1.weight, conv1.1.bias, …. Name weights of this `backbone`, or "
        "change it."
    )


def test_other_encoders_take_what_fits_exactly(tmp_path: Path, cohort: Cohort, inputs: Inputs) -> None:
    file = tmp_path / "mlp.safetensors"
    safetensors.torch.save_file({"anything": torch.zeros(2)}, file)
    spec = load_spec(DEMO, (*SMALL, f"modalities.clinical.encoder.weights={file}"))
    with pytest.raises(SpecError, match=r"^modalities\.clinical\.encoder\.weights: the tensor .* is missing\."):
        build(spec, inputs.layouts, cohort.outcome_layout(), find_weights(spec))


def test_a_run_says_what_was_taken_and_is_itself_one_to_start_from(
    flat: Mapping[str, Tensor], tmp_path: Path, cohort: Cohort
) -> None:
    """It loads where the file is not, its frozen part is as it began, and a model with other crops takes what fits."""
    file, told = tmp_path / "resnet10t.safetensors", list[Finding]()
    safetensors.torch.save_file(dict(flat), file)
    spec = spec_of(file, "training.max_epochs=1", "training.device=cpu", f"{KEY}.freeze=true")
    run = fit(spec, cohort, options=Options(out=tmp_path / "run", reference=False, tell_findings=told.extend))
    texts = [str(finding) for finding in told]
    assert f"{NOTES[0]} `freeze: true` keeps them at random: write `freeze: false`." in texts
    assert set(NOTES[1:]) <= set(texts)
    file.unlink()
    again = load_run(run.path)
    kept = safetensors.torch.load_file(run.path / "starting" / f"{KEY}.safetensors")
    assert torch.equal(kept["conv1.0.weight"], flat["conv1.0.weight"])
    trained = safetensors.torch.load_file(run.path / "members" / "00" / "weights.safetensors")
    prefix = "encoder_modules.modality-ct."
    torch.testing.assert_close(
        trained[f"{prefix}stem.0.0.weight"][..., 0], flat["conv1.0.weight"].sum(1, keepdim=True) / 3
    )
    assert torch.equal(trained[f"{prefix}stem.1.running_mean"], flat["bn1.running_mean"])
    assert again.spec.modalities["ct"].parts["encoder"].config.weights == str(  # type: ignore[attr-defined]
        run.path / "starting" / f"{KEY}.safetensors"
    )
    larger, told = spec_of(run.path), list[Finding]()
    layouts = {"ct": VolumeLayout(size=(24, 24, 24), spacing_mm=(6.0, 6.0, 6.0), margin_mm=10.0)}
    model = build(larger, layouts, cohort.outcome_layout(), find_weights(larger), told.extend)
    assert [f"{finding.severity}: {finding}" for finding in told] == [
        f"note: {KEY}.weights: 53 of the encoder's 54 tensors are taken from the weights; one starts at random "
        "(place).",
        f"warning: {KEY}.weights: one tensor is of another shape, left at random: place (27, 128), found (8, 128).",
    ]
    assert torch.equal(model.encoders["ct"].project.weight, trained[f"{prefix}project.weight"])  # type: ignore[union-attr]
