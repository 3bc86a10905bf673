"""Filling the cache with a spec's prepared samples, a task a patient, in several processes."""

from __future__ import annotations

import platform
import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from mmcare.cache import Cache
from mmcare.cohort import Cohort, read_cohort
from mmcare.errors import CohortError, Finding, Interrupted, MMCareError, SpecError
from mmcare.formats.atomic import write_bytes
from mmcare.inputs import Kept, LocatingSegmenter, Stage, open_stage
from mmcare.model import full_precision
from mmcare.run import RunFolder, find_weights, segmenters_of, write_starting
from mmcare.spec import Spec, load_spec
from mmcare.workers import in_order, processes, workers_for

__all__ = ["CacheTask", "Engine", "Filled", "fill_cache"]

Progress = Callable[[str, int, int], None]
_WORTH_A_PROCESS = 8
"""Patients from which another process, which loads torch first, saves more than its start takes."""


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

    def anywhere(self) -> CacheTask:
        """The same for a process that stands in another folder and has other settings."""
        folder = (self.folder or Cache().folder).resolve()
        plugins = tuple(path.resolve() for path in self.plugins)
        return replace(self, spec=self.spec.resolve(), cohort=self.cohort.resolve(), plugins=plugins, folder=folder)


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


class Engine(StrEnum):
    """Who prepares: processes of this machine, or a Ray cluster."""

    LOCAL = "local"
    RAY = "ray"


def fill_cache(
    task: CacheTask, workers: int = 0, progress: Progress | None = None, engine: Engine = Engine.LOCAL
) -> Filled:
    """Prepare the samples of all patients of a cohort that the cache does not hold; what it holds is checked.

    A fill that was stopped, or killed, goes on by the same call. Several may run at once: each begins elsewhere in the
    cohort, and a sample that one prepares is waited for by the others.

    Args:
        task: What to prepare.
        workers: Processes; 0: as many as there are cores, fewer for few patients.
        progress: Called with (what, done, total).
        engine: Who prepares; a cluster decides itself how many processes, and all its nodes must see spec, cohort and
            cache under the same paths.

    Raises:
        SpecError: The spec is wrong, or describes a segmenter.
        CohortError: The cohort cannot be read, or lacks a modality.
        MMCareError: The cache cannot be written, or is not seen by all nodes; `workers` is negative or of no meaning;
            Ray is not installed, or no cluster answers.
        Interrupted: Ctrl-C; the samples that are finished are kept.
    """
    spec, cohort = task.load(), read_cohort(task.cohort)
    if spec.kind == "segmenter":
        what = f"the spec {spec.name} describes a segmenter, whose volumes `mmcare train` caches itself."
        raise SpecError(Finding(what=what, todo="Name a spec with `modalities`.", code="segmenter"))
    _stages(spec, cohort)  # what is missing of the whole cohort is said before processes start
    patients = list(cohort.patients)
    random.Random().shuffle(patients)  # noqa: S311 -- no secret
    found: dict[str, _Patient] = {}

    def kept(n: int) -> str:
        """Other workers may have finished more, of which this process has not heard."""
        return f"at least {n} of {len(patients)} patients are done and kept in the cache"

    try:
        with _started(engine, task, workers, len(patients)) as (keep, pool):
            for patient, result in zip(patients, in_order(keep, patients, pool, kept), strict=True):
                found[patient] = result
                if progress is not None:
                    progress("preparing samples", len(found), len(patients))
    except KeyboardInterrupt:
        finding = Finding(what=f"stopped; {kept(len(found))}.", todo="The same command goes on.", code="stopped")
        raise Interrupted(finding) from None
    finally:
        _opened.cache_clear()
    return _summary([found[patient] for patient in cohort.patients])


@contextmanager
def _started(
    engine: Engine, task: CacheTask, workers: int, patients: int
) -> Iterator[tuple[Callable[[str], _Patient], Executor | None]]:
    """What to do with each patient, and who does it."""
    if engine is Engine.LOCAL:
        with processes(min(workers_for(workers, patients, _WORTH_A_PROCESS), max(1, patients))) as pool:
            yield partial(_keep, task, pool is not None, None), pool
        return
    if workers:
        what = "is for processes of this machine; with `--engine ray` the cluster decides."
        raise MMCareError(Finding(key="--workers", what=what, todo="Leave one of the two out.", code="workers"))
    from mmcare.cluster import ray_cluster

    task = task.anywhere()
    with ray_cluster() as cluster, _mark(Cache(task.folder).folder) as mark:
        yield partial(_keep, task, True, mark), cluster


@contextmanager
def _mark(folder: Path) -> Iterator[Path]:
    """A file by which a node knows that it sees this very cache."""
    mark = folder / "locks" / f".{secrets.token_hex(6)}"
    write_bytes(mark, b"")
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)


def _stages(spec: Spec, cohort: Cohort) -> Mapping[str, Stage]:
    segmenters = _segmenters(spec)
    opened = {name: open_stage(name, part, cohort, segmenters.get(name)) for name, part in spec.modalities.items()}
    return {name: stage for name, stage in opened.items() if stage is not None}


def _segmenters(spec: Spec) -> Mapping[str, LocatingSegmenter]:
    """Those that locate, from weights written as a run has them: the digest of that file is in the keys."""
    if not any("roi" in part.parts for part in spec.modalities.values()):
        return {}
    with TemporaryDirectory(prefix="mmcare-cache-") as folder:
        run = RunFolder(Path(folder))
        write_starting(run, find_weights(spec, kinds=("segmenter",)))
        return segmenters_of(spec, run)


@lru_cache(maxsize=1)
def _opened(task: CacheTask, one_of_several: bool, mark: Path | None) -> _Worker:
    """Opened once a process."""
    if mark is not None and not mark.exists():
        what = f"is another folder on the node {platform.node()}: what it prepares would not be found again."
        todo = "Set MMCARE_CACHE to a folder that all nodes see under this path."
        raise MMCareError(Finding(file=task.folder, what=what, todo=todo, code="not-shared"))
    if one_of_several:
        torch.set_num_threads(1)
    damaged: list[str] = []
    cache = Cache(task.folder, tell=damaged.append, must_write=True)
    return _Worker(_stages(task.load(), read_cohort(task.cohort)), cache, damaged)


def _keep(task: CacheTask, one_of_several: bool, mark: Path | None, patient: str) -> _Patient:
    worker = _opened(task, one_of_several, mark)
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
