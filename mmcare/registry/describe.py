"""A component's keys in words, and a piece of YAML to paste: what help and documentation are made from."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mmcare.registry.component import Component
from mmcare.registry.config import Config, Kind
from mmcare.registry.rules import article

__all__ = ["Key", "as_yaml", "fields_of", "snippet"]

_WORDS: dict[object, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    None: "null",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a component.

    Attributes:
        key: The key as a spec writes it.
        type: What it holds, in words, with its bounds.
        default: Its default as YAML; None where the key must be given.
        doc: What it means, with its unit.
    """

    key: str
    type: str
    default: str | None
    doc: str


def fields_of(config: type[Config]) -> tuple[Key, ...]:
    """The keys of a component's config, its own before those that all components of the kind share."""
    ordered = sorted(config.model_fields.items(), key=lambda item: item[0] in _shared(config))
    return tuple(_field(name, info) for name, info in ordered)


def _shared(config: type[Config]) -> set[str]:
    bases = [base for base in config.__mro__[1:] if issubclass(base, Config) and base.__module__ == Config.__module__]
    return {name for base in bases for name in base.model_fields}


def _field(name: str, info: FieldInfo) -> Key:
    default = None if info.is_required() else as_yaml(info.get_default(call_default_factory=True))
    return Key(info.alias or name, _type(info), default, " ".join((info.description or "").split()))


def _type(info: FieldInfo) -> str:
    kinds = [m.name for m in info.metadata if isinstance(m, Kind)]
    words = _part(kinds[0]) if kinds else _in_words(info.annotation)
    bounds = [said for m in info.metadata if (said := _bound(m))]
    return ", ".join([words, *bounds])


def _part(kind: str) -> str:
    return f"{article(kind)} (`use: NAME` and its keys)"


def _in_words(annotation: Any) -> str:  # any annotation that pydantic takes
    if annotation in _WORDS:
        return _WORDS[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _annotated(arguments)
    if origin is Literal:
        return _either([as_yaml(a) for a in arguments])
    if origin in (Union, types.UnionType):
        return _either([_in_words(a) for a in arguments])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a map from {_in_words(arguments[0])} to {_in_words(arguments[1])}"
    if isinstance(origin, type) and issubclass(origin, Sequence | set | frozenset):
        return _list(origin, arguments)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"a map with {', '.join(f'`{info.alias or n}`' for n, info in annotation.model_fields.items())}"
    return getattr(annotation, "__name__", str(annotation))


def _annotated(arguments: tuple[Any, ...]) -> str:
    kinds = [m.name for m in arguments[1:] if isinstance(m, Kind)]
    if kinds:
        return _part(kinds[0])
    metadata = [m for a in arguments[1:] for m in (a.metadata if isinstance(a, FieldInfo) else [a])]
    return ", ".join([_in_words(arguments[0]), *(said for m in metadata if (said := _bound(m)))])


def _list(origin: type, arguments: tuple[Any, ...]) -> str:
    if origin is tuple and Ellipsis not in arguments:
        same = len(set(arguments)) == 1
        inner = _in_words(arguments[0]) if same else ", ".join(_in_words(a) for a in arguments)
        return f"a list of {len(arguments)}, each {inner}" if same else f"a list of {inner}"
    return f"a list, each {_in_words(arguments[0])}"


def _bound(constraint: object) -> str:
    match constraint:
        case annotated_types.Ge(ge=value):
            return f"at least {value}"
        case annotated_types.Gt(gt=value):
            return f"above {value}"
        case annotated_types.Le(le=value):
            return f"at most {value}"
        case annotated_types.Lt(lt=value):
            return f"below {value}"
        case annotated_types.MultipleOf(multiple_of=value):
            return f"a multiple of {value}"
        case annotated_types.MinLen(min_length=value):
            return f"{value} or more of them"
        case annotated_types.MaxLen(max_length=value):
            return f"no more than {value} of them"
    return ""


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def as_yaml(value: object) -> str:
    """A value on one line of YAML 1.2."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{as_yaml(k)}: {as_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(as_yaml(v) for v in value) + "]"
    if isinstance(value, str | Path):
        return _text(str(value))
    return json.dumps(value, default=str)


def _text(text: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_][\w./-]*", text) and text.lower() not in ("true", "false", "null")
    return text if plain else json.dumps(text, ensure_ascii=False)


_PLACES: dict[str, tuple[str, ...]] = {
    "modality": ("modalities:", "  {name}:"),
    "encoder": ("modalities:", "  MODALITY:", "    encoder:"),
    "segmenter": ("segmenter:",),
    "fusion": ("fusion:",),
    "head": ("head:",),
    "baseline": ("baseline:",),
}


def snippet(component: Component) -> str:
    """A piece of a spec that uses the component, its own keys with their defaults; what must be filled in says so."""
    if component.kind == "recipe":
        return f"# a recipe is a command: mmcare cohort make {component.name} --from DIR --out DIR\n"
    place = [line.format(name=component.name) for line in _PLACES[component.kind]]
    indent = "  " * len(place)
    lines = [f"{indent}use: {component.name}"]
    shared = _shared(component.config)
    own = [_field(name, info) for name, info in component.config.model_fields.items() if name not in shared]
    lines += [f"{indent}{line}" for field in own if (line := _line(field))]
    return "\n".join([*place, *lines]) + "\n"


def _line(field: Key) -> str:
    if field.default is None:
        return f"{field.key}:  # to be filled in: {field.type}. {field.doc}".rstrip()
    if field.default == "null":
        return ""  # not given is what the default says
    return f"{field.key}: {field.default}  # {field.doc}" if field.doc else f"{field.key}: {field.default}"
