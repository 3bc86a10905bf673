"""From a pydantic complaint to a finding in the user's words: what was found, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from mmcare.errors import Finding, cut
from mmcare.registry import Part, fields_of
from mmcare.spec.layers import Layered
from mmcare.yaml_file import Key

__all__ = ["Checked", "finding_at", "read_model"]

ModelT = TypeVar("ModelT", bound=BaseModel)

_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list, such as `[a, b]`",
    "tuple": "a list, such as `[a, b]`",
    "dict": "a map, such as `{key: value}`",
    "mapping": "a map, such as `{key: value}`",
    "model": "a map, such as `{key: value}`",
    "finite": "a finite number",
}
_OWN_WORDS = ("literal", "dict", "mapping", "model")
"""Complaints for which `_EXPECTED`, or pydantic's own list, says more than the field's type."""


@dataclass(frozen=True, slots=True)
class Checked(Generic[ModelT]):
    """A map as its model reads it; None with the reasons where it cannot."""

    value: ModelT | None
    findings: tuple[Finding, ...]


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


def read_model(
    model: type[ModelT],
    data: Mapping[str, object],
    layered: Layered,
    prefix: Key = (),
    owner: str = "",
    without: frozenset[str] = frozenset(),
) -> Checked[ModelT]:
    """Validate a map of the spec.

    Args:
        model: Its model.
        data: The map.
        layered: The spec as written, for places.
        prefix: Key of the map.
        owner: Whose keys these are, for messages (`encoder resnet3d`).
        without: Fields left out because they are wrong themselves, which was said.
    """
    scope = _Scope(model, layered, prefix, owner)
    findings = list(scope.idle_nulls())
    try:
        value = model.model_validate({name: inner for name, inner in data.items() if name not in without})
    except ValidationError as error:
        complaints = [_complaint(detail, data) for detail in error.errors()]  # type: ignore[arg-type]
        return Checked(None, (*scope.findings(c for c in complaints if not _is_missing(c, without)), *findings))
    except Exception as error:  # whatever a plugin's validator raises is said, and stops this spec alone
        what = f"could not be read{f' by {owner}' if owner else ''}: {cut(f'{type(error).__name__}: {error}')}."
        return Checked(None, (*findings, finding_at(layered, prefix, what, "Tell its authors.", "plugin-fault")))
    findings += scope.truths(data, value.model_dump(by_alias=True))
    return Checked(None if findings or without else value, tuple(findings))


def _is_missing(complaint: _Complaint, names: frozenset[str]) -> bool:
    return complaint.type == "missing" and len(complaint.key) == 1 and complaint.key[0] in names


def _complaint(detail: Mapping[str, object], data: object) -> _Complaint:
    location: Sequence[str | int] = detail["loc"]  # type: ignore[assignment]
    kind, value = str(detail["type"]), detail.get("input")
    key = _known_part(location, data)
    if kind == "missing" and isinstance(location[-1], str):
        key = (*_known_part(location[:-1], data), location[-1])
    elif kind == "missing":  # the last places of a list that is too short
        kind, value = "too_short", _at(data, key)
    return _Complaint(key, kind, str(detail["msg"]), value, detail.get("ctx") or {})  # type: ignore[arg-type]


def _known_part(location: Sequence[str | int], data: object) -> Key:
    """The steps that the data know: what pydantic adds for the branch of a union is left out."""
    key: list[str | int] = []
    for step in location:
        is_index = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if is_index or (isinstance(data, dict) and step in data):
            key.append(step)
            data = data[step]  # type: ignore[index]
    return tuple(key)


def _at(data: object, key: Key) -> object:
    for step in key:
        data = data[step]  # type: ignore[index]
    return data


@dataclass(frozen=True, slots=True)
class _Scope:
    """A map of the spec, its model and its place."""

    model: type[BaseModel]
    layered: Layered
    prefix: Key
    owner: str

    def findings(self, complaints: Iterator[_Complaint]) -> Iterator[Finding]:
        """A finding a key; what is said of a map or list is left out where something within it is said."""
        by_key: dict[Key, list[_Complaint]] = {}
        for complaint in complaints:
            by_key.setdefault(complaint.key, []).append(complaint)
        for key, found in by_key.items():
            if not any(other[: len(key)] == key and other != key for other in by_key) or not key:
                yield self._finding(key, found)

    def idle_nulls(self) -> Iterator[Finding]:
        """Keys that do not exist and were given back to a default; pydantic does not see them."""
        depth = len(self.prefix)
        for key in sorted(self.layered.idle_nulls, key=str):
            within = key[:depth] == self.prefix and len(key) > depth
            model = _model_at(self.model, key[depth:-1]) if within else None
            if model is not None and key[-1] not in _names(model):
                yield self._at(key[depth:], self._no_such_key(key[depth:]))

    def truths(self, written: object, read: object, key: Key = ()) -> Iterator[Finding]:
        """`true` where a number is asked for, which pydantic takes for 1."""
        if isinstance(written, dict) and isinstance(read, dict):
            pairs = [(name, value, read[name]) for name, value in written.items() if name in read]
        elif isinstance(written, list) and isinstance(read, list | tuple):
            pairs = [(i, *pair) for i, pair in enumerate(zip(written, read, strict=False))]
        else:
            if isinstance(written, bool) and isinstance(read, int | float) and not isinstance(read, bool):
                yield self._at(key, f"expected {self._type(key) or 'a number'}, found {str(written).lower()}.")
            return
        for name, one, other in pairs:
            yield from self.truths(one, other, (*key, name))

    def _finding(self, key: Key, complaints: Sequence[_Complaint]) -> Finding:
        first = complaints[0]
        if first.type == "missing":
            needed = f"; {self.owner} needs it" if self.owner else ""
            return self._at(key, f"is missing{needed}.", f"Add `{key[-1]}:`.", "missing")
        if first.type == "extra_forbidden":
            return self._at(key, self._no_such_key(key), code="no-such-key").at(value=cut(str(key[-1])))
        if first.type == "value_error":
            return self._at(key, f"{first.message.removeprefix('Value error, ')}.", code="value")
        expected = self._expected(key, complaints)
        wrong = self._at(key, f"expected {expected}, found {_found(first.value)}.", code="value")
        return wrong.at(value=_found(first.value).strip("`"))

    def _at(self, key: Key, what: str, todo: str = "", code: str = "") -> Finding:
        return finding_at(self.layered, (*self.prefix, *key), what, todo, code)

    def _no_such_key(self, key: Key) -> str:
        names = _names(_model_at(self.model, key[:-1]) or self.model)
        near = difflib.get_close_matches(str(key[-1]), names, 1)
        hint = f"Did you mean `{near[0]}`?" if near else f"It has: {', '.join(names)}."
        return f"there is no such key{f' of {self.owner}' if self.owner else ''}. {hint}"

    def _expected(self, key: Key, complaints: Sequence[_Complaint]) -> str:
        own = any(complaint.type.startswith(_OWN_WORDS) for complaint in complaints)
        words = None if own else self._type(key)
        return words or " or ".join(dict.fromkeys(_expected(complaint) for complaint in complaints))

    def _type(self, key: Key) -> str | None:
        """What a key holds, in the words of `mmcare plugin show`."""
        model = _model_at(self.model, key[:-1]) if key else None
        return next((field.type for field in fields_of(model) if field.key == key[-1]), None) if model else None  # type: ignore[arg-type]


def _expected(complaint: _Complaint) -> str:
    context = complaint.context
    match complaint.type:
        case "literal_error":
            return str(context["expected"]).replace("'", "`")
        case "greater_than":
            return f"a number above {context['gt']:g}"
        case "greater_than_equal":
            return f"a number of at least {context['ge']:g}"
        case "less_than":
            return f"a number below {context['lt']:g}"
        case "less_than_equal":
            return f"a number of at most {context['le']:g}"
    start = complaint.type.split("_")[0]
    return _EXPECTED.get(start, complaint.message.removeprefix("Input should be ").lower())


def _found(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return cut(value) if isinstance(value, int | float | list | dict) else f"`{cut(value)}`"


def _names(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def _model_at(model: type[BaseModel], key: Key) -> type[BaseModel] | None:
    """The model of the map at a key; None where that map is free, or a part's."""
    annotation: object = model
    for step in key:
        annotation = next((inner for option in _options(annotation) if (inner := _within(option, step))), None)
    models = [o for o in _options(annotation) if isinstance(o, type) and issubclass(o, BaseModel)]
    return models[0] if models and not issubclass(models[0], Part) else None


def _options(annotation: object) -> list[object]:
    """The branches of a union, without `Annotated`."""
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if isinstance(annotation, type) or get_origin(annotation) in (None, *_CONTAINERS):
        return [annotation]
    return [option for argument in get_args(annotation) for option in _options(argument)]


_CONTAINERS = (dict, Mapping, list, tuple)


def _within(annotation: object, step: str | int) -> object:
    """The annotation one step down; None where there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields: Mapping[str, FieldInfo] = {info.alias or n: info for n, info in annotation.model_fields.items()}
        return fields[str(step)].annotation if step in fields else None
    arguments = [argument for argument in get_args(annotation) if argument is not Ellipsis]
    if not arguments:
        return None
    return arguments[1] if get_origin(annotation) in (dict, Mapping) else arguments[0]
