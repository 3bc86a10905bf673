"""The layers of a spec: a file, the files that it extends, and the changes of the command line, laid over each other.

Maps merge; a list, and a map whose `use` changes, replace; `key: null` gives back the default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmcare.errors import Finding, SpecError, cut
from mmcare.yaml_file import Key, parse_value, read_yaml

__all__ = ["COMMAND_LINE", "Layered", "Origin", "read_layers"]

COMMAND_LINE = "--set"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written: a file with line and column, or the command line."""

    file: Path | str
    line: int | None = None
    column: int | None = None

    @property
    def folder(self) -> Path:
        """What a relative path written there is relative to."""
        return self.file.parent if isinstance(self.file, Path) else Path()

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True, slots=True)
class Layered:
    """The merged values, and where each was written."""

    path: Path
    data: dict[str, object]
    origins: Mapping[Key, Origin] = field(default_factory=dict)

    def origin(self, key: Key) -> Origin:
        """Where a key was written; for one that was not, where its nearest parent was."""
        while key and key not in self.origins:
            key = key[:-1]
        return self.origins.get(key, Origin(self.path))


def read_layers(path: Path, overrides: Sequence[str] = ()) -> Layered:
    """Read a spec's file and what it extends, and lay the overrides over them.

    Raises:
        SpecError: A file cannot be read, extends itself, or is no spec; an override is not `key=value`.
    """
    layered = _with_bases(path, ())
    changes, origins = _override_map(overrides)
    merged, kept = dict(layered.data), dict(layered.origins)
    _lay_over(merged, changes, kept, origins, ())
    _without_nulls(merged)
    return Layered(path, merged, kept)


def _with_bases(path: Path, chain: tuple[Path, ...]) -> Layered:
    resolved = Path(os.path.abspath(path))
    if resolved in chain:
        steps = " -> ".join(str(step) for step in (*chain, resolved))
        raise SpecError(Finding(file=path, key="extends", what=f"the files extend each other: {steps}."))
    data, origins = _read(path)
    base = data.pop("extends", None)
    if base is None:
        return Layered(path, data, origins)
    origin = origins.get(("extends",), Origin(path))
    if not isinstance(base, str):
        raise SpecError(_at(origin, "extends", f"expected one file name, found {cut(base)}."))
    below_path = path.parent / base
    if not below_path.exists():
        raise SpecError(_at(origin, "extends", f"there is no file {below_path}."))
    below = _with_bases(below_path, (*chain, resolved))
    merged, kept = dict(below.data), dict(below.origins)
    _lay_over(merged, data, kept, origins, ())
    return Layered(path, merged, kept)


def _at(origin: Origin, key: str, what: str) -> Finding:
    return Finding(file=origin.file, line=origin.line, column=origin.column, key=key, what=what)


def _read(path: Path) -> tuple[dict[str, object], dict[Key, Origin]]:
    if path.is_dir() and (path / "run.json").exists():
        what = f"is a run folder; its spec is {path / 'spec.yaml'}."
        raise SpecError(Finding(file=path, what=what, todo=f"Name that file, or `mmcare evaluate {path}`."))
    if path.is_dir() and (path / "cohort.yaml").exists():
        raise SpecError(Finding(file=path, what="is a cohort folder, not a spec.", todo=f"Give it with `--cohort {path}`."))
    file = read_yaml(path, SpecError)
    if not isinstance(file.data, dict):
        raise SpecError(Finding(file=path, line=1, column=1, what=f"is not a map of keys, found {cut(file.data)}."))
    if "mmcare_cohort" in file.data and "mmcare" not in file.data:
        todo = f"Give its folder with `--cohort {path.parent}`; a spec starts with `mmcare: 1`."
        raise SpecError(Finding(file=path, what="is a cohort's dictionary, not a spec.", todo=todo))
    origins = {key: Origin(path, *place) for key, place in file.places.items()}
    return {str(name): value for name, value in file.data.items()}, origins


def _override_map(overrides: Sequence[str]) -> tuple[dict[str, object], dict[Key, Origin]]:
    """All overrides as one map: their order does not matter, so two of one key must agree."""
    merged: dict[str, object] = {}
    origins: dict[Key, Origin] = {}
    given: dict[Key, object] = {}
    for text in overrides:
        name, equals, value_text = text.partition("=")
        key = tuple(part.strip() for part in name.split("."))
        if not equals or not all(key):
            what = f"expected KEY=VALUE such as `training.lr=3e-4`, found `{cut(text)}`."
            raise SpecError(Finding(file=COMMAND_LINE, what=what))
        value = _value(value_text, name)
        clash = next((k for k in given if k[: len(key)] == key or key[: len(k)] == k), None)
        if clash is not None and (clash != key or given[key] != value):
            what = f"`{'.'.join(map(str, clash))}` and `{name}` change the same value."
            raise SpecError(Finding(file=COMMAND_LINE, what=what, todo="Keep one of them."))
        given[key] = value
        _put(merged, key, value)
        for length in range(1, len(key) + 1):
            origins[key[:length]] = Origin(COMMAND_LINE)
    return merged, origins


def _value(text: str, name: str) -> object:
    try:
        return parse_value(text)
    except ValueError as wrong:
        raise SpecError(Finding(file=COMMAND_LINE, key=name, what=f"{wrong}.")) from wrong


def _put(into: dict[str, object], key: tuple[str, ...], value: object) -> None:
    for part in key[:-1]:
        into = into.setdefault(part, {})  # type: ignore[assignment]
    into[key[-1]] = value


def _lay_over(
    below: dict[str, object],
    above: Mapping[str, object],
    origins: dict[Key, Origin],
    above_origins: Mapping[Key, Origin],
    key: Key,
) -> None:
    """Change `below` in place; the origin of what is replaced is forgotten with it."""
    for name, value in above.items():
        here = (*key, name)
        old = below.get(name)
        if isinstance(value, dict) and isinstance(old, dict) and not _other_use(old, value):
            below[name] = dict(old)
            if here in above_origins and here not in origins:
                origins[here] = above_origins[here]
            _lay_over(below[name], value, origins, above_origins, here)  # type: ignore[arg-type]
            continue
        for known in [k for k in origins if k[: len(here)] == here]:
            del origins[known]
        origins.update({k: o for k, o in above_origins.items() if k[: len(here)] == here})
        below[name] = value


def _other_use(old: Mapping[str, object], new: Mapping[str, object]) -> bool:
    """Whether the component changes; `distribution/name` and `name` are taken as one."""
    if "use" not in new or "use" not in old:
        return False
    first, second = str(old["use"]), str(new["use"])
    if "/" in first and "/" in second:
        return first != second
    return first.rpartition("/")[2] != second.rpartition("/")[2]


def _without_nulls(data: dict[str, object]) -> None:
    for name in list(data):
        if data[name] is None:
            del data[name]
        elif isinstance(data[name], dict):
            data[name] = dict(data[name])  # type: ignore[call-overload]
            _without_nulls(data[name])  # type: ignore[arg-type]
