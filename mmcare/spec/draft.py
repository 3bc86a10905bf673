"""A first spec for a cohort: what it holds, read by the components that are installed, with a word on each choice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmcare.errors import Finding, PluginError, SpecError
from mmcare.registry import Registry, as_yaml
from mmcare.spec.document import is_modality_key

__all__ = ["CohortModality", "CohortSummary", "draft_spec"]


@dataclass(frozen=True, slots=True)
class CohortModality:
    """What a cohort's dictionary says of one modality: its entries, and whether it is known only after treatment."""

    entries: frozenset[str]
    after_decision: bool = False


@dataclass(frozen=True, slots=True)
class CohortSummary:
    """What decides a first spec.

    Attributes:
        path: The cohort's folder.
        arms: Keys of its arms; empty where its dictionary names none.
        endpoints: By key, whether another event can come first.
        modalities: By key.
        predictors: Columns that may predict, known at the treatment decision.
    """

    path: Path
    arms: tuple[str, ...] = ()
    endpoints: Mapping[str, bool] = field(default_factory=dict)
    modalities: Mapping[str, CohortModality] = field(default_factory=dict)
    predictors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Way:
    """How a modality with some entries can be read: the components, and the lines of the spec."""

    needs: frozenset[str]
    modality: str
    encoder: str
    lines: tuple[str, ...] = ()


_CT_LINES = (
    "spacing_mm: 1.5  # of the crop around the tumour",
    "size: [64, 64, 64]  # voxels; [32, 32, 32] at 3 mm is eight times quicker",
)
_WAYS = (
    _Way(frozenset({"mutations"}), "gene-graph", "gcn"),
    _Way(frozenset({"tokens"}), "precomputed", "precomputed"),
    _Way(frozenset({"files", "mask"}), "ct", "resnet3d", (*_CT_LINES, "roi: {use: mask}  # the mask drawn by hand")),
    _Way(frozenset({"files"}), "ct", "resnet3d", (*_CT_LINES, "roi: {use: whole}  # there is no mask")),
)
"""The first that fits is taken."""
_TABLE = _Way(frozenset(), "table", "mlp")
_TABLE_KEYS = ("clinical", "table", "patients-table")


def draft_spec(cohort: CohortSummary, registry: Registry) -> str:
    """A commented spec, as YAML, that trains on the cohort as it stands.

    Raises:
        SpecError: The cohort has no endpoint to learn, or nothing to learn it from.
        PluginError: The head or the fusion is not installed.
    """
    if not cohort.endpoints:
        what = "names no `endpoints`: there is nothing to learn."
        raise SpecError(Finding(file=cohort.path / "cohort.yaml", what=what, todo="Add `endpoints:` to it."))
    draft = _Draft(cohort, registry)
    modalities = list(draft.modalities())
    if not draft.chosen:
        reasons = " ".join(line.strip(" #") for line in modalities)
        what = f"holds nothing that a network can be trained on. {reasons}".strip()
        todo = "Add `columns:` or `modalities:` to its cohort.yaml, or install what reads them."
        raise SpecError(Finding(file=cohort.path, what=what, todo=todo))
    return "\n".join([*draft.top(), "modalities:", *modalities, *draft.trunk(), *draft.training()]) + "\n"


