"""A finished run of a segmenter."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmcare.cohort import LabelledVolumes, labelled_volumes
from mmcare.components import Segmenter
from mmcare.errors import Finding, RunError, Severity
from mmcare.model import build_segmenter
from mmcare.registry import SegmenterConfig
from mmcare.run.folder import RunFolder, open_run_folder
from mmcare.run.manifest import Manifest
from mmcare.run.plugins import check_plugins, installed_versions
from mmcare.run.predictor import load_weights
from mmcare.spec import Spec, load_spec

__all__ = ["SegmenterRun", "load_segmenter_run", "segmenter_key"]


@dataclass(frozen=True)
class SegmenterRun:
    """A trained segmenter.

    Attributes:
        folder: Its files.
        manifest: What the run says of itself.
        spec: The resolved spec.
        segmenter: In eval mode.
    """

    folder: RunFolder
    manifest: Manifest
    spec: Spec
    segmenter: Segmenter[Any] = field(repr=False)

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    def training_volumes(self) -> tuple[LabelledVolumes, list[Finding]]:
        """The volumes that it was trained on, and a warning where they changed since.

        Raises:
            CohortError: They are no longer there.
        """
        record = self.folder.cohort()
        volumes = labelled_volumes(Path(record.path), segmenter_key(self.spec))
        if volumes.fingerprint() == record.fingerprint:
            return volumes, []
        what = "the volumes changed since training: their fingerprint differs from the run's."
        return volumes, [Finding(file=volumes.root, what=what, severity=Severity.WARNING, code="changed")]


def segmenter_key(spec: Spec) -> str:
    """The cohort's modality whose volumes and masks a segmenter's spec reads."""
    assert spec.segmenter is not None and isinstance(spec.segmenter.config, SegmenterConfig), "a segmenter's spec"
    return spec.segmenter.config.from_


def load_segmenter_run(path: str | Path, *, allow_local_code: bool = False) -> SegmenterRun:
    """Open a finished run of a segmenter.

    Args:
        path: The run folder.
        allow_local_code: Whether single-file plugins that the run brings along may run.

    Raises:
        RunError: As `load_run`, or the run is none of a segmenter.
    """
    folder, manifest = open_run_folder(Path(path))
    if manifest.kind != "segmenter":
        what = f"is a run of a {manifest.kind}, not of a segmenter."
        raise RunError(Finding(file=folder.path, what=what, todo="Open it with `mmcare.load_run`.", code="kind"))
    wrong = check_plugins(folder.path, manifest.plugins, installed_versions())
    if wrong:
        raise RunError(wrong)
    spec = load_spec(folder.spec, allow_local_code=allow_local_code).without_weights()
    folder.require_kind(manifest, spec.kind)
    assert spec.segmenter is not None, "its kind is segmenter"
    segmenter = build_segmenter(spec.segmenter)
    load_weights(segmenter, folder.member() / "weights.safetensors")
    return SegmenterRun(folder, manifest, spec, segmenter.eval())
