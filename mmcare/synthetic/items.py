"""What a set of modalities shows of a patient: what an oracle may condition on, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from enum import Flag, auto
from typing import Any, TypeVar

import numpy as np
from scipy.special import ndtri

from mmcare.synthetic.draw import Draw, Measured
from mmcare.synthetic.genome import GENES, PANELS, Genome
from mmcare.synthetic.persons import Bools, Clinical, CTParameters
from mmcare.synthetic.random import Floats

__all__ = ["MODALITY_SETS", "Items", "Modalities", "items_of", "taken", "with_complete_genome"]


class Modalities(Flag):
    """A set of modalities; tumour size in mm is of the table as of the CT."""

    CLINICAL = auto()
    CT = auto()
    GENOMIC = auto()


MODALITY_SETS = {
    "clinical": Modalities.CLINICAL,
    "ct": Modalities.CT,
    "genomic": Modalities.GENOMIC,
    "clinical+ct": Modalities.CLINICAL | Modalities.CT,
    "clinical+genomic": Modalities.CLINICAL | Modalities.GENOMIC,
    "ct+genomic": Modalities.CT | Modalities.GENOMIC,
    "clinical+ct+genomic": Modalities.CLINICAL | Modalities.CT | Modalities.GENOMIC,
}
Parts = TypeVar("Parts")
_GENES = tuple(gene.name for gene in GENES)


@dataclass(frozen=True, slots=True)
class Items:
    """All that can be observed at the decision, of n patients; no latent, no arm, no outcome.

    Attributes:
        z: (n,) from age; where age is cut at 45 or 90, the cut value.
        age_cut: (n,) -1 at 45, 1 at 90, else 0.
        log_mm: (n,) ld = log(d / 20 mm); where d is cut at 8 or 50 mm, the cut value.
        size_cut: (n,) -1 at 8 mm, 1 at 50 mm, else 0.
        core: (n,) q_c where part-solid, else NaN.
        spicules: (n,) q_s. texture: (n,) q_h.
        covered: (n, 24) whether the panel covers that gene; none where nothing was sequenced.
    """

    clinical: Clinical
    ct: CTParameters
    genome: Genome
    measured: Measured
    z: Floats
    age_cut: Floats
    log_mm: Floats
    size_cut: Floats
    core: Floats
    spicules: Floats
    texture: Floats
    covered: Bools

    def __len__(self) -> int:
        return len(self.z)

    def take(self, rows: np.ndarray) -> Items:  # type: ignore[type-arg]
        """Those patients only."""
        return taken(self, rows)


def items_of(draw: Draw) -> Items:
    """What can be observed of a drawn cohort."""
    age, size, solid = draw.clinical.age_years, draw.ct.diameter_mm, draw.ct.solid
    part = (solid > 0) & (solid < 1)
    panels = {"": np.zeros(len(_GENES), dtype=bool)} | {
        name: np.array([gene in covered for gene in _GENES]) for name, covered in PANELS.items()
    }
    return Items(
        clinical=draw.clinical,
        ct=draw.ct,
        genome=draw.genome,
        measured=draw.measured,
        z=(age - 70) / 8.5,
        age_cut=np.where(age >= 90, 1.0, np.where(age <= 45, -1.0, 0.0)),
        log_mm=np.log(size / 20),
        size_cut=np.where(size >= 50, 1.0, np.where(size <= 8, -1.0, 0.0)),
        core=np.where(part, (solid - 0.05) / 0.9 * 1.255 - 1.645, np.nan),
        spicules=ndtri(draw.ct.spiculation),
        texture=ndtri(draw.ct.heterogeneity),
        covered=np.stack([panels[str(panel)] for panel in draw.measured.panel]),
    )


def with_complete_genome(measured: Measured) -> Measured:
    """As if everyone had tissue, sequenced by the full panel: what a genome could tell at best."""
    n = len(measured.tissue)
    return Measured(np.ones(n, dtype=bool), np.full(n, "PANEL24"), measured.fev1, measured.dlco)


def taken(parts: Parts, rows: np.ndarray) -> Parts:  # type: ignore[type-arg]
    """Those rows of every array of a dataclass, and of the dataclasses within; other values stay."""
    values = {field.name: getattr(parts, field.name) for field in fields(parts)}  # type: ignore[arg-type]
    return type(parts)(**{name: _of_value(value, rows) for name, value in values.items()})


def _of_value(value: Any, rows: np.ndarray) -> Any:  # type: ignore[type-arg]
    if isinstance(value, np.ndarray):
        return value[rows]
    return taken(value, rows) if is_dataclass(value) else value
