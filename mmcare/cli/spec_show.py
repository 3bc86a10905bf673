"""`mmcare spec show`: a spec as one file, with or without defaults, and where each value came from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import AllowLocalCode, Overrides, PluginFiles

if TYPE_CHECKING:
    from mmcare.spec import Layered

__all__ = ["show"]

Key = tuple[str | int, ...]
Comment = Callable[[Key], str]


def show(
    file: Annotated[Path, typer.Argument(help="The spec.")],
    *,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="All values, defaults too, and the distribution of every component.")
    ] = False,
    origin: Annotated[bool, typer.Option("--origin", help="Say beside each value where it was written.")] = False,
    set_: Overrides = None,
    plugin: PluginFiles = None,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Show a spec as YAML: what it and the files that it extends say, with the changes of --set.

    With --resolved it must be free of errors; what is printed is then what a run keeps, and reads back as the same
    spec.

    Example:

        mmcare spec show examples/demo.yaml
        mmcare spec show examples/demo.yaml --resolved --origin --set training.lr=3e-4
    """
    from mmcare.spec import load_spec, read_layers

    if resolved:
        spec = load_spec(file, set_ or (), plugins=plugin or (), allow_local_code=allow_local_code)
        data, layered = spec.as_data(), spec.layered
    else:
        layered = read_layers(file, set_ or ())
        data = layered.data
    for line in _lines(data, (), _origin_of(layered) if origin else _nothing):
        print(line)


def _origin_of(layered: Layered) -> Comment:
    def said(key: Key) -> str:
        written = layered.origins.get(key)
        return f"  # {'default' if written is None else written}"

    return said


def _nothing(key: Key) -> str:
    return ""


def _lines(data: Mapping[str, object], key: Key, comment: Comment) -> Iterator[str]:
    """Block style, but for lists and empty maps, which stand on one line."""
    from mmcare.registry import as_yaml

    indent = "  " * len(key)
    for name, value in data.items():
        here = (*key, name)
        if isinstance(value, Mapping) and value:
            yield f"{indent}{as_yaml(name)}:"
            yield from _lines(value, here, comment)
        else:
            yield f"{indent}{as_yaml(name)}: {_value(value)}{comment(here)}"


def _value(value: object) -> str:
    from mmcare.registry import as_yaml

    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return as_yaml(value)
