"""Random numbers of one patient and one stage: the same whatever the size of the cohort and whatever the world."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, pdtr, pdtrik

__all__ = ["COHORT_WIDE", "Floats", "normals", "poisson_quantile", "stage_uniforms"]

Floats = npt.NDArray[np.float64]
COHORT_WIDE = 99


def stage_uniforms(seed: int, stage: int, patients: int | Sequence[int], count: int) -> Floats:
    """(n, count) uniforms in (0, 1): row i from SeedSequence(seed, spawn_key=(stage, i)).

    Args:
        seed: Of the cohort.
        stage: Number of the stage of the causal model.
        patients: n for patients 0..n-1, or the patients' numbers.
        count: Uniforms a patient, fixed for a stage.
    """
    numbers = range(patients) if isinstance(patients, int) else patients
    drawn = np.empty((len(numbers), count))
    for row, i in enumerate(numbers):
        np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(stage, i)))).random(out=drawn[row])
    return np.clip(drawn, 1e-15, 1 - 1e-15)


def normals(uniforms: Floats) -> Floats:
    """Standard normal quantiles of uniforms."""
    return np.asarray(ndtri(uniforms))


def poisson_quantile(uniforms: Floats | float, rate: Floats | float) -> Floats:
    """Smallest count whose Poisson distribution function reaches a uniform; scipy.stats would take a second to load."""
    above = np.ceil(pdtrik(uniforms, rate))
    below = np.maximum(above - 1, 0)
    return np.where(pdtr(below, rate) >= uniforms, below, above)
