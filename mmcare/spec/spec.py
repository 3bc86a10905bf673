"""A resolved spec: every part with its component and checked config."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML

from mmcare.errors import Finding, PluginError
from mmcare.registry import ComponentKind, Config, Entry, LocalPlugin, NetworkConfig, Part
from mmcare.spec.layers import Layered, Origin
from mmcare.spec.settings import DecisionConfig, Requires, SplitConfig, TrainingConfig

__all__ = ["ResolvedPart", "Spec", "SpecKind", "naming", "to_yaml"]

SpecKind = Literal["network", "baseline", "segmenter"]


@dataclass(frozen=True, slots=True)
class ResolvedPart:
    """One part of a spec.

    Attributes:
        path: Key path (`modalities.ct.encoder`).
        kind: What it is.
        entry: The component and who provides it.
        config: Its checked config, the framework's own keys included.
        parts: The parts that its config names, by field.
    """

    path: str
    kind: ComponentKind
    entry: Entry
    config: Config
    parts: Mapping[str, ResolvedPart] = field(default_factory=dict)

    def make(self, *arguments: object) -> Any:
        """The component, from this part's config and what its kind is given besides.

        Raises:
            PluginError: It cannot be imported, or its constructor raises.
        """
        try:
            return self.entry.make(self.config, *arguments)
        except PluginError as error:
            raise PluginError([finding.at(key=finding.key or self.path) for finding in error.findings]) from error

    def with_nested(self) -> Iterator[ResolvedPart]:
        """This part and all parts within it."""
        yield self
        for part in self.parts.values():
            yield from part.with_nested()

    def without_weights(self) -> ResolvedPart:
        """The same part with no `weights:` to start from, in nested parts too."""
        parts = {name: part.without_weights() for name, part in self.parts.items()}
        config = self.config
        if isinstance(config, NetworkConfig) and config.weights is not None:
            config = config.model_copy(update={"weights": None})
        return replace(self, config=naming(config, parts), parts=parts)

    def with_weights(self, paths: Mapping[str, str]) -> ResolvedPart:
        """The same part with other `weights:`, by key path, in nested parts too."""
        parts = {name: part.with_weights(paths) for name, part in self.parts.items()}
        config = self.config
        if self.path in paths:
            config = config.model_copy(update={"weights": paths[self.path]})
        return replace(self, config=naming(config, parts), parts=parts)

    def as_data(self) -> dict[str, object]:
        """The part as a spec would write it, all values included."""
        data = self.config.model_dump(mode="json", by_alias=True, exclude=set(self.parts))
        return {
            "use": self.entry.qualified,
            **{name: value for name, value in data.items() if value is not None},
            **{name: part.as_data() for name, part in self.parts.items()},
        }


def naming(config: Config, parts: Mapping[str, ResolvedPart]) -> Config:
    """A config whose fields name its parts as a resolved spec does: in full, so that equal parts are equal configs."""
    return config.model_copy(update={name: Part.model_validate(part.as_data()) for name, part in parts.items()})


@dataclass(frozen=True, slots=True)
class Spec:
    """A spec, checked and resolved.

    Attributes:
        name: Its name; runs are named after it.
        kind: A network, a baseline, or a segmenter.
        requires: What a cohort must have.
        modalities: By key.
        fusion: Of a network with several modalities.
        head: Of a network.
        baseline: Of a baseline.
        segmenter: Of a segmenter.
        split: Training, validation and test patients.
        training: How it is trained.
        decision: How arms are compared.
        allow_after_decision: Modalities that may be known only after the treatment decision.
        plugins: Single-file plugins that it uses.
        layered: The values as written, and where; two specs are equal that say the same in other files.
    """

    name: str
    kind: SpecKind
    requires: Requires
    modalities: Mapping[str, ResolvedPart]
    fusion: ResolvedPart | None
    head: ResolvedPart | None
    baseline: ResolvedPart | None
    segmenter: ResolvedPart | None
    split: SplitConfig
    training: TrainingConfig
    decision: DecisionConfig
    allow_after_decision: tuple[str, ...]
    plugins: tuple[LocalPlugin, ...]
    layered: Layered = field(repr=False, compare=False)

    def parts(self) -> Iterator[ResolvedPart]:
        """Every part, nested ones too."""
        for part in (*self.modalities.values(), self.fusion, self.head, self.baseline, self.segmenter):
            if part is not None:
                yield from part.with_nested()

    def origin(self, path: str) -> Origin:
        """Where the value of a key path was written; the nearest parent's place for a default."""
        return self.layered.origin(tuple(path.split(".")))

    def is_default(self, path: str) -> bool:
        """Whether nobody wrote that value."""
        return tuple(path.split(".")) not in self.layered.origins

    def locate(self, path: str, finding: Finding) -> Finding:
        """The finding with the place of a key path."""
        origin = self.origin(path)
        return finding.at(file=origin.file, line=origin.line, column=origin.column, key=path)

    def without_weights(self) -> Spec:
        """The same spec whose parts start from no weights: for building a network whose weights come later."""
        return replace(
            self,
            modalities={name: part.without_weights() for name, part in self.modalities.items()},
            fusion=self.fusion and self.fusion.without_weights(),
            head=self.head and self.head.without_weights(),
            segmenter=self.segmenter and self.segmenter.without_weights(),
        )

    def with_weights(self, paths: Mapping[str, str]) -> Spec:
        """The same spec whose parts at these key paths start from these weights."""
        return replace(
            self,
            modalities={name: part.with_weights(paths) for name, part in self.modalities.items()},
            fusion=self.fusion and self.fusion.with_weights(paths),
            head=self.head and self.head.with_weights(paths),
            segmenter=self.segmenter and self.segmenter.with_weights(paths),
        )

    def as_data(self, plugin_folder: Path | None = None) -> dict[str, object]:
        """The resolved spec as plain data: qualified names, every value, single-file plugins below `plugin_folder`."""
        data: dict[str, object] = {"mmcare": 1, "name": self.name}
        if self.plugins:
            data["plugins"] = [_plugin_path(plugin.path, plugin_folder).as_posix() for plugin in self.plugins]
        if self.requires.arms:
            data["requires"] = self.requires.model_dump(mode="json")
        if self.modalities:
            data["modalities"] = {name: part.as_data() for name, part in self.modalities.items()}
        for name in ("fusion", "head", "baseline", "segmenter"):
            part: ResolvedPart | None = getattr(self, name)
            if part is not None:
                data[name] = part.as_data()
        for name in ("split", "training", "decision"):
            data[name] = _without_none(getattr(self, name).model_dump(mode="json"))
        if self.allow_after_decision:
            data["allow_after_decision"] = list(self.allow_after_decision)
        return data

    def resolved_yaml(self, plugin_folder: Path | None = None) -> str:
        """`as_data` as YAML; loads back as an equal spec."""
        return to_yaml(self.as_data(plugin_folder))


def _plugin_path(path: Path, folder: Path | None) -> Path:
    return path.absolute() if folder is None else folder / path.name


def to_yaml(data: object) -> str:
    """Plain data as YAML text in block style."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 120
    text = io.StringIO()
    yaml.dump(data, text)
    return text.getvalue()


def _without_none(data: dict[str, object]) -> dict[str, object]:
    return {name: _without_none(v) if isinstance(v, dict) else v for name, v in data.items() if v is not None}
