"""Every shipped spec: valid, and what its comments say of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcare.spec import check_spec, load_spec

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_spec_is_valid_and_reads_back_as_it_was(path: Path, tmp_path: Path) -> None:
    spec, findings = check_spec(path)
    assert findings == [] and spec is not None
    assert spec.name == path.stem
    (tmp_path / "resolved.yaml").write_text(spec.resolved_yaml())
    assert load_spec(tmp_path / "resolved.yaml") == spec


def test_the_demo_is_the_default_but_smaller() -> None:
    demo, default = load_spec(EXAMPLES / "demo.yaml"), load_spec(EXAMPLES / "mm-care.yaml")
    changed = {
        (name, key): value
        for name, part in demo.modalities.items()
        for key, value in part.config.model_dump(exclude={"encoder", "roi"}).items()
        if value != getattr(default.modalities[name].config, key)
    }
    assert changed == {("ct", "spacing_mm"): 3.0, ("ct", "size"): (32, 32, 32)}
    encoder = demo.modalities["ct"].parts["encoder"].config.model_dump()
    assert (encoder["backbone"], encoder["stride"]) == ("resnet10t", 8)
    assert (demo.fusion, demo.head) == (default.fusion, default.head)
    assert demo.modalities["ct"].parts["roi"].entry.component.name == "mask"


def test_the_paper_has_one_token_a_modality() -> None:
    paper = load_spec(EXAMPLES / "mm-care-paper.yaml")
    assert all(part.parts["encoder"].config.model_dump()["pooled"] for part in paper.modalities.values())
    assert paper.training.early_stopping.metric == "c_index"
    assert paper.modalities["ct"].config.model_dump()["margin_mm"] == 0
