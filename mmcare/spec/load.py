"""From a file to a resolved spec, with all that is wrong in one pass."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmcare.errors import Finding, PluginError, Severity, SpecError, cut
from mmcare.registry import (
    ComponentKind,
    LocalPlugin,
    ModalityConfig,
    Neighbours,
    Registry,
    allow_local,
    discover,
    read_local,
)
from mmcare.spec.layers import Layered, read_layers
from mmcare.spec.problems import finding_at, problems
from mmcare.spec.resolve import Resolver
from mmcare.spec.settings import DecisionConfig, Requires, SplitConfig, TrainingConfig
from mmcare.spec.spec import ResolvedPart, Spec, SpecKind

__all__ = ["SpecDocument", "check_spec", "load_spec"]

VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MODALITY = re.compile(r"[a-z][a-z0-9-]*")
_KINDS: tuple[SpecKind, ...] = ("network", "baseline", "segmenter")


class SpecDocument(BaseModel):
    """The keys of a spec; parts are checked against their components."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mmcare: Literal[1] = Field(description="Version of this format.")
    name: str = Field("model", description="Name; run folders are named after it.")
    extends: str | None = Field(None, description="A spec whose values this one changes, relative to this file.")
    plugins: tuple[str, ...] = Field((), description="Single-file plugins, relative to this file.")
    requires: dict[str, object] = Field(default_factory=dict, description="What a cohort must have.")
    modalities: dict[str, object] = Field(default_factory=dict, description="The inputs, by key.")
    fusion: dict[str, object] | None = Field(None, description="How the modalities' tokens are fused.")
    head: dict[str, object] | None = Field(None, description="From the fused representation to a prognosis.")
    baseline: dict[str, object] | None = Field(None, description="A classical baseline, in place of fusion and head.")
    segmenter: dict[str, object] | None = Field(None, description="A segmenter, in place of all that.")
    split: dict[str, object] = Field(default_factory=dict, description="Training, validation and test patients.")
    training: dict[str, object] = Field(default_factory=dict, description="How it is trained.")
    decision: dict[str, object] = Field(default_factory=dict, description="How arms are compared.")
    allow_after_decision: tuple[str, ...] = Field(
        (), description="Modalities that may be known only after the treatment decision; for a one-arm prognosis."
    )


SettingsT = TypeVar("SettingsT", bound=BaseModel)


def load_spec(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    registry: Registry | None = None,
    plugins: Sequence[Path] = (),
    allow_local_code: bool = False,
) -> Spec:
    """Read, check and resolve a spec.

    Args:
        path: The spec's file.
        overrides: Changes such as `training.lr=3e-4`; their order does not matter.
        registry: Where components are looked up; by default what is installed.
        plugins: Single-file plugins; naming them here is the consent to run them.
        allow_local_code: Whether plugin files that the spec itself names may run.

    Raises:
        SpecError: All errors of the spec, each with file, line and column.
        PluginError: The spec names a plugin file that was not allowed, or that is broken.

    Example:
        >>> import mmcare
        >>> spec = mmcare.load_spec("examples/mm-care.yaml", ["fusion.use=concat"])  # doctest: +SKIP
    """
    layered = read_layers(Path(path), overrides)
    named = _named_plugins(layered)
    allow_local(named, allowed=allow_local_code)
    files = _each_once([*(read_local(file) for file in plugins), *named])
    reader = _Reader(layered, registry or discover(files), files)
    spec = reader.spec()
    errors = [finding for finding in reader.findings if finding.severity is Severity.ERROR]
    if errors or spec is None:
        raise SpecError(errors)
    return spec


def check_spec(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    registry: Registry | None = None,
    plugins: Sequence[Path] = (),
) -> tuple[Spec | None, list[Finding]]:
    """The spec, where it can be resolved, and all that is wrong with it or worth a word; raises for nothing.

    Runs no code that the spec brings along: parts from its `plugins` are reported as not checked, unless the same
    file is named in `plugins` here.
    """
    try:
        layered = read_layers(Path(path), overrides)
        given = [read_local(file) for file in plugins]
        digests = {file.sha256 for file in given}
        unread = tuple(str(file.path) for file in _named_plugins(layered) if file.sha256 not in digests)
        reader = _Reader(layered, registry or discover(given), tuple(given), unread)
    except (SpecError, PluginError) as error:
        return None, list(error.findings)
    return reader.spec(), _in_order(reader.findings)


