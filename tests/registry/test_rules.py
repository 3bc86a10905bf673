"""A record that breaks a rule is refused by name; the plugin's other records stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mmcare.registry import discover

HEADER = """
from __future__ import annotations
import dataclasses
from collections.abc import Mapping
from pydantic import BaseModel, Field
from mmcare.registry import *

MMCARE_API = 1

@dataclasses.dataclass
class Plain:
    width: int = 3

class Foreign(BaseModel):
    width: int = 3

class Own(EncoderConfig):
    width: int = 3

class Weights(FusionConfig):
    weights: str = "mine"

class Used(HeadConfig):
    use: str = "x"

class From(ModalityConfig):
    source: str = Field("x", alias="from")

class Middle(EncoderConfig):
    pooled: bool = True

class Below(Middle):
    pass

class Fine(ModalityConfig):
    pooled: bool = False
    encoder: EncoderPart

@hookimpl
def mmcare_components():
    yield Component(kind="encoder", name="right", summary="Right.", config=Own, target="a.b:C", takes="volume")
"""

CASES: Mapping[str, tuple[str, str]] = {
    "kind": (
        'kind="encoders", name="x", summary="X.", config=Own, target="a:B", takes="volume"',
        "encoders `x` of acme-wrong 2.0 is refused: its kind is 'encoders'; the kinds are `modality`, `segmenter`, "
        "`encoder`, `fusion`, `head`, `baseline`, `recipe`.",
    ),
    "name": (
        'kind="encoder", name="ResNet_3D", summary="X.", config=Own, target="a:B", takes="volume"',
        "encoder `ResNet_3D` of acme-wrong 2.0 is refused: its name is 'ResNet_3D'; a name is kebab-case, such as "
        "`my-encoder`.",
    ),
    "summary": (
        'kind="encoder", name="x", summary="", config=Own, target="a:B", takes="volume"',
        "encoder `x` of acme-wrong 2.0 is refused: its summary is not one line of text.",
    ),
    "dataclass": (
        'kind="encoder", name="x", summary="X.", config=Plain, target="a:B", takes="volume"',
        "encoder `x` of acme-wrong 2.0 is refused: its config `Plain` is not a pydantic model made from "
        "`mmcare.registry.EncoderConfig` (see docs/plugins.md).",
    ),
    "foreign base": (
        'kind="encoder", name="x", summary="X.", config=Foreign, target="a:B", takes="volume"',
        "encoder `x` of acme-wrong 2.0 is refused: its config `Foreign` is not a pydantic model made from "
        "`mmcare.registry.EncoderConfig` (see docs/plugins.md).",
    ),
    "base of another kind": (
        'kind="fusion", name="x", summary="X.", config=Own, target="a:B"',
        "fusion `x` of acme-wrong 2.0 is refused: its config `Own` is not a pydantic model made from "
        "`mmcare.registry.FusionConfig` (see docs/plugins.md).",
    ),
    "reserved weights": (
        'kind="fusion", name="x", summary="X.", config=Weights, target="a:B"',
        "fusion `x` of acme-wrong 2.0 is refused: its config declares `weights`, a key that the framework reads "
        "itself; give it another name.",
    ),
    "reserved use": (
        'kind="head", name="x", summary="X.", config=Used, target="a:B"',
        "head `x` of acme-wrong 2.0 is refused: its config declares `use`, a key that the framework reads "
        "itself; give it another name.",
    ),
    "reserved alias": (
        'kind="modality", name="x", summary="X.", config=From, target="a:B", gives="table"',
        "modality `x` of acme-wrong 2.0 is refused: its config declares `from`, a key that the framework reads "
        "itself; give it another name.",
    ),
    "reserved in a class between": (
        'kind="encoder", name="x", summary="X.", config=Below, target="a:B", takes="table"',
        "encoder `x` of acme-wrong 2.0 is refused: its config declares `pooled`, a key that the framework reads "
        "itself; give it another name.",
    ),
    "takes nothing": (
        'kind="encoder", name="x", summary="X.", config=Own, target="a:B"',
        "encoder `x` of acme-wrong 2.0 is refused: an encoder must say what it takes: `volume`, `table`, `graph`, "
        "`sequence`, `tokens`.",
    ),
    "takes an unknown batch": (
        'kind="encoder", name="x", summary="X.", config=Own, target="a:B", takes="image"',
        "encoder `x` of acme-wrong 2.0 is refused: it takes 'image'; the kinds of batch are `volume`, `table`, "
        "`graph`, `sequence`, `tokens`.",
    ),
    "gives nothing": (
        'kind="modality", name="x", summary="X.", config=ModalityConfig, target="a:B"',
        "modality `x` of acme-wrong 2.0 is refused: a modality must say what it gives: `volume`, `table`, `graph`, "
        "`sequence`, `tokens`.",
    ),
    "target": (
        'kind="encoder", name="x", summary="X.", config=Own, target="a.b.C", takes="volume"',
        "encoder `x` of acme-wrong 2.0 is refused: its target is 'a.b.C'; write `package.module:Class`.",
    ),
    "twice": (
        'kind="encoder", name="right", summary="Right again.", config=Own, target="a:B", takes="volume"',
        "encoder `right` of acme-wrong 2.0 is refused: the same plugin offers this name twice.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_record_that_breaks_a_rule_is_refused(site: Path, install: Any, case: str) -> None:
    record, message = CASES[case]
    install("acme-wrong", f"{HEADER}    yield Component({record})\n", version="2.0")
    (result,) = [p for p in discover().plugins if p.provider.distribution == "acme-wrong"]
    assert [str(f) for f in result.findings] == [f"{message} Tell its authors, or use another component."]
    assert (result.state, [c.name for c in result.components]) == ("faulty", ["right"])


def test_keys_reserved_for_one_kind_are_free_for_another(site: Path, install: Any) -> None:
    record = 'kind="modality", name="x", summary="X.", config=Fine, target="a:B", gives="table"'
    install("acme-fine", f"{HEADER}    yield Component({record})\n")
    (result,) = [p for p in discover().plugins if p.provider.distribution == "acme-fine"]
    assert (result.state, result.findings) == ("ready", ())


def test_a_stranger_that_offers_a_first_party_name_is_warned_of(
    site: Path, install: Any, good: Callable[..., str]
) -> None:
    install("acme-stranger", good("resnet3d"))
    (result,) = [p for p in discover().plugins if p.provider.distribution == "acme-stranger"]
    assert [(str(w), w.severity) for w in result.warnings] == [
        (
            "encoder `resnet3d` belongs to mmcare-plugin-imaging, and is provided by acme-stranger 1.0. "
            "If you did not mean this, remove acme-stranger, or write `mmcare-plugin-imaging/resnet3d`.",
            "warning",
        )
    ]
    (entry,) = [e for e in discover().entries("encoder") if e.provider == result.provider]
    assert discover().warnings(entry) == result.warnings
