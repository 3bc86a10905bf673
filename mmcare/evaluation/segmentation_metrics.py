"""All figures of a segmenter, typed, as they stand in its run's `metrics.json`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from pydantic import BaseModel, ConfigDict

from mmcare.evaluation.bootstrap import bootstrap_interval, resamples

__all__ = ["MaskFigures", "SegmentationMetrics", "Summary", "summarise"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MaskFigures(_Model):
    """One patient's mask.

    Attributes:
        patient: Id.
        dice: In [0, 1].
        hausdorff_95_mm: None where nothing was found.
        truth_ml: Volume of the mask drawn by hand.
        found_ml: Volume of the segmenter's mask; 0 where it found nothing.
    """

    patient: str
    dice: float
    hausdorff_95_mm: float | None
    truth_ml: float
    found_ml: float


class Summary(_Model):
    """A mean over patients with its 95 % bootstrap interval, and the median; None where nobody has the figure."""

    mean: float | None
    lower: float | None
    upper: float | None
    median: float | None
    patients: int


class SegmentationMetrics(_Model):
    """Figures of a segmenter's run.

    Attributes:
        run: Name of its folder.
        patients: Whose volumes were scored.
        bootstrap: Samples of the intervals.
        dice: Over all patients; where nothing was found it is 0.
        hausdorff_95_mm: Over the patients in whom something was found.
        nothing_found: Number of patients in whom nothing was found.
        each: By patient.
        notes: What else is to be known.
    """

    run: str
    patients: str
    bootstrap: int
    dice: Summary
    hausdorff_95_mm: Summary
    nothing_found: int
    each: tuple[MaskFigures, ...]
    notes: tuple[str, ...] = ()


def summarise(values: Iterable[float | None], draws: int, seed: int) -> Summary:
    """Mean, its percentile bootstrap interval over patients, and median of the values that are there.

    Args:
        values: One a patient; None where there is none.
        draws: Bootstrap samples.
        seed: Of the bootstrap.
    """
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if not len(known):
        return Summary(mean=None, lower=None, upper=None, median=None, patients=0)
    samples = resamples(np.zeros(len(known), dtype=np.int64), draws, seed)
    interval = bootstrap_interval(lambda index: float(known[index].mean()), samples) if len(known) > 1 else None
    lower, upper = interval if interval is not None else (None, None)
    return Summary(
        mean=float(known.mean()), lower=lower, upper=upper, median=float(np.median(known)), patients=len(known)
    )
