"""Every shipped spec builds its real network and takes a step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmcare.cache import Cache
from mmcare.cohort import Cohort
from mmcare.components import OutcomeLayout
from mmcare.inputs import Inputs, LocatingSegmenter, read_inputs
from mmcare.model import Model, build, build_segmenter
from mmcare.run import make_baseline
from mmcare.spec import Spec, load_spec
from mmcare.training import score

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
SMALL = "modalities.ct.size=[32, 32, 32]"  # an eighth of the work of 64 voxels; everything else as it is shipped


def spec_of(name: str) -> Spec:
    path = EXAMPLES / f"{name}.yaml"
    spec = load_spec(path)
    overrides = [SMALL] if "ct" in spec.modalities else []
    if name == "mm-care-paper":  # its U-Net has random weights here, and may find nothing
        overrides.append("modalities.ct.roi.fallback=whole")
    if name == "mm-care-esm":  # the real network with random weights: nothing is downloaded
        overrides.append("modalities.genomic.encoder.checkpoint=null")
    return load_spec(path, overrides=overrides).without_weights()


def inputs_of(spec: Spec, cohort: Cohort, cache: Cache) -> Inputs:
    segmenters = untrained_segmenters(spec)
    return read_inputs(spec, cohort, cohort.outcome_layout(), segmenters=segmenters, cache=cache).fit(cohort.patients)


def untrained_segmenters(spec: Spec) -> dict[str, LocatingSegmenter]:
    """The real networks with random weights: where they find a tumour does not matter to a step."""
    torch.manual_seed(0)
    parts = {name: part.parts["roi"] for name, part in spec.modalities.items() if "roi" in part.parts}
    return {name: LocatingSegmenter(build_segmenter(part).eval()) for name, part in parts.items()}


def model_of(name: str, cohort: Cohort, cache: Cache) -> tuple[Model, Inputs]:
    spec = spec_of(name)
    inputs = inputs_of(spec, cohort, cache)
    torch.manual_seed(0)
    model = build(spec, inputs.layouts, cohort.outcome_layout())
    model.fit(inputs.outcomes_of(cohort.patients))
    return model, inputs


@pytest.mark.parametrize("name", [name for name in NAMES if spec_of(name).baseline is not None])
def test_a_shipped_baseline_is_fitted(name: str, cohort: Cohort, cache: Cache) -> None:
    spec = spec_of(name)
    inputs = inputs_of(spec, cohort, cache)
    baseline = make_baseline(spec, inputs.layouts, cohort.outcome_layout())
    baseline.fit(inputs.batch(cohort.patients), ("training",) * len(cohort.patients))
    prognosis = baseline.predict(inputs.batch(cohort.patients))
    assert all(endpoint.at_horizons.shape[:2] == (len(cohort.patients), 2) for endpoint in prognosis.endpoints.values())


@pytest.mark.parametrize("name", [name for name in NAMES if spec_of(name).segmenter is not None])
def test_a_shipped_segmenter_takes_a_step(name: str) -> None:
    torch.manual_seed(0)
    network = build_segmenter(spec_of(name).segmenter).requires_grad_(True)  # as a `roi` it would be frozen
    hu, mask = torch.full((2, 1, 32, 32, 32), -850.0), torch.zeros(2, 1, 32, 32, 32)
    hu[:, :, 8:20, 10:22, 12:24], mask[:, :, 8:20, 10:22, 12:24] = 30.0, 1.0
    optimizer = torch.optim.Adam(network.parameters(), spec_of(name).training.lr)
    before = [value.clone() for value in network.parameters()]
    loss = network.loss(network(hu), mask)
    loss.backward()
    optimizer.step()
    assert bool(loss.isfinite())
    assert any(not torch.equal(value, old) for value, old in zip(network.parameters(), before, strict=True))


@pytest.mark.parametrize("name", [name for name in NAMES if spec_of(name).head is not None])
def test_a_shipped_network_takes_a_step(name: str, cohort: Cohort, cache: Cache) -> None:
    spec = spec_of(name)
    model, inputs = model_of(name, cohort, cache)
    batch = inputs.batch(cohort.patients)
    before = {key: value.clone() for key, value in model.named_parameters()}
    optimizer = torch.optim.Adam(model.parameters(), spec.training.lr)
    loss = model.loss(model(batch), batch.outcomes).total
    loss.backward()
    optimizer.step()
    assert bool(loss.isfinite())
    assert all(bool(value.isfinite().all()) for value in model.parameters())
    learned = [key for key, value in model.named_parameters() if not torch.equal(value, before[key])]
    for part in (*(f"encoder_modules.modality-{name}" for name in spec.modalities), "heads.0"):
        assert any(key.startswith(part) for key in learned), f"{part} did not learn"
    prognosis = model.predict(score(model, inputs, cohort.patients))
    modelled = spec.head.config.endpoints or cohort.outcome_layout().endpoints
    assert len(prognosis.endpoints) == len(modelled)


def changed(name: str, base: str = "mm-care") -> dict[str, tuple[object, object]]:
    """Top-level sections in which two specs differ, and what each holds there."""
    one, other = (load_spec(EXAMPLES / f"{x}.yaml") for x in (base, name))
    sections = ("modalities", "fusion", "head", "split", "training", "decision")
    return {key: pair for key in sections if (pair := (getattr(one, key), getattr(other, key)))[0] != pair[1]}


@pytest.mark.parametrize(
    ("name", "differs"),
    [
        ("mm-care-concat", {"fusion"}),
        ("mm-care-weighted-sum", {"fusion"}),
        ("mm-care-late", {"modalities", "fusion", "training"}),
        ("mm-care-no-adaptive-fusion", {"fusion"}),
        ("mm-care-no-genomics", {"modalities"}),
        ("mm-care-esm", {"modalities"}),
        ("mm-care-no-spatial-attention", {"modalities"}),
        ("mm-care-os-only", {"head", "decision"}),
        ("mm-care-lc-only", {"head", "decision"}),
        ("mm-care-ct-only", {"modalities", "fusion"}),
        ("mm-care-clinical-only", {"modalities", "fusion"}),
        ("mm-care-paper", {"modalities", "head", "training"}),
    ],
)
def test_an_ablation_changes_its_own_section_and_nothing_else(name: str, differs: set[str]) -> None:
    assert set(changed(name)) == differs
    path = EXAMPLES / f"{name}.yaml"
    assert len([line for line in path.read_text().splitlines() if not line.startswith("#")]) <= 17


def test_the_ablation_without_adaptive_fusion_is_concatenation() -> None:
    assert changed("mm-care-no-adaptive-fusion", "mm-care-concat") == {}


def test_late_fusion_has_a_head_a_modality_and_averages_them(cohort: Cohort, cache: Cache) -> None:
    model, inputs = model_of("mm-care-late", cohort, cache)
    assert len(model.heads) == 3
    scores = score(model, inputs, cohort.patients)
    assert scores.mask.shape == (len(cohort.patients), 3)
    assert scores.mask.tolist() == inputs.batch(cohort.patients).present.tolist()


def test_the_papers_letter_has_cox_cross_entropy_and_one_token_a_modality(cohort: Cohort, cache: Cache) -> None:
    model, inputs = model_of("mm-care-paper", cohort, cache)
    batch = inputs.batch(cohort.patients)
    assert [tokens.values.shape[1] for tokens in model.encode(batch).values()] == [1, 1, 1]
    kinds = {name: type(endpoint).__name__ for name, endpoint in model.heads[0].models.items()}
    assert kinds == {"endpoint-os": "CoxHazard", "endpoint-lc": "HorizonSigmoids"}
    assert model.heads[0].weights == {"os": 0.7, "lc": 0.3}
    prognosis = model.eval().predict(model(batch))
    assert prognosis.endpoints["os"].free is not None
    assert prognosis.endpoints["lc"].free is None
    assert not prognosis.endpoints["lc"].monotone


def test_three_arms_one_arm_and_another_endpoint_need_no_new_code(cohort: Cohort, cache: Cache) -> None:
    layout = cohort.outcome_layout()
    spec = load_spec(
        EXAMPLES / "mm-care-clinical-only.yaml", overrides=["head.endpoints={rfs: {}, lc: {model: bce}, os: null}"]
    )
    inputs = inputs_of(spec, cohort, cache)
    batch = inputs.batch(cohort.patients)
    for arms in (("ablation", "sbrt", "surgery"), ("surgery",)):
        outcomes = OutcomeLayout(arms, layout.endpoints)
        happened = inputs.outcomes_of(cohort.patients)
        happened = type(happened)(arm=happened.arm % len(arms), time=happened.time, event=happened.event)
        model = build(spec, inputs.layouts, outcomes)
        model.fit(happened)
        model.loss(model(batch), happened).total.backward()
        prognosis = model.eval().predict(model(batch))
        assert {n: e.at_horizons.shape for n, e in prognosis.endpoints.items()} == {
            "rfs": (len(batch), len(arms), 2),
            "lc": (len(batch), len(arms), 2),
        }
