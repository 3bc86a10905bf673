"""Evaluate a segmenter: locate, compare with the masks drawn by hand, keep the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from mmcare.cohort import LabelledVolumes, labelled_volumes
from mmcare.components import Mask
from mmcare.errors import Finding
from mmcare.evaluation import MaskFigures, SegmentationMetrics, dice, hausdorff_95_mm, summarise
from mmcare.inputs import Progress
from mmcare.run import SegmenterRun, segmenter_key
from mmcare.workflow.keep import keep_metrics

__all__ = ["evaluate_segmenter"]

DRAWS = 1000


def evaluate_segmenter(
    run: SegmenterRun,
    folder: str | Path | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Progress | None = None,
    tell_findings: Callable[[Iterable[Finding]], None] = lambda findings: None,
) -> SegmentationMetrics:
    """Dice and the 95th percentile of the Hausdorff distance, on each volume's own grid.

    Args:
        run: A segmenter's run.
        folder: Another cohort or Decathlon folder, all of whose masks are scored; by default the test patients of the
            run's own, whose figures are kept in the run.
        draws: Bootstrap samples of the intervals.
        seed: Of the bootstrap.
        progress: Told how far it is: a volume of full resolution takes a while.
        tell_findings: Given what is worth saying.

    Raises:
        CohortError: The folder holds no volumes with masks, or a file cannot be used.
        RunError: The run's split left no test patients, and no folder is given.
    """
    volumes, patients, findings = _patients(run, folder)
    tell_findings(findings)
    each = []
    for done, patient in enumerate(patients, 1):
        each.append(_figures(run, volumes, patient))
        if progress is not None:
            progress("locating tumours", done, len(patients))
    metrics = SegmentationMetrics(
        run=run.path.name,
        patients="test patients of the run's own volumes" if folder is None else str(volumes.root),
        bootstrap=draws,
        dice=summarise([found.dice for found in each], draws, seed),
        hausdorff_95_mm=summarise([found.hausdorff_95_mm for found in each], draws, seed),
        nothing_found=sum(found.found_ml == 0 for found in each),
        each=tuple(each),
        notes=tuple(map(str, findings)),
    )
    if folder is None:
        tell_findings(keep_metrics(run.folder, metrics))
    return metrics


def _patients(run: SegmenterRun, folder: str | Path | None) -> tuple[LabelledVolumes, tuple[str, ...], list[Finding]]:
    if folder is not None:
        volumes = labelled_volumes(Path(folder), segmenter_key(run.spec))
        return volumes, volumes.patients, []
    volumes, findings = run.training_volumes()
    return volumes, run.folder.test_patients(), findings


def _figures(run: SegmenterRun, volumes: LabelledVolumes, patient: str) -> MaskFigures:
    volume = volumes.read(patient)
    assert volume.mask is not None, "it was read with its mask"
    located = run.segmenter.locate(volume)
    found = located.values if isinstance(located, Mask) else np.zeros_like(volume.mask)
    distance = hausdorff_95_mm(found, volume.mask, volume.spacing_mm)
    millilitres = float(np.prod(volume.spacing_mm)) / 1000
    return MaskFigures(
        patient=patient,
        dice=dice(found, volume.mask),
        hausdorff_95_mm=None if np.isnan(distance) else distance,
        truth_ml=np.count_nonzero(volume.mask) * millilitres,
        found_ml=np.count_nonzero(found) * millilitres,
    )
