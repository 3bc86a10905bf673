"""What a run's model was trained to read, and whether the preprocessing still gives it that.

A model takes its inputs by place: column 3 is what column 3 was in training. So each member keeps the names, units and
categories that it was trained on (`inputs.json`), and they are compared with what the preprocessing, read by the plugin
that is installed now, gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast

import numpy as np
from pydantic import RootModel

from mmcare.components import Feature, Fitted, InputLayout, Modality
from mmcare.errors import Finding, MMCareError, RunError, cut
from mmcare.formats.atomic import write_text
from mmcare.run.json_file import RESTORE, read_as
from mmcare.spec import ResolvedPart, Spec

__all__ = ["check_layouts", "layouts_of", "write_layouts"]

_FILE = "inputs.json"
_PLACES = ("features", "nodes", "slots", "names")
"""Fields that say what stands at each place of an input."""


@dataclass(frozen=True, slots=True)
class _Described:
    """A layout in words.

    Attributes:
        kind: Which layout.
        places: Name and description of what stands at each place.
        values: All else, by field; arrays by digest.
    """

    kind: str
    places: tuple[tuple[str, str], ...]
    values: Mapping[str, str]


def write_layouts(member: Path, layouts: Mapping[str, InputLayout]) -> None:
    """Keep what a member was trained to read."""
    described = {name: asdict(_described(layout)) for name, layout in layouts.items()}
    write_text(member / _FILE, RootModel(described).model_dump_json(indent=1) + "\n")


def layouts_of(spec: Spec, fitted: Mapping[str, Fitted], folder: Path) -> Mapping[str, InputLayout]:
    """What each encoder must know, from the fitted state in the files of `folder`.

    Raises:
        RunError: A modality cannot read its state.
    """
    return {name: _layout(name, part, fitted[name], folder / f"{name}.json") for name, part in spec.modalities.items()}


def check_layouts(member: Path, layouts: Mapping[str, InputLayout], folder: Path) -> None:
    """Compare what the preprocessing in `folder` gives with what a member was trained to read.

    Raises:
        RunError: A column, gene or grid differs; all that do, with the file of the preprocessing.
    """
    trained = read_as(member / _FILE, dict[str, _Described])
    wrong = [
        Finding(file=folder / f"{name}.json", key=key or None, what=what, todo=RESTORE, code="layout")
        for name, layout in layouts.items()
        for key, what in _differences(trained.get(name), _described(layout))
    ]
    if wrong:
        raise RunError(wrong)


def _layout(name: str, part: ResolvedPart, fitted: Fitted, file: Path) -> InputLayout:
    modality = cast("Modality[Any]", part.make())
    try:
        return modality.layout(fitted)
    except MMCareError as error:
        raise RunError([f.at(file=file, todo=f.todo or RESTORE) for f in error.findings]) from error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        provider = part.entry.provider
        who = f"{part.entry.component.name} ({provider.distribution} {provider.version})"
        what = f"the modality {who} cannot read it: {type(error).__name__}: {cut(str(error))}."
        raise RunError(Finding(file=file, modality=name, what=what, todo=RESTORE, code="preprocessing")) from error


def _described(layout: InputLayout) -> _Described:
    places: tuple[tuple[str, str], ...] = ()
    values: dict[str, str] = {}
    for field in fields(layout):
        value = getattr(layout, field.name)
        if field.name in _PLACES:
            places = tuple(_place(item) for item in value)
        elif field.name != "letters":
            values[field.name] = _text(value)
    return _Described(type(layout).__name__, places, values)


def _place(item: Feature | str) -> tuple[str, str]:
    if isinstance(item, str):
        return item, ""
    return item.name, f"categories {', '.join(item.levels)}" if item.levels else f"number, {item.unit or 'no unit'}"


def _text(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.shape} {hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:12]}"
    return str(value)


def _differences(then: _Described | None, now: _Described) -> Iterator[tuple[str, str]]:
    if then is None or then.kind != now.kind:
        yield "", f"gives a {now.kind}; the model was trained on {then.kind if then else 'nothing of that name'}."
        return
    lost, gained = (
        [p for p in a if p[0] not in dict(b)] for a, b in ((then.places, now.places), (now.places, then.places))
    )
    if lost or gained:
        yield from _names(lost, gained)
        return
    for place, ((name, was), (other, is_)) in enumerate(zip(then.places, now.places, strict=False), 1):
        if name != other:
            yield other, f"stands at place {place}, where the model was trained on `{cut(name, 40)}`."
        elif was != is_:
            yield name, f"gives {cut(is_)}; the model was trained on {cut(was)}."
    for key, value in then.values.items():
        if now.values.get(key) != value:
            yield key, f"is {cut(now.values.get(key, 'not given'))}; the model was trained on {cut(value)}."


def _names(lost: list[tuple[str, str]], gained: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """What was trained on and is not given, beside what is given and was not trained on."""
    for then, now in zip_longest(lost, gained):
        if then is None:
            yield now[0], "the model was not trained on it."
        elif now is None:
            yield then[0], "is missing; the model was trained on it."
        else:
            yield now[0], f"the model was not trained on it; it was on `{cut(then[0], 40)}`, which is missing."