def _in_order(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: (str(f.file), f.line or 0, f.column or 0))


def _each_once(files: Sequence[LocalPlugin]) -> tuple[LocalPlugin, ...]:
    return tuple({file.sha256: file for file in files}.values())


def _named_plugins(layered: Layered) -> list[LocalPlugin]:
    named = layered.data.get("plugins", ())
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        return []  # said by the validation of the document
    return [read_local(layered.origin(("plugins", i)).folder / name) for i, name in enumerate(named)]


@dataclass(slots=True)
class _Reader:
    """Reads one spec, gathering findings."""

    layered: Layered
    registry: Registry
    plugins: tuple[LocalPlugin, ...]
    unread: tuple[str, ...] = ()
    resolver: Resolver = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.resolver = Resolver(self.layered, self.registry, self.unread)

    @property
    def findings(self) -> list[Finding]:
        return self.resolver.findings

    def spec(self) -> Spec | None:
        data = self.layered.data
        if not self._version_fits(data):
            return None
        document = self._document(data)
        requires = self._settings(Requires, "requires")
        split, training = self._settings(SplitConfig, "split"), self._settings(TrainingConfig, "training")
        decision = self._settings(DecisionConfig, "decision")
        kind = self._kind(data)
        modalities = self._modalities(data, kind)
        trunk = {name: self._part(name, data) for name in ("fusion", "head", "baseline", "segmenter")}
        if document is None or kind is None or not (requires and split and training and decision):
            return None
        if any(part is None for part in modalities.values()) or self._lacks(data, trunk):
            return None
        spec = Spec(
            name=document.name,
            kind=kind,
            requires=requires,
            modalities={name: part for name, part in modalities.items() if part is not None},
            split=split,
            training=training,
            decision=decision,
            allow_after_decision=document.allow_after_decision,
            plugins=self.plugins,
            layered=self.layered,
            **trunk,
        )
        self.findings.extend(_between_parts(spec))
        return spec

    def _say(self, key: str, what: str, todo: str = "", severity: Severity = Severity.ERROR) -> None:
        path = tuple(key.split(".")) if key else ()
        self.findings.append(finding_at(self.layered, path, what, todo).at(severity=severity))

    def _version_fits(self, data: Mapping[str, object]) -> bool:
        version = data.get("mmcare")
        if version == VERSION and not isinstance(version, bool):
            return True
        reads = f"this mmcare reads version {VERSION}"
        if "mmcare" not in data:
            self._say("mmcare", f"the version key is missing; {reads}.", f"Add `mmcare: {VERSION}` at the top.")
        else:
            self._say("mmcare", f"found version {cut(version)}; {reads}.", "Upgrade mmcare, or correct the number.")
        return False

    def _document(self, data: Mapping[str, object]) -> SpecDocument | None:
        try:
            document = SpecDocument.model_validate(data)
        except ValidationError as error:
            self.findings.extend(problems(error, self.layered, (), data, SpecDocument))
            return None
        if not _NAME.fullmatch(document.name):
            allowed = "up to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit"
            self._say("name", f"`{cut(document.name)}` names run folders; allowed are {allowed}.")
            return None
        return document

    def _settings(self, model: type[SettingsT], name: str) -> SettingsT | None:
        data = self.layered.data.get(name, {})
        if not isinstance(data, dict):
            return None  # said by the validation of the document
        try:
            return model.model_validate(data)
        except ValidationError as error:
            self.findings.extend(problems(error, self.layered, (name,), data, model))
            return None

    def _kind(self, data: Mapping[str, object]) -> SpecKind | None:
        named = [name for name in ("head", "baseline", "segmenter") if name in data]
        if len(named) == 1:
            return "network" if named[0] == "head" else named[0]  # type: ignore[return-value]
        if not named:
            todo = "Add `head:` (with `modalities` and `fusion`), `baseline:`, or `segmenter:`."
            self._say("", "describes no network, baseline or segmenter.", todo)
        else:
            self._say(named[1], f"a spec describes one thing; this one has {' and '.join(named)}.", "Keep one of them.")
        return None

    def _modalities(self, data: Mapping[str, object], kind: SpecKind | None) -> dict[str, ResolvedPart | None]:
        named = data.get("modalities", {})
        if not isinstance(named, dict):
            return {}
        if not named and kind in ("network", "baseline"):
            self._say("modalities", "there is no modality.", "Add at least one, such as `clinical: {use: table}`.")
        if len(named) == 1 and kind == "network" and "fusion" in data:
            self._say("fusion", "there is one modality: nothing to fuse, it is ignored.", severity=Severity.WARNING)
        if len(named) > 1 and kind == "network" and "fusion" not in data:
            self._say("fusion", "is missing: there are several modalities.", "Add `fusion: {use: concat}` or another.")
        found = {}
        for name, value in named.items():
            if not isinstance(name, str) or not _MODALITY.fullmatch(name):
                what = f"`{cut(name)}` is no key of a modality; allowed are small letters, digits and `-`."
                self._say(f"modalities.{name}", what)
            found[str(name)] = self._modality(str(name), value, kind)
        return found

    def _modality(self, name: str, value: object, kind: SpecKind | None) -> ResolvedPart | None:
        part = self.resolver.part("modality", ("modalities", name), value)
        if part is None:
            return None
        encoder, path = part.parts.get("encoder"), f"modalities.{name}"
        if kind == "network" and encoder is None:
            self._say(path, "has no encoder; a network needs one.", f"Add `encoder:`; {self._encoders(part)}.")
        if kind == "baseline" and encoder is not None:
            self._say(f"{path}.encoder", "a baseline reads the modality itself.", "Take the encoder out.")
        gives = part.entry.component.gives
        if encoder is not None and encoder.entry.component.takes != gives:
            takes, use = encoder.entry.component.takes, encoder.entry.component.name
            what = f"{use} takes `{takes}`, {part.entry.component.name} gives `{gives}`."
            self._say(f"{path}.encoder.use", what, f"Choose an encoder that takes `{gives}`; {self._encoders(part)}.")
        return part

    def _encoders(self, part: ResolvedPart) -> str:
        gives = part.entry.component.gives
        fit = sorted({e.component.name for e in self.registry.entries("encoder") if e.component.takes == gives})
        return f"installed for `{gives}`: {', '.join(fit) or 'none'}"

    def _part(self, name: ComponentKind, data: Mapping[str, object]) -> ResolvedPart | None:
        if name not in data:
            return None
        return self.resolver.part(name, (name,), data[name])

    @staticmethod
    def _lacks(data: Mapping[str, object], trunk: Mapping[str, ResolvedPart | None]) -> bool:
        return any(name in data and part is None for name, part in trunk.items())


def _between_parts(spec: Spec) -> Iterator[Finding]:
    """What single parts cannot see: their own checks among neighbours, and keys that name modalities."""
    neighbours = Neighbours({part.path: part.config for part in spec.parts()})
    for part in spec.parts():
        for finding in part.config.check(neighbours):
            yield spec.locate(f"{part.path}.{finding.key}" if finding.key else part.path, finding)
    rates = spec.training.modality_dropout
    named = {"training.modality_dropout": tuple(rates) if isinstance(rates, Mapping) else ()}
    named["allow_after_decision"] = spec.allow_after_decision
    for key, names in named.items():
        for name in names:
            if name not in spec.modalities:
                what = f"`{cut(name)}` is no modality of this spec; it has: {', '.join(spec.modalities)}."
                yield spec.locate(key, Finding(what=what))
    if spec.kind == "network" and all(_optional(part) for part in spec.modalities.values()):
        what = "every modality is optional: a cohort could lack them all."
        yield spec.locate("modalities", Finding(what=what, severity=Severity.WARNING))


def _optional(part: ResolvedPart) -> bool:
    return isinstance(part.config, ModalityConfig) and part.config.optional
