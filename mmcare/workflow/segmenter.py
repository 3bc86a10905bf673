"""From a spec of a segmenter and volumes with masks to a finished run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from mmcare.cohort import LabelledVolumes, labelled_volumes, split_patients
from mmcare.components import Segmenter
from mmcare.errors import Finding, Severity, SpecError
from mmcare.formats.atomic import write_bytes
from mmcare.inputs import SegmenterVolumes
from mmcare.model import build_segmenter
from mmcare.run import RunFolder
from mmcare.run.segmenter_run import SegmenterRun, load_segmenter_run, segmenter_key
from mmcare.run.starting import read_starting
from mmcare.run.store import read_splits
from mmcare.spec import ResolvedPart, Spec, load_spec
from mmcare.training import Loop, Trained, choose_place, train_segmenter, weights_bytes
from mmcare.workflow.begun import Begun, begin, resume_command, stoppable
from mmcare.workflow.manifest import manifest_of
from mmcare.workflow.members import check_members
from mmcare.workflow.options import Options
from mmcare.workflow.segmenter_card import write_segmenter_card
from mmcare.workflow.settings_checks import check_settings

__all__ = ["complete_segmenter", "fit_segmenter", "make_segmenter_run"]


def fit_segmenter(
    spec: Spec | str | Path,
    folder: str | Path,
    *,
    overrides: Sequence[str] = (),
    plugins: Sequence[Path] = (),
    allow_local_code: bool = False,
    options: Options | None = None,
) -> SegmenterRun:
    """Train a segmenter on volumes with masks.

    Args:
        spec: A spec with `segmenter:`, or its file.
        folder: A cohort folder, or a Medical Segmentation Decathlon folder.
        overrides: Changes to the spec's file.
        plugins: Single-file plugins; naming them here is the consent to run them.
        allow_local_code: Whether single-file plugins that the spec itself names may run.
        options: How the run is made.

    Returns:
        The finished run, opened from its folder.

    Raises:
        SpecError: The spec is wrong, describes no segmenter, or one that has nothing to learn.
        CohortError: The folder holds no volumes with masks, or a file cannot be used.
        RunError: The run folder cannot be written, or training failed.
    """
    options = options or Options()
    if not isinstance(spec, Spec):
        spec = load_spec(spec, overrides, plugins=plugins, allow_local_code=allow_local_code)
    _require_kind(spec)
    check_members(spec, options.members)
    volumes = labelled_volumes(Path(folder), segmenter_key(spec))
    return make_segmenter_run(spec, volumes, options, Begun(reference=False))


def make_segmenter_run(spec: Spec, volumes: LabelledVolumes, options: Options, begun: Begun) -> SegmenterRun:
    """A new run of a segmenter's spec; all that can be refused is refused before its folder is made."""
    _require_parameters(spec)
    options.tell_findings(_left_out(volumes))
    alike: Mapping[str, tuple[object, ...]] = dict.fromkeys(volumes.patients, ())
    splits = split_patients(volumes.patients, alike, spec.split.fractions, spec.split.seed)
    options.tell_findings(check_settings(spec, list(splits.values()).count("training")))
    choose_place(spec.training)
    with begin(spec, volumes, splits, begun, options.out) as folder:
        return complete_segmenter(folder, spec, volumes, begun, options)


def complete_segmenter(
    folder: RunFolder, spec: Spec, volumes: LabelledVolumes, begun: Begun, options: Options
) -> SegmenterRun:
    """Bring a begun run to its end; its folder is locked by the caller."""
    segmenter = _build(folder, spec)
    seen = SegmenterVolumes(volumes, segmenter, _part(spec), options.cache)
    with stoppable(folder, spec, "the volumes were read; the split is kept, and volumes are in the cache"):
        seen.prepare((*folder.patients("training"), *folder.patients("validation")), options.progress)
    trained = _train(folder, spec, segmenter, seen, begun, options)
    with stoppable(folder, spec, "the run was finished; all epochs are kept"):
        write_bytes(folder.member() / "weights.safetensors", weights_bytes(segmenter))
        manifest = manifest_of(spec, trained)
        write_segmenter_card(folder, spec, manifest, read_splits(folder.splits))
        folder.finish(manifest)
    return load_segmenter_run(folder.path, allow_local_code=True)


def _train(
    folder: RunFolder,
    spec: Spec,
    segmenter: Segmenter[Any],
    seen: SegmenterVolumes,
    begun: Begun,
    options: Options,
) -> Trained:
    place = choose_place(spec.training)
    options.tell(f"training on {place}")
    command = resume_command(folder, spec)
    loop = Loop(folder.path, place, command, options.tell, options.epoch_progress, dry=begun.dry_run)
    training, validation = folder.patients("training"), folder.patients("validation")
    with stoppable(folder, spec, "training was prepared; the finished epochs are kept"):
        return train_segmenter(segmenter, seen, training, validation, spec.training, loop)


def _build(folder: RunFolder, spec: Spec) -> Segmenter[Any]:
    torch.manual_seed(spec.training.seed)
    segmenter = build_segmenter(_part(spec), read_starting(folder, spec))
    return segmenter.requires_grad_(True)  # `freeze` is said of a segmenter within a model


def _part(spec: Spec) -> ResolvedPart:
    assert spec.segmenter is not None, "a segmenter's spec"
    return spec.segmenter


def _require_kind(spec: Spec) -> None:
    if spec.kind != "segmenter":
        what = f"describes a {spec.kind}, no segmenter."
        raise SpecError(Finding(what=f"the spec {spec.name} {what}", todo="Use `mmcare.fit`."))


def _require_parameters(spec: Spec) -> None:
    if not build_segmenter(_part(spec.without_weights())).learns:
        what = f"`{_part(spec).entry.component.name}` has nothing to learn."
        raise SpecError(
            spec.locate("segmenter.use", Finding(what=what, todo="Name one that learns, such as `unet3d`."))
        )


def _left_out(volumes: LabelledVolumes) -> list[Finding]:
    reasons = list(volumes.left_out.values())
    counted = ", ".join(f"{reasons.count(reason)} with {reason}" for reason in sorted(set(reasons)))
    if not counted:
        return []
    what = f"{len(reasons)} patients are left out: {counted}."
    return [Finding(file=volumes.root, what=what, severity=Severity.NOTE, code="left-out")]