@dataclass(slots=True)
class _Draft:
    """The lines of a spec as they are written.

    Attributes:
        chosen: Keys of the modalities taken so far.
        after: Those of them that are known only after treatment.
    """

    cohort: CohortSummary
    registry: Registry
    chosen: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def top(self) -> Iterator[str]:
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", self.cohort.path.resolve().name).strip("-._")[:64] or "model"
        yield f"# A first spec for {self.cohort.path}, made by `mmcare spec new`. What is not here has a default:"
        yield "# `mmcare spec show --resolved` shows all values, `mmcare plugin show NAME` what a component can do."
        yield "mmcare: 1"
        yield f"name: {as_yaml(name)}  # runs are named after it"
        if self.cohort.arms:
            yield f"requires: {{arms: {as_yaml(self.cohort.arms)}}}  # refuse a cohort without them"
        if self.after:
            yield "# Known only after the treatment decision: fine for a prognosis after it, no help to choose."
            yield f"allow_after_decision: {as_yaml(self.after)}"

    def modalities(self) -> Iterator[str]:
        """A modality each that the cohort holds and that can be read here; why not, where one cannot."""
        if self.cohort.predictors:
            shown = ", ".join(self.cohort.predictors[:8]) + (", …" if len(self.cohort.predictors) > 8 else "")
            key = next(key for key in _TABLE_KEYS if key not in self.cohort.modalities)
            yield from self._modality(key, _TABLE, f"{len(self.cohort.predictors)} columns: {shown}")
        for key, modality in self.cohort.modalities.items():
            yield from self._cohort_modality(key, modality)

    def _cohort_modality(self, key: str, modality: CohortModality) -> Iterator[str]:
        way = next((way for way in _WAYS if way.needs <= modality.entries), None)
        entries = ", ".join(sorted(modality.entries))
        if way is None:
            yield f"  # {key} is left out: nothing is known to read it (entries: {entries})."
        elif modality.after_decision and len(self.cohort.arms) > 1:
            arms = " and ".join(self.cohort.arms)
            yield f"  # {key} is left out: it is known only after the decision between {arms}."
        else:
            written = key if is_modality_key(key) else way.modality
            yield from self._modality(written, way, f"from {entries}", key)
            if modality.after_decision and written in self.chosen:
                self.after.append(written)

    def _modality(self, key: str, way: _Way, said: str, source: str = "") -> Iterator[str]:
        missing = self._missing(way)
        if missing:
            yield f"  # {key} is left out: {missing}"
            return
        self.chosen.append(key)
        yield f"  {key}:  # {said}"
        yield f"    use: {way.modality}"
        if source and source != key:
            yield f"    from: {as_yaml(source)}"
        yield from (f"    {line}" for line in way.lines)
        yield f"    encoder: {{use: {way.encoder}}}"

    def _missing(self, way: _Way) -> str:
        """Why a way of reading cannot be gone here; empty where it can."""
        for kind, name in (("modality", way.modality), ("encoder", way.encoder)):
            try:
                self.registry.resolve(kind, name)
            except PluginError as error:
                return str(error.findings[0])
        return ""

    def trunk(self) -> Iterator[str]:
        """Fusion and head."""
        if len(self.chosen) > 1:
            self.registry.resolve("fusion", "cross-attention")
            yield "fusion: {use: cross-attention, dim: 128, heads: 4, steps: 2}  # or {use: concat}"
        self.registry.resolve("head", "dual-task")
        yield "head:"
        yield "  use: dual-task"
        yield "  endpoints:  # by the cohort's keys; the first leads"
        for name, competing in self.cohort.endpoints.items():
            model = "competing-risk" if competing else "discrete"
            yield f"    {as_yaml(name)}: {{model: {model}, weight: {self._weight(name)}}}"

    def _weight(self, endpoint: str) -> float:
        """The paper's weights for the paper's endpoints, else the same for all."""
        paper = {"os": 0.7, "lc": 0.3}
        return paper[endpoint] if set(self.cohort.endpoints) == set(paper) else 1.0

    def training(self) -> Iterator[str]:
        yield "split: {fractions: [0.70, 0.15, 0.15], stratify: [arm, event], seed: 0}  # training, validation, test"
        yield "training:"
        yield "  lr: 1.0e-4"
        yield "  batch_size: 16"
        yield "  max_epochs: 100"
        if len(self.chosen) > 1:
            yield "  modality_dropout: 0.2  # so that a patient who lacks a modality is nothing new"
        yield "  early_stopping: {metric: loss, patience: 10}"
        yield "  device: auto  # CUDA where there is one"
