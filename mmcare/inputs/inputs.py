"""Cohort, modalities, fitted state and cache in, batches out: for training, prediction and explanation alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from mmcare.cache import Cache
from mmcare.cohort import Cohort
from mmcare.components import (
    Batch,
    Fitted,
    InputLayout,
    Modality,
    ModalityBatch,
    OutcomeLayout,
    Outcomes,
    Segmenter,
    Source,
)
from mmcare.errors import CohortError, Finding, Severity
from mmcare.inputs.samples import Progress, Samples, Stage
from mmcare.model import full_precision
from mmcare.registry import ModalityConfig
from mmcare.spec import ResolvedPart, Spec

__all__ = ["Inputs", "LocatingSegmenter", "open_stage", "read_inputs"]


@dataclass(frozen=True, slots=True)
class LocatingSegmenter:
    """A loaded segmenter and the digest of its weights (empty where it has none)."""

    network: Segmenter[Any]
    digest: str = ""


@dataclass(frozen=True)
class Inputs:
    """A cohort's samples, read and prepared; `fit` makes batches possible.

    Attributes:
        modalities: By the spec's key, in the spec's order.
        sources: The cohort as each of them sees it.
        samples: What each patient has.
        fitted: What was learned from the training patients; empty before `fit`.
        outcomes: By patient id; None where the cohort has none.
    """

    modalities: Mapping[str, Modality[Any]]
    sources: Mapping[str, Source]
    samples: Mapping[str, Samples]
    fitted: Mapping[str, Fitted]
    patients: tuple[str, ...]
    outcomes: Outcomes | None

    def fit(self, training: Iterable[str]) -> Inputs:
        """The same inputs, with every modality fitted on the training patients and no others.

        Raises:
            CohortError: No training patient has a modality.
        """
        training = list(training)
        fitted = {}
        for name, modality in self.modalities.items():
            items = [self.samples[name].prepared[p] for p in training if p in self.samples[name].prepared]
            if not items:
                raise CohortError(_nobody(name, [self.samples[name].absent[patient] for patient in training]))
            fitted[name] = modality.fit(self.sources[name], items)
        return self.with_fitted(fitted)

    def with_fitted(self, fitted: Mapping[str, Fitted]) -> Inputs:
        """The same inputs with what a run learned before."""
        return Inputs(self.modalities, self.sources, self.samples, fitted, self.patients, self.outcomes)

    @property
    def layouts(self) -> Mapping[str, InputLayout]:
        """What each encoder must know."""
        return {name: modality.layout(self.fitted[name]) for name, modality in self.modalities.items()}

    def findings(self) -> list[Finding]:
        """What is worth saying of the samples: overflows, unseen categories, and who lacks which modality."""
        found = []
        for name, modality in self.modalities.items():
            found += modality.findings(self.samples[name].prepared, self.fitted[name])
            for reason, count in Counter(self.samples[name].absent.values()).items():
                what = f"{count} of {len(self.patients)} patients lack it: {reason}."
                found.append(Finding(modality=name, what=what, severity=Severity.NOTE, code="absent"))
        return found

    def batch(self, patients: Sequence[str], with_outcomes: bool = True) -> Batch:
        """The batch of these patients, in this order."""
        modalities = {name: rows for name in self.modalities if (rows := self._rows(name, patients)) is not None}
        present = torch.tensor(
            [[patient in self.samples[name].prepared for name in self.modalities] for patient in patients],
            dtype=torch.bool,
        ).reshape(len(patients), len(self.modalities))
        outcomes = self.outcomes_of(patients) if with_outcomes and self.outcomes is not None else None
        return Batch(
            modalities=modalities,
            present=present,
            names=tuple(self.modalities),
            ids=tuple(patients),
            outcomes=outcomes,
        )

    def outcomes_of(self, patients: Sequence[str]) -> Outcomes:
        """What happened to these patients.

        Raises:
            CohortError: The cohort has no outcomes.
        """
        if self.outcomes is None:
            raise CohortError("The cohort has no outcomes: its dictionary names no `endpoints`.")
        return self.outcomes.take(torch.tensor([self._place[patient] for patient in patients], dtype=torch.int64))

    @cached_property
    def _place(self) -> Mapping[str, int]:
        return {patient: row for row, patient in enumerate(self.patients)}

    def _rows(self, name: str, patients: Sequence[str]) -> ModalityBatch | None:
        prepared = self.samples[name].prepared
        rows = [row for row, patient in enumerate(patients) if patient in prepared]
        if not rows:
            return None
        items = [prepared[patients[row]] for row in rows]
        return self.modalities[name].collate(items, torch.tensor(rows, dtype=torch.int64), self.fitted[name])


def read_inputs(
    spec: Spec,
    cohort: Cohort,
    outcomes: OutcomeLayout | None,
    *,
    segmenters: Mapping[str, LocatingSegmenter] | None = None,
    patients: Sequence[str] | None = None,
    cache: Cache | None = None,
    progress: Progress | None = None,
    workers: int = 1,
) -> Inputs:
    """Read and prepare what a spec's modalities need of a cohort.

    Args:
        spec: A resolved spec with modalities.
        cohort: The cohort.
        outcomes: The codes of arms and endpoints to read outcomes by; None where outcomes are not wanted.
        segmenters: Loaded segmenters by modality, where the spec locates.
        patients: Ids to read; by default all.
        cache: Where prepared samples are kept.
        progress: Told how far the reading is.
        workers: Threads that read.

    Raises:
        CohortError: The cohort lacks a modality that is not optional, or files cannot be used.
    """
    patients = tuple(patients if patients is not None else cohort.patients)
    cache = cache if cache is not None else Cache()
    segmenters = segmenters or {}
    modalities, sources, samples = {}, {}, {}
    for name, part in spec.modalities.items():
        stage = open_stage(name, part, cohort, segmenters.get(name))
        if stage is None:
            modalities[name] = part.make()
            sources[name] = cohort.empty_source(name)
            samples[name] = Samples({}, dict.fromkeys(patients, "the cohort does not hold it"))
            continue
        modalities[name], sources[name] = stage.modality, stage.source
        with full_precision():  # a run is made and used on other devices: a region must not depend on them
            samples[name] = stage.samples(patients, cache, workers, progress)
    known = cohort.outcomes(outcomes, patients) if outcomes is not None and cohort.has_outcomes else None
    return Inputs(modalities, sources, samples, {}, patients, known)


def open_stage(name: str, part: ResolvedPart, cohort: Cohort, located: LocatingSegmenter | None) -> Stage | None:
    """What prepares a spec's modality of a cohort; None where it is optional and the cohort does not hold it.

    Raises:
        CohortError: The cohort lacks it.
    """
    assert isinstance(part.config, ModalityConfig), "the registry checks it"
    gives, optional = part.entry.component.gives, part.config.optional
    source = cohort.source(part.config.from_ or name, gives=gives, optional=optional)
    if source is None:
        return None
    return Stage(part, source, located.network if located else None, located.digest if located else "")


def _nobody(name: str, absent: Sequence[str]) -> Finding:
    reasons = "; ".join(f"{count} x {reason}" for reason, count in Counter(absent).most_common(3))
    return Finding(
        modality=name,
        what=f"no training patient has it ({reasons}).",
        todo="Take the modality out of the spec, or bring its files; `mmcare cohort check` says what is missing.",
        code="nobody",
    )
