"""From a spec and a cohort to a finished run: behind `mmcare train`, `mmcare.fit` and the demo."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from mmcare.cache import Cache
from mmcare.cohort import Cohort, read_cohort, split_patients
from mmcare.components import InputLayout, OutcomeLayout, Split, split_labels
from mmcare.errors import Finding, RunError, Severity, SpecError
from mmcare.formats.atomic import write_bytes, write_text
from mmcare.inputs import Inputs, Progress, read_inputs
from mmcare.model import build
from mmcare.run import (
    CohortRecord,
    Manifest,
    Run,
    RunFolder,
    load_run,
    make_baseline,
    new_run_folder,
    plugin_records,
    segmenters_of,
    write_outcome_layout,
    write_record,
    write_splits,
)
from mmcare.run.store import read_splits
from mmcare.spec import Spec, load_spec
from mmcare.training import Trained, finish, train, weights_bytes
from mmcare.workflow.card import write_card
from mmcare.workflow.cohort_match import check_match
from mmcare.workflow.reference import write_reference

__all__ = ["Options", "fit", "resume"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is made, beyond what the spec says.

    Attributes:
        out: The run folder; by default the next free `runs/NAME-0001`.
        dry: Two batches through everything (`--dry-run`).
        reference: Whether training patients' inputs and outcomes are kept for explanations.
        terminal: Whether a moving progress bar can be shown.
        tell: Where lines of progress go.
        progress: Told how far the reading is.
        cache: Where prepared samples are kept.
    """

    out: Path | None = None
    dry: bool = False
    reference: bool = True
    terminal: bool = False
    tell: Callable[[str], None] = log.info
    progress: Progress | None = None
    cache: Cache = field(default_factory=Cache)


def fit(
    spec: Spec | str | Path,
    cohort: Cohort | str | Path,
    *,
    overrides: Sequence[str] = (),
    plugins: Sequence[Path] = (),
    allow_local_code: bool = False,
    options: Options | None = None,
) -> Run:
    """Train what a spec describes on a cohort.

    Args:
        spec: A spec, or its file.
        cohort: A cohort, or its folder.
        overrides: Changes to the spec's file, such as `training.lr=3e-4`.
        plugins: Single-file plugins; naming them here is the consent to run them.
        allow_local_code: Whether single-file plugins that the spec itself names may run.
        options: How the run is made.

    Returns:
        The finished run, opened from its folder.

    Raises:
        SpecError: The spec is wrong, or does not fit the cohort.
        CohortError: The cohort is wrong.
        RunError: The run folder cannot be written, or training failed.

    Example:
        >>> import mmcare
        >>> run = mmcare.fit("examples/demo.yaml", cohort="demo/cohort")  # doctest: +SKIP
    """
    options = options or Options()
    if not isinstance(spec, Spec):
        spec = load_spec(spec, overrides, plugins=plugins, allow_local_code=allow_local_code)
    cohort = cohort if isinstance(cohort, Cohort) else read_cohort(cohort)
    for finding in check_match(spec, cohort):
        if finding.severity is Severity.ERROR:
            raise SpecError(finding)
        options.tell(str(finding))
    folder = new_run_folder(spec.name, options.out)
    splits = _split(spec, cohort)
    _begin(folder, spec, cohort, splits)
    return _complete(folder, spec, cohort, options)


def resume(path: str | Path, *, options: Options | None = None, allow_local_code: bool = False) -> Run:
    """Go on with an unfinished run from its last finished epoch.

    Raises:
        RunError: The run is finished, or the cohort changed since it was begun.
    """
    options = options or Options()
    folder = RunFolder(Path(path))
    if (folder.path / "run.json").exists():
        todo = "To train again, run `mmcare train` without `--resume`."
        raise RunError(Finding(file=folder.path, what="the run is finished; there is nothing to resume.", todo=todo))
    if not folder.spec.exists() or not folder.splits.exists():
        what = "holds no run that can be resumed: it was ended before its first files were written."
        raise RunError(Finding(file=folder.path, what=what, todo="Remove the folder and train again."))
    spec = load_spec(folder.spec, allow_local_code=allow_local_code)
    record = folder.cohort()
    cohort = read_cohort(record.path)
    if cohort.fingerprint() != record.fingerprint:
        what = f"the cohort {record.path} changed since the run was begun."
        todo = "Restore it, or train anew: a run is of one cohort."
        raise RunError(Finding(file=folder.path, what=what, todo=todo, code="cohort-changed"))
    return _complete(folder, spec, cohort, options)


