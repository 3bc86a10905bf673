"""From a map with `use` to a part: the component found, its config checked, its own parts resolved alike."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from mmcare.errors import Finding, PluginError, Severity, cut
from mmcare.registry import ComponentKind, Config, Entry, Kind, NetworkConfig, Registry
from mmcare.spec.layers import Layered
from mmcare.spec.problems import finding_at, problems
from mmcare.spec.spec import ResolvedPart
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
            todo = f"Write `{{use: {data}}}`." if isinstance(data, str) else "Write `{use: NAME}`."
            self._say(key, f"expected a map with `use`, found {cut(data)}.", todo)
            return None
        if not isinstance(data.get("use"), str):
            named = ", ".join(sorted({entry.component.name for entry in self.registry.entries(kind)}))
            self._say(key, f"`use` is missing; it names the {kind}.", f"Add `use:` with one of: {named}.")
            return None
        entry = self._entry(kind, (*key, "use"), data["use"])
        return self._configured(kind, key, data, entry) if entry is not None else None

    def _say(self, key: Key, what: str, todo: str = "", code: str = "") -> None:
        self.findings.append(finding_at(self.layered, key, what, todo, code))

    def _entry(self, kind: ComponentKind, key: Key, use: str) -> Entry | None:
        try:
            return self.registry.resolve(kind, use)
        except PluginError as error:
            for finding in error.findings:
                self.findings.append(self._unknown(finding, key, use))
        return None

    def _unknown(self, finding: Finding, key: Key, use: str) -> Finding:
        origin = self.layered.origin(key)
        placed = finding.at(file=origin.file, line=origin.line, column=origin.column, key=".".join(map(str, key)))
        if not self.unread_plugins:
            return placed
        what = f"`{cut(use)}` was not checked: it may come from {', '.join(self.unread_plugins)}, which was not run."
        return placed.at(what=what, todo="To check it, name the file with `--plugin`.", severity=Severity.NOTE)

    def _configured(self, kind: ComponentKind, key: Key, data: Mapping[str, object], entry: Entry) -> ResolvedPart | None:
        model = entry.component.config
        parts, failed = self._nested(key, data, model)
        own = {name: value for name, value in data.items() if name != "use"}
        try:
            config = model.model_validate({n: v for n, v in own.items() if n not in failed})
        except ValidationError as error:
            owner = f"{kind} `{entry.component.name}`"
            self.findings += problems(error, self.layered, key, own, model, owner)
            return None
        if failed:
            return None
        return ResolvedPart(".".join(map(str, key)), kind, entry, self._with_paths(config, key), parts)

    def _nested(
        self, key: Key, data: Mapping[str, object], model: type[Config]
    ) -> tuple[dict[str, ResolvedPart], set[str]]:
        parts, failed = {}, set()
        for name, kind in part_fields(model).items():
            value = data.get(name, model.model_fields[name].get_default(call_default_factory=True))
            if value is None:
                continue
            if not isinstance(value, Mapping) and hasattr(value, "model_dump"):
                value = value.model_dump()  # a part that the config names by default
            part = self.part(kind, (*key, name), value)
            if part is None:
                failed.add(name)
            else:
                parts[name] = part
        return parts, failed

    def _with_paths(self, config: Config, key: Key) -> Config:
        """A relative `weights:` is relative to the file in which it stands."""
        if not isinstance(config, NetworkConfig) or config.weights is None:
            return config
        folder = self.layered.origin((*key, "weights")).folder
        return config.model_copy(update={"weights": str(folder / config.weights)})


def part_fields(model: type[Config]) -> Mapping[str, ComponentKind]:
    """The fields of a config that name parts, and of which kind."""
    found = {name: _kind_of(info) for name, info in model.model_fields.items()}
    return {name: kind for name, kind in found.items() if kind is not None}


def _kind_of(info: FieldInfo) -> ComponentKind | None:
    marks = list(info.metadata)
    for argument in typing.get_args(info.annotation):
        marks += list(getattr(argument, "__metadata__", ()))
    return next((typing.cast(ComponentKind, mark.name) for mark in marks if isinstance(mark, Kind)), None)
