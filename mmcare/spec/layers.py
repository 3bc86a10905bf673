"""The layers of a spec: a file, the files that it extends, and the changes of the command line, laid over each other.

Maps merge; a list, and a map whose `use` changes, replace; `key: null` gives back the default. A word that stands for a
map is that map before it is laid anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmcare.errors import Finding, MMCareError, SpecError, cut
from mmcare.spec.settings import SHORT_FORMS
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
    """The merged values, and where each was written.

    Attributes:
        path: The uppermost file.
        data: The values, without those given back to their defaults.
        origins: Where each key was written.
        idle_nulls: Keys that were given `null` where no file below had set them.
        files: The file and those that it extends, the uppermost first.
    """

    path: Path
    data: dict[str, object]
    origins: Mapping[Key, Origin] = field(default_factory=dict)
    idle_nulls: frozenset[Key] = frozenset()
    files: tuple[Path, ...] = ()

    def origin(self, key: Key) -> Origin:
        """Where a key was written; for one that was not, where its nearest parent was."""
        while key and key not in self.origins:
            key = key[:-1]
        return self.origins.get(key, Origin(self.path, 1, 1))


def read_layers(path: Path, overrides: Sequence[str] = ()) -> Layered:
    """Read a spec's file and what it extends, and lay the overrides over them.

    Raises:
        SpecError: A file cannot be read, extends itself, or is no spec; an override is not `key=value`.
    """
    files = _chain(path)
    layers = [*reversed(files), _override_layer(overrides)]
    merged = _Merged({}, {})
    for layer in layers:
        merged.lay(layer.data, layer.origins)
    idle = frozenset(_take_nulls_out(merged.data, ())) - merged.taken
    return Layered(path, merged.data, merged.origins, idle, tuple(layer.path for layer in files))


@dataclass(frozen=True, slots=True)
class _Layer:
    path: Path
    data: dict[str, object]
    origins: Mapping[Key, Origin]


def _chain(path: Path) -> list[_Layer]:
    """The file, then what it extends, then what that extends, and so on."""
    layers: list[_Layer] = []
    seen: list[Path] = []
    below: Path | None = path
    while below is not None:
        if below.resolve() in (path.resolve() for path in seen):
            steps = " -> ".join(map(str, [*seen, below]))
            what = f"the files extend each other: {steps}."
            raise SpecError(_at(layers[-1].origins[("extends",)], what, "Take one `extends` out."))
        seen.append(below)
        layers.append(_read(below))
        below = _base_of(layers[-1])
    return layers


def _base_of(layer: _Layer) -> Path | None:
    base = layer.data.pop("extends", None)
    if base is None:
        return None
    origin = layer.origins[("extends",)]
    if not isinstance(base, str):
        raise SpecError(_at(origin, f"expected one file name, found {cut(base)}.", "Write `extends: base.yaml`."))
    path = layer.path.parent / base
    if not _is_there(path):
        raise SpecError(_at(origin, f"there is no file {path}.", "A path is relative to the file that it stands in."))
    return path


def _at(origin: Origin, what: str, todo: str = "") -> Finding:
    return Finding(file=origin.file, line=origin.line, column=origin.column, key="extends", what=what, todo=todo)


def _read(path: Path) -> _Layer:
    _refuse_folder(path)
    file = read_yaml(path, SpecError)
    if not isinstance(file.data, dict):
        what = f"is not a map of keys, found {cut(file.data)}."
        raise SpecError(Finding(file=path, line=1, column=1, what=what, todo="A spec begins with `mmcare: 1`."))
    _refuse_another_format(path, file.data)
    origins = {key: Origin(path, *place) for key, place in file.places.items()}
    return _spelled_out(_Layer(path, {str(name): value for name, value in file.data.items()}, origins))


def _spelled_out(layer: _Layer) -> _Layer:
    """The layer with a map in the place of each word that stands for one, so that it merges as that map would."""
    data, origins = dict(layer.data), dict(layer.origins)
    for (section, name), key in SHORT_FORMS.items():
        within = data.get(section)
        if isinstance(within, dict) and isinstance(within.get(name), str):
            data[section] = {**within, name: {key: within[name]}}
            origins[section, name, key] = origins[section, name]
    return _Layer(layer.path, data, origins)


def _refuse_folder(path: Path) -> None:
    """Say what a folder is that was taken for a spec."""
    if any(_is_there(path / name) for name in ("run.json", "unfinished.json")):
        what = f"is a run folder; its spec is {path / 'spec.yaml'}."
        raise SpecError(Finding(file=path, what=what, todo=f"Name that file, or `mmcare evaluate {path}`."))
    if _is_there(path / "cohort.yaml"):
        todo = f"Give it with `--cohort {path}`."
        raise SpecError(Finding(file=path, what="is a cohort folder, not a spec.", todo=todo))


def _refuse_another_format(path: Path, data: Mapping[object, object]) -> None:
    """Say what a file of ours is that was taken for a spec."""
    if "mmcare" in data:
        return
    if "mmcare_cohort" in data:
        todo = f"Give its folder with `--cohort {path.parent}`; a spec begins with `mmcare: 1`."
        raise SpecError(Finding(file=path, what="is a cohort's dictionary, not a spec.", todo=todo))
    if "mmcare_run" in data:
        what = f"is a run's manifest, not a spec; the run's spec is {path.parent / 'spec.yaml'}."
        raise SpecError(Finding(file=path, what=what, todo="Name that file."))


def _is_there(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have is none."""
    try:
        return path.exists()
    except OSError:
        return False


