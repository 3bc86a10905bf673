"""The resolved spec: its values, where they came from, and that it reads back as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmcare.registry import Registry
from mmcare.spec import Spec, TrainingConfig, load_spec, to_yaml

from .conftest import VALID

Load = Callable[..., Spec]

BASELINE = "mmcare: 1\nname: classical\nmodalities: {clinical: {use: rows}}\nbaseline: {use: plain}\n"
SEGMENTER = "mmcare: 1\nsegmenter: {use: drawn, spacing_mm: 2}\n"


def test_the_parts_of_a_network(load: Load) -> None:
    spec = load(VALID)
    assert (spec.name, spec.kind, spec.requires.arms) == ("small", "network", ("sbrt", "surgery"))
    assert {part.path: part.entry.qualified for part in spec.parts()} == {
        "modalities.ct": "local/scan",
        "modalities.ct.encoder": "local/cells",
        "modalities.ct.roi": "local/drawn",
        "modalities.clinical": "local/rows",
        "modalities.clinical.encoder": "local/lines",
        "fusion": "local/mix",
        "head": "local/two",
    }
    assert spec.modalities["ct"].config.model_dump()["optional"] is False
    assert spec.training == TrainingConfig(batch_size=16, early_stopping={"metric": "loss", "patience": 5})


def test_the_other_kinds_of_spec(load: Load) -> None:
    assert (load(BASELINE).kind, load(SEGMENTER).kind) == ("baseline", "segmenter")
    assert load(SEGMENTER).modalities == {} and load(SEGMENTER).name == "model"


@pytest.mark.parametrize("text", [VALID, BASELINE, SEGMENTER], ids=["network", "baseline", "segmenter"])
def test_a_resolved_spec_reads_back_as_it_was(text: str, load: Load, registry: Registry, tmp_path: Path) -> None:
    spec = load(text)
    again = tmp_path / "elsewhere" / "resolved.yaml"
    again.parent.mkdir()
    again.write_text(spec.resolved_yaml())
    assert load_spec(again, registry=registry) == spec
    assert load_spec(again, registry=registry).resolved_yaml() == spec.resolved_yaml()


def test_a_resolved_spec_names_distributions_and_every_value(load: Load) -> None:
    text = load(VALID).resolved_yaml()
    assert "use: local/cells\n" in text and "use: local/mix\n" in text
    assert "  weight_decay: 1.0e-05\n" in text or "  weight_decay: 1e-05\n" in text
    assert "\n  endpoints:\n    os:\n      model: discrete\n      weight: 0.7\n    lc:\n      model: discrete\n" in text


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lr=st.floats(1e-12, 10),
    decay=st.floats(0, 10),
    dropout=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 2**31),
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,12}", fullmatch=True),
    arms=st.lists(
        unique=True,
        elements=st.text(min_size=1, max_size=5, alphabet=st.characters(codec="utf-8", exclude_categories=["C"])),
    ),
)
def test_any_values_survive_the_round_trip(
    registry: Registry,
    tmp_path_factory: pytest.TempPathFactory,
    lr: float,
    decay: float,
    dropout: float,
    seed: int,
    name: str,
    arms: list[str],
) -> None:
    folder = tmp_path_factory.mktemp("round")
    first, second = folder / "a.yaml", folder / "b.yaml"
    first.write_text(VALID)
    spec = load_spec(first, registry=registry)
    changed = spec.training.model_copy(
        update={"lr": lr, "weight_decay": decay, "modality_dropout": dropout, "seed": seed}
    )
    requires = spec.requires.model_copy(update={"arms": tuple(arms)})
    wanted = {**spec.as_data(), "name": name, "training": changed.model_dump(), "requires": {"arms": arms}}
    second.write_text(to_yaml(wanted), encoding="utf-8")
    again = load_spec(second, registry=registry)
    assert (again.training, again.requires, again.name) == (changed, requires, name)


def test_every_value_says_where_it_was_written(registry: Registry, folder: Path) -> None:
    Path("base.yaml").write_text(VALID)
    Path("spec.yaml").write_text("extends: base.yaml\ntraining:\n  batch_size: 8\n")
    spec = load_spec("spec.yaml", ["training.lr=1e-3"], registry=registry)
    places = ["training.batch_size", "training.lr", "training.early_stopping.patience", "modalities.ct.encoder.depth"]
    assert [str(spec.origin(key)) for key in places] == ["spec.yaml:3:3", "--set", "base.yaml:24:20", "base.yaml:10:27"]
    assert spec.is_default("training.seed") and not spec.is_default("training.lr")
    assert str(spec.origin("training.seed")) == "base.yaml:21:1"  # its nearest parent's


def test_a_spec_without_the_weights_that_it_starts_from(load: Load) -> None:
    spec = load(VALID.replace("use: cells", "use: cells, weights: w.safetensors"))
    bare = spec.without_weights()
    assert spec != bare and bare == load(VALID)


def test_a_resolved_spec_keeps_its_paths_wherever_it_is_written(load: Load, registry: Registry, tmp_path: Path) -> None:
    spec = load(VALID.replace("use: cells", "use: cells, weights: sub/../w.safetensors"))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "resolved.yaml").write_text(spec.resolved_yaml())
    assert load_spec(tmp_path / "deep" / "resolved.yaml", registry=registry) == spec
