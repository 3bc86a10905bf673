"""Filling the cache with a spec's prepared samples, a task a patient, in several processes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from mmcare.cache import Cache
from mmcare.cohort import Cohort, read_cohort
from mmcare.errors import CohortError, Finding, Interrupted, SpecError
from mmcare.inputs import Kept, Stage, open_stage
from mmcare.model import full_precision
from mmcare.run import RunFolder, find_weights, segmenters_of, write_starting
from mmcare.spec import Spec, load_spec
from mmcare.workers import in_order, processes

__all__ = ["CacheTask", "Filled", "fill_cache"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class CacheTask:
    """What to prepare, as a worker process can be told it.

    Attributes:
        spec: The spec's file.
        cohort: The cohort's folder.
        overrides: Changes to the spec's file.
        plugins: Single-file plugins.
        allow_local_code: Whether single-file plugins that the spec itself names may run.
        folder: Where entries are kept; None: where `Cache` keeps them.
    """

    spec: Path
    cohort: Path
    overrides: tuple[str, ...] = ()
    plugins: tuple[Path, ...] = ()
    allow_local_code: bool = False
    folder: Path | None = None

    def load(self) -> Spec:
        """The spec."""
        return load_spec(self.spec, self.overrides, plugins=self.plugins, allow_local_code=self.allow_local_code)


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of the samples.

    Attributes:
        counts: Patients by modality of the spec, and what became of their sample.
        damaged: A sentence for each entry that was damaged and was prepared again.
        findings: Files that cannot be used; their patients have no entry.
    """

    counts: Mapping[str, Mapping[Kept, int]]
    damaged: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Patient:
    """What became of one patient's samples."""

    kept: Mapping[str, Kept]
    damaged: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Worker:
    """What a process prepares with."""

    stages: Mapping[str, Stage]
    cache: Cache
    damaged: list[str]


def fill_cache(task: CacheTask, workers: int = 1, progress: Progress | None = None) -> Filled:
    """Prepare the samples of all patients of a cohort that the cache does not hold; what it holds is checked.

    A fill that was stopped, or killed, goes on by the same call. Several may run at once: each begins elsewhere in the
    cohort, and a sample that one prepares is waited for by the others.

    Args:
        task: What to prepare.
        workers: Processes.
        progress: Called with (what, done, total).

    Raises:
        SpecError: The spec is wrong, or describes a segmenter.
        CohortError: The cohort cannot be read, or lacks a modality.
        MMCareError: The cache cannot be written.
        Interrupted: Ctrl-C; the samples that are finished are kept.
    """
    spec, cohort = task.load(), read_cohort(task.cohort)
    if spec.kind == "segmenter":
        what = f"the spec {spec.name} describes a segmenter, whose volumes `mmcare train` caches itself."
        raise SpecError(Finding(what=what, todo="Name a spec with `modalities`.", code="segmenter"))
    _stages(spec, cohort, None)  # what is missing of the whole cohort is said before processes start
    patients = list(cohort.patients)
    random.Random().shuffle(patients)  # noqa: S311 -- no secret
    found: dict[str, _Patient] = {}
    try:
        with _starting(spec) as starting, processes(min(workers, max(1, len(patients)))) as pool:
            keep = partial(_keep, task, starting, pool is not None)
            for patient, result in zip(patients, in_order(keep, patients, pool), strict=True):
                found[patient] = result
                if progress is not None:
                    progress("preparing samples", len(found), len(patients))
    except KeyboardInterrupt:
        what = f"Stopped: {len(found)} of {len(patients)} patients are in the cache."
        raise Interrupted(Finding(what=what, todo="The same command goes on.", code="stopped")) from None
    finally:
        _opened.cache_clear()
    return _summary([found[patient] for patient in cohort.patients])


@contextmanager
def _starting(spec: Spec) -> Iterator[Path]:
    """The weights that locating segmenters start from, written as a run has them: their digest is in the keys."""
    with TemporaryDirectory(prefix="mmcare-cache-") as folder:
        if any("roi" in part.parts for part in spec.modalities.values()):
            write_starting(RunFolder(Path(folder)), find_weights(spec))
        yield Path(folder)


def _stages(spec: Spec, cohort: Cohort, starting: Path | None) -> Mapping[str, Stage]:
    segmenters = segmenters_of(spec, RunFolder(starting)) if starting is not None else {}
    opened = {name: open_stage(name, part, cohort, segmenters.get(name)) for name, part in spec.modalities.items()}
    return {name: stage for name, stage in opened.items() if stage is not None}


@lru_cache(maxsize=1)
def _opened(task: CacheTask, starting: Path, one_of_several: bool) -> _Worker:
    """Opened once a process."""
    if one_of_several:
        torch.set_num_threads(1)
    damaged: list[str] = []
    cache = Cache(task.folder, tell=damaged.append, must_write=True)
    return _Worker(_stages(task.load(), read_cohort(task.cohort), starting), cache, damaged)


def _keep(task: CacheTask, starting: Path, one_of_several: bool, patient: str) -> _Patient:
    worker = _opened(task, starting, one_of_several)
    worker.damaged.clear()
    kept, findings = {}, []
    for name, stage in worker.stages.items():
        try:
            with full_precision():  # as where a run reads: the entries must be the same
                kept[name] = stage.keep(patient, worker.cache)
        except CohortError as error:
            findings += [f if f.patient is not None else f.at(patient=patient) for f in error.findings]
    return _Patient(kept, tuple(worker.damaged), tuple(findings))


def _summary(patients: list[_Patient]) -> Filled:
    counts: dict[str, Counter[Kept]] = {}
    for patient in patients:
        for name, kept in patient.kept.items():
            counts.setdefault(name, Counter())[kept] += 1
    damaged = tuple(sentence for patient in patients for sentence in patient.damaged)
    return Filled(counts, damaged, tuple(finding for patient in patients for finding in patient.findings))
