"""The JSON Schema of a spec: the names that are there, then exactly that component's keys."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mmcare.registry import Registry, discover
from mmcare.spec import check_spec, read_layers
from mmcare.spec.schema import json_schema

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


@pytest.fixture(scope="module")
def schema(registry: Registry) -> dict[str, Any]:
    return json_schema(registry)


def _definition(schema: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = schema["$defs"][name]
    return found


def test_a_use_allows_the_names_that_are_there_short_and_with_their_distribution(schema: dict[str, Any]) -> None:
    encoder = _definition(schema, "encoder")
    names = ["cells", "local/cells", "lines", "local/lines", "links", "local/links"]
    assert encoder["properties"]["use"]["enum"] == names and encoder["required"] == ["use"]
    assert encoder["allOf"][0] == {
        "if": {"properties": {"use": {"enum": ["cells", "local/cells"]}}, "required": ["use"]},
        "then": {"$ref": "#/$defs/encoder.local.cells"},
    }


def test_a_component_has_its_own_keys_and_no_other(schema: dict[str, Any]) -> None:
    cells = _definition(schema, "encoder.local.cells")
    assert list(cells["properties"]) == ["use", "weights", "freeze", "pooled", "depth"]
    assert cells["additionalProperties"] is False
    assert cells["properties"]["depth"] == {
        "anyOf": [{"minimum": 1, "type": "integer"}, {"type": "null"}],
        "default": 18,
        "description": "Layers.",
        "title": "Depth",
    }


def test_a_key_that_names_a_part_holds_any_part_of_its_kind(schema: dict[str, Any]) -> None:
    scan = _definition(schema, "modality.local.scan")["properties"]
    assert scan["roi"]["anyOf"] == [{"$ref": "#/$defs/segmenter"}, {"type": "null"}]
    assert scan["encoder"]["anyOf"] == [{"$ref": "#/$defs/encoder"}, {"type": "null"}]
    assert "from" in scan and "from_" not in scan


def test_what_has_no_default_is_required_and_may_not_be_null(schema: dict[str, Any]) -> None:
    head = _definition(schema, "head.local.two")
    assert head["required"] == ["endpoints"]
    assert head["properties"]["endpoints"]["additionalProperties"] == {"$ref": "#/$defs/EndpointConfig"}


def test_every_reference_leads_somewhere_and_nothing_is_left_over(schema: dict[str, Any]) -> None:
    def references(value: object) -> Iterator[str]:
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from references(inner)
        if isinstance(value, dict) and "$ref" in value:
            yield value["$ref"].removeprefix("#/$defs/")

    assert set(references(schema)) == set(schema["$defs"])


def test_of_two_distributions_with_one_name_only_the_long_names_are_allowed(registry: Registry) -> None:
    from dataclasses import replace

    (small,) = registry.plugins
    other = replace(small, provider=replace(small.provider, distribution="mmcare-other"))
    names = json_schema(Registry((small, other)))["$defs"]["fusion"]["properties"]["use"]["enum"]
    assert names == ["local/mix", "mmcare-other/mix", "local/side-by-side", "mmcare-other/side-by-side"]


def test_the_same_components_give_the_same_schema(registry: Registry, schema: dict[str, Any]) -> None:
    assert json_schema(registry) == schema


Valid = Callable[[object], bool]


@pytest.fixture(scope="module")
def installed() -> Valid:
    """Whether data fit the schema of what is installed."""
    jsonschema = pytest.importorskip("jsonschema", reason="the schema is tried out with jsonschema")
    found = json_schema(discover())
    jsonschema.Draft202012Validator.check_schema(found)
    is_valid: Valid = jsonschema.Draft202012Validator(found).is_valid
    return is_valid


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_examples_fit_it(file: Path, installed: Valid) -> None:
    spec, findings = check_spec(file)
    if spec is None:
        pytest.skip(f"a component is not installed: {findings[0]}")
    assert installed(read_layers(file).data)
    assert installed(spec.as_data())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fusion.haeds", 4),
        ("fusion.heads", "four"),
        ("fusion.use", "attention"),
        ("modalities.ct.encoder.use", "gcn-of-nobody"),
        ("modalities.ct.encoder.layers", 2),
        ("modalities.CT", {"use": "ct"}),
        ("training.lr", -1),
        ("training.early_stopping", "cindex"),
        ("mmcare", 2),
        ("baseline", {"use": "cox-ph"}),
    ],
)
def test_what_spec_check_refuses_does_not_fit(key: str, value: object, installed: Valid) -> None:
    data: Any = copy.deepcopy(read_layers(EXAMPLES[0].with_name("mm-care.yaml")).data)
    assert installed(data)
    *path, last = key.split(".")
    part = data
    for name in path:
        part = part[name]
    part[last] = value
    assert not installed(data)


@pytest.mark.parametrize("value", ["none", "c_index", {"metric": "none"}, {"patience": 3}, None])
def test_early_stopping_is_a_word_or_a_map(value: object, installed: Valid) -> None:
    data: Any = copy.deepcopy(read_layers(EXAMPLES[0].with_name("mm-care.yaml")).data)
    data["training"]["early_stopping"] = value
    assert installed(data)
