"""First specs: valid for what a cohort holds, and saying what was left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mmcare.errors import PluginError, SpecError
from mmcare.registry import Registry, discover
from mmcare.spec import CohortModality, CohortSummary, Spec, check_spec, draft_spec

Drafted = Callable[[CohortSummary], tuple[Spec, str]]
CT = CohortModality(frozenset({"files", "mask"}))
GENOME = CohortModality(frozenset({"mutations", "panels", "panel_genes", "network"}))
WHOLE = CohortSummary(
    path=Path("a cohort"),
    arms=("sbrt", "surgery"),
    endpoints={"os": False, "lc": True},
    modalities={"ct": CT, "genomic": GENOME},
    predictors=("age", "sex"),
)


def without(distribution: str) -> Registry:
    """What is installed, but for one distribution."""
    found = discover()
    return replace(found, plugins=tuple(p for p in found.plugins if p.provider.distribution != distribution))


@pytest.fixture
def drafted(tmp_path: Path) -> Drafted:
    def draft(cohort: CohortSummary) -> tuple[Spec, str]:
        text = draft_spec(cohort, discover())
        (tmp_path / "first.yaml").write_text(text)
        spec, findings = check_spec(tmp_path / "first.yaml")
        assert spec is not None and findings == []
        return spec, text

    return draft


def test_a_cohort_of_everything(drafted: Drafted) -> None:
    spec, text = drafted(WHOLE)
    uses = {part.path: part.entry.component.name for part in spec.parts()}
    assert uses == {
        "modalities.clinical": "table",
        "modalities.clinical.encoder": "mlp",
        "modalities.ct": "ct",
        "modalities.ct.encoder": "resnet3d",
        "modalities.ct.roi": "mask",
        "modalities.genomic": "gene-graph",
        "modalities.genomic.encoder": "gcn",
        "fusion": "cross-attention",
        "head": "dual-task",
    }
    assert spec.name == "a-cohort" and spec.requires.arms == ("sbrt", "surgery")
    assert "    os: {model: discrete, weight: 0.7}\n    lc: {model: competing-risk, weight: 0.3}\n" in text
    assert all(len(line) <= 120 for line in text.splitlines())


def test_one_modality_needs_no_fusion(drafted: Drafted) -> None:
    spec, _ = drafted(replace(WHOLE, modalities={}, endpoints={"rfs": False}))
    assert spec.fusion is None and list(spec.modalities) == ["clinical"]
    assert spec.training.modality_dropout == 0.0


def test_without_a_mask_the_whole_volume_is_taken(drafted: Drafted) -> None:
    spec, _ = drafted(replace(WHOLE, modalities={"scan": CohortModality(frozenset({"files"}))}, predictors=()))
    assert spec.modalities["scan"].parts["roi"].entry.component.name == "whole"


def test_what_is_known_after_the_decision(drafted: Drafted) -> None:
    late = {"ct": CT, "genomic": replace(GENOME, after_decision=True)}
    spec, text = drafted(replace(WHOLE, modalities=late))
    assert "genomic" not in spec.modalities and spec.allow_after_decision == ()
    assert "  # genomic is left out: it is known only after the decision between sbrt and surgery.\n" in text
    spec, _ = drafted(replace(WHOLE, modalities=late, arms=()))
    assert spec.allow_after_decision == ("genomic",) and "genomic" in spec.modalities


def test_names_that_a_spec_cannot_have(drafted: Drafted) -> None:
    odd = replace(WHOLE, path=Path("/"), modalities={"CT scan (1)": CT}, endpoints={"time: to {death}": False})
    spec, _ = drafted(odd)
    assert spec.name == "model" and spec.modalities["ct"].config.model_dump(by_alias=True)["from"] == "CT scan (1)"
    assert spec.head is not None and list(spec.head.config.model_dump()["endpoints"]) == ["time: to {death}"]


def test_the_table_gives_way_to_a_modality_of_its_name(drafted: Drafted) -> None:
    spec, _ = drafted(replace(WHOLE, modalities={"clinical": CT}))
    assert {name: part.entry.component.name for name, part in spec.modalities.items()} == {
        "table": "table",
        "clinical": "ct",
    }


def test_what_nothing_can_read_is_said(drafted: Drafted) -> None:
    odd = {"sound": CohortModality(frozenset({"wav", "rate"}))}
    spec, text = drafted(replace(WHOLE, modalities=odd))
    assert list(spec.modalities) == ["clinical"]
    assert "  # sound is left out: nothing is known to read it (entries: rate, wav).\n" in text


def test_what_is_not_installed_is_said() -> None:
    text = draft_spec(WHOLE, without("mmcare-plugin-gcn"))
    assert (
        "  # genomic is left out: encoder `gcn` is offered by mmcare-plugin-gcn, which is not installed. "
        "Install it: `pip install mmcare-plugin-gcn`.\n"
    ) in text
    with pytest.raises(PluginError) as error:
        draft_spec(WHOLE, without("mmcare-plugin-prognosis"))
    assert str(error.value) == (
        "head `dual-task` is offered by mmcare-plugin-prognosis, which is not installed. "
        "Install it: `pip install mmcare-plugin-prognosis`."
    )


def test_a_cohort_that_nothing_can_be_learned_from() -> None:
    with pytest.raises(SpecError) as error:
        draft_spec(replace(WHOLE, endpoints={}), discover())
    assert str(error.value) == (
        "a cohort/cohort.yaml: names no `endpoints`: there is nothing to learn. Add `endpoints:` to it."
    )
    with pytest.raises(SpecError) as error:
        odd = {"sound": CohortModality(frozenset({"wav"}))}
        draft_spec(replace(WHOLE, predictors=(), modalities=odd), discover())
    assert str(error.value) == (
        "a cohort: holds nothing that a network can be trained on. sound is left out: nothing is known to read it "
        "(entries: wav). Add `columns:` or `modalities:` to its cohort.yaml, or install what reads them."
    )
