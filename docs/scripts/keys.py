"""The keys of a pydantic model as a nested list of Markdown."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, get_args

from pydantic import BaseModel

from mmcare.registry import Key, Part, fields_of


def key_list(model: type[BaseModel], *, only: Collection[str] | None = None, depth: int = 0) -> str:
    """One bullet a key: type, default, meaning; keys of maps within it below, indented.

    Args:
        model: Its fields.
        only: The keys to list; by default all.
        depth: Levels of indentation.
    """
    lines: list[str] = []
    for key in fields_of(model):  # type: ignore[arg-type]  # reads fields only, which every model has
        if only is not None and key.key not in only:
            continue
        lines.append(f"{'    ' * depth}- `{key.key}`{_type(key)}: {key.doc}")
        annotation = next(f.annotation for n, f in model.model_fields.items() if (f.alias or n) == key.key)
        lines += [key_list(nested, depth=depth + 1) for nested in nested_models(annotation)]
    return "\n".join(lines)


def _type(key: Key) -> str:
    """Type and default in brackets; nothing for a section, which is described elsewhere."""
    if "object" in key.type:
        return ""
    return f" ({key.type}; {'required' if key.default is None else f'default `{key.default}`'})"


def nested_models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models inside an annotation, without parts: those are components of their own."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation is not Part:
            yield annotation
        return
    for argument in get_args(annotation):
        yield from nested_models(argument)
