"""From a pydantic complaint to a finding in the user's words: what was found, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from mmcare.errors import Finding, cut
from mmcare.spec.layers import Layered
from mmcare.yaml_file import Key

__all__ = ["finding_at", "problems"]

_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "list": "a list, such as `[a, b]`",
    "tuple": "a list, such as `[a, b]`",
    "dict": "a map, such as `{key: value}`",
    "mapping": "a map, such as `{key: value}`",
    "model": "a map, such as `{key: value}`",
    "finite": "a finite number",
}


@dataclass(frozen=True, slots=True)
class _Complaint:
    """One complaint, its key as far as the data have it."""

    key: Key
    type: str
    message: str
    value: object
    context: Mapping[str, object]


def finding_at(layered: Layered, key: Key, what: str, todo: str = "", code: str = "") -> Finding:
    """A finding at the place of a key."""
    origin = layered.origin(key)
    name = ".".join(str(part) for part in key)
    return Finding(
        file=origin.file, line=origin.line, column=origin.column, key=name or None, what=what, todo=todo, code=code
    )


def problems(
    error: ValidationError, layered: Layered, prefix: Key, data: object, model: type[BaseModel], owner: str = ""
) -> Iterator[Finding]:
    """The findings of one validation.

    Args:
        error: What pydantic said.
        layered: The spec as written.
        prefix: Key of the validated map.
        data: The validated map.
        model: Its model; for the nearest names.
        owner: Whose keys these are, for messages (`encoder resnet3d`).
    """
    by_key: dict[Key, list[_Complaint]] = {}
    for detail in error.errors():
        complaint = _complaint(detail, data)  # type: ignore[arg-type]
        by_key.setdefault(complaint.key, []).append(complaint)
    for key, complaints in by_key.items():
        what, todo = _words(complaints, key, model, owner)
        yield finding_at(layered, (*prefix, *key), what, todo, complaints[0].type)


def _complaint(detail: Mapping[str, object], data: object) -> _Complaint:
    location: Sequence[str | int] = detail["loc"]  # type: ignore[assignment]
    missing = detail["type"] == "missing"
    key = _known_part(location[:-1], data) + tuple(location[-1:]) if missing else _known_part(location, data)
    context: Mapping[str, object] = detail.get("ctx") or {}  # type: ignore[assignment]
    return _Complaint(key, str(detail["type"]), str(detail["msg"]), detail.get("input"), context)


def _known_part(location: Sequence[str | int], data: object) -> Key:
    """The steps that the data know: what pydantic adds for the branch of a union is left out."""
    key: list[str | int] = []
    for step in location:
        if isinstance(data, dict) and step in data:
            key.append(step)
            data = data[step]
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            key.append(step)
            data = data[step]
    return tuple(key)


def _words(complaints: Sequence[_Complaint], key: Key, model: type[BaseModel], owner: str) -> tuple[str, str]:
    first = complaints[0]
    of = f" of {owner}" if owner else ""
    if first.type == "missing":
        return f"is missing{of}.", f"Add `{key[-1]}:`."
    if first.type == "extra_forbidden":
        return f"there is no such key{of}.{_near(key, model)}", ""
    if first.type == "value_error":
        return f"{first.message.removeprefix('Value error, ')}.", ""
    expected = list(dict.fromkeys(_expected(complaint) for complaint in complaints))
    return f"expected {' or '.join(expected)}, found {_found(first.value)}.", ""


def _expected(complaint: _Complaint) -> str:
    context = complaint.context
    match complaint.type:
        case "literal_error":
            return str(context["expected"]).replace("'", "`")
        case "greater_than":
            return f"a number greater than {context['gt']}"
        case "greater_than_equal":
            return f"a number of at least {context['ge']}"
        case "less_than":
            return f"a number less than {context['lt']}"
        case "less_than_equal":
            return f"a number of at most {context['le']}"
        case "too_short" | "too_long":
            wanted = context.get("min_length", context.get("max_length"))
            return f"{wanted} values"
    start = complaint.type.split("_")[0]
    return _EXPECTED.get(start, complaint.message.removeprefix("Input should be ").lower())


def _found(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, BaseModel):
        return "a component"
    return cut(value) if isinstance(value, int | float | list | dict) else f"`{cut(value)}`"


def _near(key: Key, model: type[BaseModel]) -> str:
    names = [field.alias or name for name, field in _model_at(model, key[:-1]).model_fields.items()]
    near = difflib.get_close_matches(str(key[-1]), names, 1)
    return f" Did you mean `{near[0]}`?" if near else f" It has: {', '.join(names)}."


def _model_at(model: type[BaseModel], key: Key) -> type[BaseModel]:
    for step in key:
        field = model.model_fields.get(str(step))
        inner = field.annotation if field is not None else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return model
        model = inner
    return model
