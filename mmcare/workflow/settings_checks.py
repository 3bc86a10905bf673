"""Settings of a spec that this machine or this cohort cannot follow."""

from __future__ import annotations

from collections.abc import Iterator

from mmcare.errors import Finding, Severity, SpecError
from mmcare.spec import Spec
from mmcare.workers import cores

__all__ = ["check_settings"]


def check_settings(spec: Spec, n_training: int) -> list[Finding]:
    """Warnings about settings of training that ask for more than there is.

    Args:
        spec: A resolved spec.
        n_training: Number of training patients.

    Raises:
        SpecError: Nothing can be trained so.
    """
    if spec.kind == "baseline":
        return []
    if spec.kind == "segmenter" and spec.training.early_stopping.metric == "c_index":
        what = "`c_index` is a figure of prognoses; a segmenter has none."
        todo = "Write `early_stopping: {metric: loss}`."
        raise SpecError(spec.locate("training.early_stopping.metric", Finding(what=what, todo=todo, code="no-c-index")))
    return [*_workers(spec), *_batch_size(spec, n_training)]


def _workers(spec: Spec) -> Iterator[Finding]:
    asked, there = spec.training.workers, cores()
    if asked > there:
        what = f"{asked} processes are asked for, and this machine has {_cores(there)}: they will wait for each other."
        yield _warning(spec, "training.workers", what, f"Write {there} or less.")


def _batch_size(spec: Spec, n_training: int) -> Iterator[Finding]:
    asked = spec.training.batch_size
    if asked > n_training:
        what = f"{asked} patients a batch are asked for, and {n_training} are in training: an epoch is a single step."
        yield _warning(spec, "training.batch_size", what, "Write less; the default is 16.")


def _warning(spec: Spec, key: str, what: str, todo: str) -> Finding:
    return spec.locate(key, Finding(what=what, todo=todo, severity=Severity.WARNING, code="setting"))


def _cores(number: int) -> str:
    return "1 processor core" if number == 1 else f"{number} processor cores"
