"""The truth of a synthetic cohort read back from its folder: for judging, never for training."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmcare.errors import CohortError, Finding
from mmcare.synthetic.curves import Curves
from mmcare.synthetic.random import Floats

__all__ = ["KnownTruth", "read_truth"]


@dataclass(frozen=True, slots=True)
class KnownTruth:
    """Curves of all patients of a cohort.

    Attributes:
        patients: Their ids, in the order of the arrays.
        arms: Names of the arms, in the order of the arrays.
        years: (T,) times of the curves.
        latent: Given latents (level 2).
        oracles: By modality set (`clinical+ct`), given what it shows (level 3); empty where none was computed.
    """

    patients: tuple[str, ...]
    arms: tuple[str, ...]
    years: Floats
    latent: Curves
    oracles: Mapping[str, Curves]


def read_truth(cohort: Path | str) -> KnownTruth:
    """The truth that lies beside a synthetic cohort, in `NAME.truth`.

    Args:
        cohort: The cohort's folder.

    Raises:
        CohortError: There is no truth beside it, or it is damaged.
    """
    cohort = Path(cohort)
    file = cohort.resolve().with_name(f"{cohort.resolve().name}.truth") / "curves.npz"
    if not file.is_file():
        what = "there is no such file: the truth of a synthetic cohort is looked for beside its folder."
        todo = "Draw the cohort with `mmcare cohort synth`; real cohorts have none."
        raise CohortError(Finding(file=file, what=what, todo=todo, code="no-truth"))
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return _known(arrays)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError) as error:
        what = f"is damaged, or not what `mmcare cohort synth` writes ({type(error).__name__})."
        todo = "Draw the cohort again: the same world, number and seed give the same."
        raise CohortError(Finding(file=file, what=what, todo=todo, code="damaged-truth")) from error


def _known(arrays: Mapping[str, np.ndarray]) -> KnownTruth:  # type: ignore[type-arg]
    sets = arrays["modality_sets"].tolist() if "modality_sets" in arrays else []
    return KnownTruth(
        patients=tuple(arrays["patient_id"].tolist()),
        arms=tuple(arrays["arms"].tolist()),
        years=arrays["years"],
        latent=_curves(arrays["latent_survival"], arrays["latent_local_failure"]),
        oracles={
            name: _curves(arrays["oracle_survival"][m], arrays["oracle_local_failure"][m])
            for m, name in enumerate(sets)
        },
    )


def _curves(survival: np.ndarray, failure: np.ndarray) -> Curves:  # type: ignore[type-arg]
    return Curves(survival.astype(np.float64), failure.astype(np.float64))
