"""From a map with `use` to a part: the component found, its config checked, its own parts resolved alike."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic.fields import FieldInfo

from mmcare.errors import Finding, PluginError, Severity, cut
from mmcare.registry import (
    ComponentKind,
    Config,
    EncoderConfig,
    Entry,
    Kind,
    ModalityConfig,
    NetworkConfig,
    Part,
    Registry,
)
from mmcare.spec.layers import Layered
from mmcare.spec.problems import finding_at, read_model
from mmcare.spec.spec import ResolvedPart, naming
from mmcare.yaml_file import Key

__all__ = ["Resolver", "part_fields"]


@dataclass(slots=True)
class Resolver:
    """Resolves the parts of one spec, gathering what is wrong.

    Attributes:
        layered: The spec as written.
        registry: Where components are looked up.
        unread_plugins: Files whose components are not known because they were not run.
        findings: What was found so far.
    """

    layered: Layered
    registry: Registry
    unread_plugins: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)

    def part(self, kind: ComponentKind, key: Key, data: object) -> ResolvedPart | None:
        """The part at `key`; None where it cannot be had, with the reason among the findings."""
        if not isinstance(data, Mapping):
            todo = f"Write `{{use: {cut(data)}}}`." if isinstance(data, str) else "Write `{use: NAME}`."
            self._say(key, f"expected a map with `use`, found {cut(data)}.", todo)
            return None
        entry = self._entry(kind, key, data)
        if entry is not None:
            return self._configured(kind, key, data, entry)
        if kind == "modality":
            self._nested(key, data, ModalityConfig)  # what is wrong with its encoder can be said all the same
        return None

    def _say(self, key: Key, what: str, todo: str = "", code: str = "") -> None:
        self.findings.append(finding_at(self.layered, key, what, todo, code))

    def _entry(self, kind: ComponentKind, key: Key, data: Mapping[str, object]) -> Entry | None:
        use = data.get("use")
        if not isinstance(use, str):
            self._say(key, *self._without_use(kind, data), code="missing")
            return None
        try:
            entry = self.registry.resolve(kind, use)
        except PluginError as error:
            self.findings += [self._unknown(finding, (*key, "use"), use) for finding in error.findings]
            return None
        self.findings += [self._placed(finding, (*key, "use")) for finding in self.registry.warnings(entry)]
        return entry

    def _without_use(self, kind: ComponentKind, data: Mapping[str, object]) -> tuple[str, str]:
        if "use" in data:
            return f"`use` names the {kind}, found {cut(data['use'])}.", "Write a component's name."
        near = difflib.get_close_matches("use", [str(name) for name in data], 1)
        named = ", ".join(sorted({entry.component.name for entry in self.registry.entries(kind)}))
        todo = f"Correct `{near[0]}`." if near else f"Add `use:` with one of: {named or '(none is installed)'}."
        return f"`use` is missing; it names the {kind}.", todo

    def _unknown(self, finding: Finding, key: Key, use: str) -> Finding:
        placed = self._placed(finding, key)
        if not self.unread_plugins:
            return placed
        what = f"`{cut(use)}` was not checked: it may come from {', '.join(self.unread_plugins)}, which was not run."
        return placed.at(what=what, todo="To check it, name the file with `--plugin`.", severity=Severity.NOTE)

    def _placed(self, finding: Finding, key: Key) -> Finding:
        origin = self.layered.origin(key)
        return finding.at(file=origin.file, line=origin.line, column=origin.column, key=".".join(map(str, key)))

    def _configured(
        self, kind: ComponentKind, key: Key, data: Mapping[str, object], entry: Entry
    ) -> ResolvedPart | None:
        model = entry.component.config
        parts, failed = self._nested(key, data, model)
        own = {name: value for name, value in data.items() if name != "use"}
        checked = read_model(model, own, self.layered, key, f"{kind} `{entry.component.name}`", frozenset(failed))
        self.findings += checked.findings
        if checked.value is None:
            return None
        config = self._with_paths(naming(checked.value, parts), key)
        return ResolvedPart(".".join(map(str, key)), kind, entry, config, parts)

    def _nested(
        self, key: Key, data: Mapping[str, object], model: type[Config]
    ) -> tuple[dict[str, ResolvedPart], set[str]]:
        parts, failed = {}, set()
        for name, kind in part_fields(model).items():
            info = model.model_fields[name]
            written = info.alias or name
            value = data.get(written, None if info.is_required() else info.get_default(call_default_factory=True))
            if isinstance(value, Part):
                value = value.model_dump()  # a part that the config names by default
            if value is None:
                continue
            part = self.part(kind, (*key, written), value)
            if part is None:
                failed.add(written)
            else:
                parts[name] = part
        return parts, failed

    def _with_paths(self, config: Config, key: Key) -> Config:
        """A relative path is relative to the file in which it stands; a word for published weights stays one."""
        if not isinstance(config, NetworkConfig):
            return config
        found = {}
        published = config.published if isinstance(config, EncoderConfig) else ()
        if config.weights is not None and config.weights not in published:
            found["weights"] = self._beside_its_file(config.weights, (*key, "weights"))
        for name in config.paths:
            value = getattr(config, name)
            if value is not None and (path := self._beside_its_file(value, (*key, name))).exists():
                found[name] = path
        return config.model_copy(update={name: str(path) for name, path in found.items()})

    def _beside_its_file(self, value: str, key: Key) -> Path:
        return (self.layered.origin(key).folder / value).absolute()


def part_fields(model: type[Config]) -> Mapping[str, ComponentKind]:
    """The fields of a config that name parts, and of which kind."""
    found = {name: _kind_of(info) for name, info in model.model_fields.items()}
    return {name: kind for name, kind in found.items() if kind is not None}


def _kind_of(info: FieldInfo) -> ComponentKind | None:
    marks = list(info.metadata)
    optional = typing.get_origin(info.annotation) in (typing.Union, types.UnionType)
    for argument in typing.get_args(info.annotation) if optional else ():
        marks += list(getattr(argument, "__metadata__", ()))
    return next((typing.cast(ComponentKind, mark.name) for mark in marks if isinstance(mark, Kind)), None)
