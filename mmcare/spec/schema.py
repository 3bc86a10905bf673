"""The JSON Schema of a spec, from the components that are there.

A `use` allows the names of its kind, and then exactly the keys of the component that it names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mmcare.registry import KINDS, Component, Config, Entry, Registry
from mmcare.spec.document import VERSION, SpecDocument
from mmcare.spec.resolve import part_fields
from mmcare.spec.settings import DecisionConfig, Requires, SplitConfig, TrainingConfig

__all__ = ["json_schema"]

Schema = dict[str, Any]
"""A JSON Schema: a JSON object by its own definition, so its values are anything."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SETTINGS: Mapping[str, type[BaseModel]] = {
    "requires": Requires,
    "split": SplitConfig,
    "training": TrainingConfig,
    "decision": DecisionConfig,
}
_PARTS = ("fusion", "head", "baseline", "segmenter")
_MODALITY_KEY = "^[a-z][a-z0-9-]*$"


def json_schema(registry: Registry) -> Schema:
    """The schema (draft 2020-12) of a spec whose `extends` is laid out.

    Args:
        registry: The components that a spec may name.
    """
    entries = [entry for entry in registry.entries() if entry.component.kind != "recipe"]
    models = _models(entry.component for entry in entries)
    references, shared = models_json_schema([(model, "validation") for model in models], by_alias=True)
    definitions = {name: _with_nulls(found) for name, found in shared["$defs"].items()}
    names = {model: str(reference["$ref"]).rpartition("/")[2] for (model, _), reference in references.items()}
    for entry in entries:
        definitions[_key(entry)] = _component(entry, definitions[names[entry.component.config]])
    for kind in KINDS:
        if kind != "recipe":
            definitions[kind] = _part(kind, [entry for entry in entries if entry.component.kind == kind])
    document = _document(definitions[names[SpecDocument]], names)
    return {"$schema": DIALECT, "title": "MM-Care spec", **document, "$defs": _reached(document, definitions)}


def _models(components: Iterable[Component]) -> list[type[BaseModel]]:
    """Each model once, in an order that does not change from run to run."""
    configs = {component.config for component in components}
    return [SpecDocument, *_SETTINGS.values(), *sorted(configs, key=lambda c: (c.__module__, c.__qualname__))]


def _key(entry: Entry) -> str:
    """The definition of one component: `encoder.mmcare-plugin-clinical.mlp`."""
    return f"{entry.component.kind}.{entry.qualified.replace('/', '.')}"


def _component(entry: Entry, of_config: Schema) -> Schema:
    """The keys of one component, `use` among them; nested parts by their kind."""
    config = entry.component.config
    keys = {"use": True, **of_config.get("properties", {})}
    for name, kind in part_fields(config).items():
        keys[_alias(config, name)] = _part_key(config, name, kind, keys[_alias(config, name)])
    return {**of_config, "title": entry.qualified, "description": entry.component.summary, "properties": keys}


def _alias(config: type[Config], name: str) -> str:
    return config.model_fields[name].alias or name


def _part_key(config: type[Config], name: str, kind: str, written: Schema) -> Schema:
    reference = _reference(kind)
    allowed = reference if config.model_fields[name].is_required() else _or_null(reference)
    return {**allowed, "description": written.get("description", "")}


def _part(kind: str, entries: list[Entry]) -> Schema:
    """A map whose `use` is one of the installed names, with that component's keys."""
    shared = Counter(entry.component.name for entry in entries)
    names = {
        _key(entry): [entry.component.name] * (shared[entry.component.name] == 1) + [entry.qualified]
        for entry in entries
    }
    said = {"description": f"Name of the {kind}.", "enum": [name for group in names.values() for name in group]}
    branches = [
        {"if": {"properties": {"use": {"enum": group}}, "required": ["use"]}, "then": _reference(key)}
        for key, group in names.items()
    ]
    part: Schema = {"type": "object", "required": ["use"], "properties": {"use": said}}
    return {**part, "allOf": branches} if branches else part


def _document(of_model: Schema, names: Mapping[Any, str]) -> Schema:
    """The keys of a spec, with the settings and parts that the model only knows as objects."""
    keys = {**of_model["properties"], "mmcare": {"const": VERSION, "description": "Version of this format."}}
    inner: dict[str, Schema] = {name: _reference(names[model]) for name, model in _SETTINGS.items()}
    inner |= {name: _reference(name) for name in _PARTS}
    inner["modalities"] = {
        "type": "object",
        "propertyNames": {"pattern": _MODALITY_KEY},
        "additionalProperties": _or_null(_reference("modality")),
    }
    for name, schema in inner.items():
        keys[name] = {**_or_null(schema), "description": keys[name]["description"]}
    one = [{"required": [name], "properties": {name: {"type": "object"}}} for name in ("head", "baseline", "segmenter")]
    return {**of_model, "title": "MM-Care spec", "required": ["mmcare"], "properties": keys, "oneOf": one}


def _with_nulls(definition: Schema) -> Schema:
    """`key: null` gives back the default of any key that has one."""
    needed = definition.get("required", [])
    keys = {name: s if name in needed else _key_or_null(s) for name, s in definition.get("properties", {}).items()}
    return {**definition, "properties": keys} if keys else definition


def _key_or_null(schema: Schema) -> Schema:
    if {"type": "null"} in schema.get("anyOf", []) or not schema.keys() & {"type", "enum", "const", "anyOf", "$ref"}:
        return schema  # null is allowed
    told: Schema = {name: schema[name] for name in ("default", "description", "title") if name in schema}
    return {**_or_null({name: value for name, value in schema.items() if name not in told}), **told}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _reached(schema: Schema, definitions: Mapping[str, Schema]) -> dict[str, Schema]:
    """The definitions that the schema needs, by name."""
    found: dict[str, Schema] = {}
    waiting = list(_references(schema))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = definitions[name]
            waiting += _references(definitions[name])
    return dict(sorted(found.items()))


def _references(schema: object) -> Iterable[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].rpartition("/")[2]
        schema = list(schema.values())
    if isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)
