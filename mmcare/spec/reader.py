"""One spec, read: every section by its model, every part through the registry, all that is wrong gathered."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from mmcare.errors import Finding, Severity, cut
from mmcare.registry import LocalPlugin, Registry
from mmcare.spec.document import VERSION, SpecDocument, is_modality_key
from mmcare.spec.layers import Layered
from mmcare.spec.problems import finding_at, read_model
from mmcare.spec.resolve import Resolver
from mmcare.spec.rules import check_named_modalities, check_parts, check_required_modality, check_validation
from mmcare.spec.settings import DecisionConfig, Requires, SplitConfig, TrainingConfig
from mmcare.spec.spec import ResolvedPart, Spec, SpecKind
from mmcare.yaml_file import Key

__all__ = ["SpecReader"]

SettingsT = TypeVar("SettingsT", bound=BaseModel)

_SECTIONS: Mapping[SpecKind, tuple[str, ...]] = {
    "network": ("modalities", "fusion", "head"),
    "baseline": ("modalities", "baseline"),
    "segmenter": ("segmenter",),
}
"""What a spec of each kind is made of; `head` makes a network."""


@dataclass(slots=True)
class SpecReader:
    """Reads one spec.

    Attributes:
        layered: The values as written.
        registry: Where components are looked up.
        plugins: The single-file plugins that were read.
        unread: Plugin files that the spec names and nobody allowed to run.
        findings: What was found so far.
    """

    layered: Layered
    registry: Registry
    plugins: tuple[LocalPlugin, ...] = ()
    unread: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    resolver: Resolver = field(init=False)

    def __post_init__(self) -> None:
        self.resolver = Resolver(self.layered, self.registry, self.unread, self.findings)

    def read(self) -> Spec | None:
        """The spec; None where it cannot be resolved, with every reason among the findings."""
        if self._is_of_another_version():
            return None
        document, requires = self._model(SpecDocument, ()), self._model(Requires, ("requires",))
        split, training = self._model(SplitConfig, ("split",)), self._model(TrainingConfig, ("training",))
        decision, kind = self._model(DecisionConfig, ("decision",)), self._kind()
        modalities = self._modalities(kind)
        trunk = {name: self._part(name) for name in ("fusion", "head", "baseline", "segmenter")}
        self._count_modalities(kind)
        self._check_together(kind, modalities, trunk, split, training)
        if any(finding.severity is not Severity.WARNING for finding in self.findings):
            return None  # an error, or a note on a part that was not looked at
        assert document and kind and requires and split and training and decision, "else there were findings"
        return Spec(
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

    def _check_together(
        self,
        kind: SpecKind | None,
        modalities: Mapping[str, ResolvedPart | None],
        trunk: Mapping[str, ResolvedPart | None],
        split: SplitConfig | None,
        training: TrainingConfig | None,
    ) -> None:
        """Run every rule whose sections could be read."""
        self.findings += check_named_modalities(self.layered, self._named_modalities())
        if kind != "baseline" and split is not None and training is not None:
            self.findings += check_validation(self.layered, split, training)
        whole = [part for part in modalities.values() if part is not None]
        if kind == "network" and whole and len(whole) == len(modalities):
            self.findings += check_required_modality(self.layered, whole)
        named = [part for name, part in trunk.items() if name in self.layered.data]
        if len(whole) == len(modalities) and all(part is not None for part in named):
            parts = [inner for part in (*whole, *named) if part is not None for inner in part.with_nested()]
            self.findings += check_parts(self.layered, parts)

    def _say(self, key: Key, what: str, todo: str = "", severity: Severity = Severity.ERROR) -> None:
        self.findings.append(finding_at(self.layered, key, what, todo).at(severity=severity))

    def _is_of_another_version(self) -> bool:
        """Say what version was found; a spec that states none is read as ours, so that all else is said, too."""
        data, reads = self.layered.data, f"this mmcare reads version {VERSION}"
        if "mmcare" not in data and self._is_misspelt("mmcare"):
            return False
        if "mmcare" not in data:
            self._say(("mmcare",), f"the version key is missing; {reads}.", f"Add `mmcare: {VERSION}` at the top.")
            return False
        version = data["mmcare"]
        if type(version) is int and version == VERSION:
            return False
        newer = type(version) is int and version > VERSION
        todo = "Upgrade mmcare: `pip install --upgrade mmcare`." if newer else f"Write `mmcare: {VERSION}`."
        self._say(("mmcare",), f"found version {cut(repr(version))}; {reads}.", todo)
        return True

    def _model(self, model: type[SettingsT], key: Key) -> SettingsT | None:
        data = self.layered.data.get(str(key[0]), {}) if key else self.layered.data
        if not isinstance(data, dict):
            return None  # said with the document
        checked = read_model(model, data, self.layered, key)
        self.findings += checked.findings
        return checked.value

    def _kind(self) -> SpecKind | None:
        data = self.layered.data
        named: list[tuple[str, SpecKind]] = [(name, kind) for kind, (*_, name) in _SECTIONS.items() if name in data]
        if not named and any(map(self._is_misspelt, ("head", "baseline", "segmenter"))):
            return None  # said with the document
        if not named:
            todo = "Add `head:` (with `modalities` and `fusion`), or `baseline:` (with `modalities`), or `segmenter:`."
            self._say((), "describes no network, no baseline and no segmenter.", todo)
            return None
        if len(named) > 1:
            names = " and ".join(f"`{name}`" for name, _ in named)
            todo = "Keep one of them; `KEY: null` takes away what comes by `extends`."
            self._say((named[1][0],), f"a spec describes one thing, and this one has {names}.", todo)
            return None
        kind = named[0][1]
        for name in ("modalities", "fusion"):
            if name in data and name not in _SECTIONS[kind]:
                todo = f"Take it out (`{name}: null` where it comes by `extends`)."
                self._say((name,), f"a {kind} has no `{name}`.", todo)
        return kind

    def _modalities(self, kind: SpecKind | None) -> dict[str, ResolvedPart | None]:
        found = {}
        for name, value in self._named_modalities().items():
            if not is_modality_key(name):
                allowed = "allowed are small letters, digits and `-`, a letter first"
                self._say(("modalities", name), f"`{cut(str(name))}` is no key of a modality; {allowed}.")
            found[name] = self.resolver.part("modality", ("modalities", name), value)
            self._check_encoder(name, found[name], kind)
        return found

    def _named_modalities(self) -> dict[str, object]:
        named = self.layered.data.get("modalities", {})
        return named if isinstance(named, dict) else {}

    def _count_modalities(self, kind: SpecKind | None) -> None:
        """A network and a baseline need inputs; several of them need a fusion."""
        count, has_fusion = len(self._named_modalities()), "fusion" in self.layered.data
        if count == 0 and kind in ("network", "baseline") and not self._was_said("modalities"):
            self._say(("modalities",), "there is no modality.", "Add at least one, such as `clinical: {use: table}`.")
        if count == 1 and kind == "network" and has_fusion:
            what = "there is one modality and nothing to fuse: `fusion` is ignored."
            self._say(("fusion",), what, "Take it out, or add a modality.", severity=Severity.WARNING)
        if count > 1 and kind == "network" and not has_fusion and not self._is_misspelt("fusion"):
            named = ", ".join(sorted({entry.component.name for entry in self.registry.entries("fusion")}))
            what = f"is missing: there are {count} modalities."
            self._say(("fusion",), what, f"Add `fusion: {{use: NAME}}` with one of: {named or '(none is installed)'}.")
        for key in sorted(self.layered.idle_nulls, key=str):
            if key[0] == "modalities" and len(key) == 2:
                what = "`null` takes a modality away that no file below names."
                self._say(key, what, f"This spec has: {', '.join(map(str, self._named_modalities())) or 'none'}.")

    def _was_said(self, section: str) -> bool:
        """Whether the document's own check told what is wrong with a section."""
        return not isinstance(self.layered.data.get(section, {}), dict) or self._is_misspelt(section)

    def _is_misspelt(self, section: str) -> bool:
        unknown = [name for name in self.layered.data if name not in SpecDocument.model_fields]
        return bool(difflib.get_close_matches(section, unknown, 1))

    def _check_encoder(self, name: str, part: ResolvedPart | None, kind: SpecKind | None) -> None:
        """A network's modality has an encoder that takes what it gives; a baseline's has none."""
        if part is None:
            return
        encoder, path = part.parts.get("encoder"), ("modalities", name)
        if kind == "network" and encoder is None:
            self._say(path, "has no encoder; a network needs one.", f"Add `encoder:`; {self._encoders(part)}.")
        if kind == "baseline" and encoder is not None:
            todo = "Take the encoder out (`encoder: null` where it comes by `extends`)."
            self._say((*path, "encoder"), "a baseline reads the modality itself.", todo)
        gives = part.entry.component.gives
        if encoder is not None and kind == "network" and encoder.entry.component.takes != gives:
            takes, use = encoder.entry.component.takes, encoder.entry.component.name
            what = f"{use} takes `{takes}`, {part.entry.component.name} gives `{gives}`."
            todo = f"Choose an encoder that takes `{gives}`; {self._encoders(part)}."
            self._say((*path, "encoder", "use"), what, todo)

    def _encoders(self, part: ResolvedPart) -> str:
        gives = part.entry.component.gives
        fit = sorted({e.component.name for e in self.registry.entries("encoder") if e.component.takes == gives})
        return f"installed for `{gives}`: {', '.join(fit) or 'none'}"

    def _part(self, name: str) -> ResolvedPart | None:
        if name not in self.layered.data:
            return None
        return self.resolver.part(name, (name,), self.layered.data[name])  # type: ignore[arg-type]