def _split(spec: Spec, cohort: Cohort) -> Mapping[str, Split]:
    """The split of the patients whose outcomes can be learned from."""
    layout = cohort.outcome_layout()
    outcomes = cohort.outcomes(layout, cohort.patients)
    strata = {}
    for row, patient in enumerate(cohort.patients):
        if int(outcomes.arm[row]) >= 0 and bool((~outcomes.time[row].isnan()).any()):
            by = {"arm": int(outcomes.arm[row]), "event": tuple(outcomes.event[row].tolist())}
            strata[patient] = tuple(by[name] for name in spec.split.stratify)
    return split_patients(list(strata), strata, spec.split.fractions, spec.split.seed)


def _begin(folder: RunFolder, spec: Spec, cohort: Cohort, splits: Mapping[str, Split]) -> None:
    """Write what decides the run, before any work: what a resumed run starts from."""
    for plugin in spec.plugins:
        write_bytes(folder.local / plugin.path.name, plugin.source.encode())
    record = CohortRecord(str(cohort.root.resolve()), cohort.fingerprint(), len(cohort.patients))
    folder.write_cohort(record)
    write_outcome_layout(folder.outcomes, cohort.outcome_layout())
    write_splits(folder.splits, splits)
    write_text(folder.spec, spec.resolved_yaml(Path(folder.local.name)))


def _complete(folder: RunFolder, spec: Spec, cohort: Cohort, options: Options) -> Run:
    """All work of a run whose first files are there."""
    with folder.lock():
        layout = cohort.outcome_layout()
        splits = read_splits(folder.splits)
        inputs = _inputs(spec, cohort, layout, splits, options)
        for name, fitted in inputs.fitted.items():
            write_record(folder.preprocessing, name, fitted)
        trained = _fit_baseline(folder, spec, inputs, layout, splits) if spec.kind == "baseline" else None
        trained = trained or _fit_network(folder, spec, inputs, layout, splits, options)
        if options.reference:
            write_reference(folder, inputs, _of(splits, "training"))
        manifest = _manifest(spec, trained)
        write_card(folder, spec, cohort, manifest, splits)
        folder.finish(manifest)
    return load_run(folder.path, allow_local_code=True)


def _inputs(spec: Spec, cohort: Cohort, layout: OutcomeLayout, splits: Mapping[str, Split], options: Options) -> Inputs:
    read = read_inputs(
        spec,
        cohort,
        layout,
        segmenters=segmenters_of(spec),
        patients=tuple(splits),
        cache=options.cache,
        progress=options.progress,
        workers=max(1, spec.training.workers),
    )
    inputs = read.fit(_of(splits, "training"))
    for finding in inputs.findings():
        options.tell(str(finding))
    return inputs


def _fit_baseline(
    folder: RunFolder, spec: Spec, inputs: Inputs, layout: OutcomeLayout, splits: Mapping[str, Split]
) -> Trained:
    baseline = make_baseline(spec, inputs.layouts, layout)
    training, validation = _of(splits, "training"), _of(splits, "validation")
    baseline.fit(inputs.batch((*training, *validation)), split_labels(len(training), len(validation)))
    write_record(folder.member(), "state", baseline.state())
    return Trained(device="cpu", precision="64-true", epochs=0, best_epoch=-1)


def _fit_network(
    folder: RunFolder,
    spec: Spec,
    inputs: Inputs,
    layout: OutcomeLayout,
    splits: Mapping[str, Split],
    options: Options,
) -> Trained:
    training, validation = _of(splits, "training"), _of(splits, "validation")
    layouts: Mapping[str, InputLayout] = inputs.layouts
    torch.manual_seed(spec.training.seed)
    model = build(spec, layouts, layout)
    trained = train(
        model,
        inputs,
        training,
        validation,
        spec.training,
        folder.path,
        command=f"mmcare train --resume {shlex.quote(str(folder.path))}",
        tell=options.tell,
        fast=options.dry,
        terminal=options.terminal,
    )
    finish(model, inputs, training, validation)
    write_bytes(folder.member() / "weights.safetensors", weights_bytes(model))
    return trained


def _manifest(spec: Spec, trained: Trained) -> Manifest:
    return Manifest(
        name=spec.name,
        kind=spec.kind,
        plugins=plugin_records(part.entry.provider for part in spec.parts()),
        device=trained.device,
        precision=trained.precision,
        epochs=trained.epochs,
        best_epoch=trained.best_epoch,
    )


def _of(splits: Mapping[str, Split], split: Split) -> tuple[str, ...]:
    return tuple(patient for patient, found in splits.items() if found == split)