def _override_layer(overrides: Iterable[str]) -> _Layer:
    """All overrides as one map: their order does not matter, so two of one key must agree."""
    given: dict[tuple[str, ...], object] = {}
    for text in overrides:
        key, value = _override(text)
        clash = next((other for other in given if other[: len(key)] == key or key[: len(other)] == other), key)
        if clash != key or (key in given and given[key] != value):
            what = f"`{'.'.join(clash)}` and `{'.'.join(key)}` change the same value."
            raise SpecError(Finding(file=COMMAND_LINE, what=what, todo="Keep one of them."))
        given[key] = value
    merged: dict[str, object] = {}
    for key in sorted(given):
        _put(merged, key, given[key])
    origins: dict[Key, Origin] = {key[:n]: Origin(COMMAND_LINE) for key in given for n in range(1, len(key) + 1)}
    return _spelled_out(_Layer(Path(), merged, origins))


def _override(text: str) -> tuple[tuple[str, ...], object]:
    name, equals, value = text.partition("=")
    key = tuple(part.strip() for part in name.split("."))
    if not equals or not all(key):
        what = f"expected KEY=VALUE, found `{cut(text)}`."
        raise SpecError(Finding(file=COMMAND_LINE, what=what, todo="Write it as `--set training.lr=3e-4`."))
    if key[0] == "extends":
        what = "a file names what it extends; the command line cannot change it."
        raise SpecError(
            Finding(file=COMMAND_LINE, key="extends", what=what, todo="Write a small spec that extends the other file.")
        )
    try:
        return key, parse_value(value)
    except ValueError as wrong:
        raise SpecError(Finding(file=COMMAND_LINE, key=name, what=f"{wrong}.")) from wrong
    except MMCareError as wrong:
        raise SpecError(
            finding.at(file=COMMAND_LINE, line=None, column=None, key=name) for finding in wrong.findings
        ) from wrong


def _put(into: dict[str, object], key: tuple[str, ...], value: object) -> None:
    for part in key[:-1]:
        into = into.setdefault(part, {})  # type: ignore[assignment]
    into[key[-1]] = value


@dataclass(slots=True)
class _Merged:
    """Layers laid over each other so far.

    Attributes:
        data: The values.
        origins: Where each was written.
        taken: Keys whose value a layer above took away by `null`.
    """

    data: dict[str, object]
    origins: dict[Key, Origin]
    taken: set[Key] = field(default_factory=set)

    def lay(self, above: Mapping[str, object], origins: Mapping[Key, Origin]) -> None:
        """Lay a layer over what is there."""
        self._lay(self.data, above, origins, ())

    def _lay(
        self, below: dict[str, object], above: Mapping[str, object], origins: Mapping[Key, Origin], key: Key
    ) -> None:
        for name, value in above.items():
            here, old = (*key, name), below.get(name)
            if isinstance(value, dict) and isinstance(old, dict) and not _other_use(old, value):
                self._lay(old, value, origins, here)
                continue
            if value is None and old is not None:
                self.taken.add(here)
            self._replace(below, name, value, here, origins)

    def _replace(
        self, below: dict[str, object], name: str, value: object, here: Key, origins: Mapping[Key, Origin]
    ) -> None:
        """Put a value in the place of another; where that came from is forgotten with it."""
        for known in [key for key in self.origins if key[: len(here)] == here]:
            del self.origins[known]
        self.origins.update({key: origin for key, origin in origins.items() if key[: len(here)] == here})
        below[name] = _copy(value)


def _copy(value: object) -> object:
    """Maps of their own, so that a layer above changes no other."""
    return {name: _copy(inner) for name, inner in value.items()} if isinstance(value, dict) else value


def _other_use(old: Mapping[str, object], new: Mapping[str, object]) -> bool:
    """Whether the component changes; `distribution/name` and `name` are taken as one."""
    if "use" not in new or "use" not in old:
        return False
    first, second = str(old["use"]), str(new["use"])
    if "/" in first and "/" in second:
        return first != second
    return first.rpartition("/")[2] != second.rpartition("/")[2]


def _take_nulls_out(data: dict[str, object], key: Key) -> Iterator[Key]:
    """Remove what is null, in maps at any depth; their keys."""
    for name, value in list(data.items()):
        if value is None:
            del data[name]
            yield (*key, name)
        elif isinstance(value, dict):
            yield from _take_nulls_out(value, (*key, name))
