"""A planted world: one strong cause a modality, hazards known, everything else as in the synthetic cohort.

The log hazard of death is the sum of: log 2 an SD of the tumour's log diameter (to be seen in the CT alone), log 2 an
SD of age (in the table alone), log 4 for a mutation of TP53 (in the genome alone). So a patient one SD above the mean
has four times the hazard of one an SD below it, and a mutated one four times that of one who is not.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mmcare.synthetic import draw, write_cohort
from mmcare.synthetic.genome import GENES, PANELS

HAZARD_A_YEAR = 0.12
DICTIONARY_CHANGES = (("  tumour_mm: {type: number, unit: mm}\n", ""), ("  pdl1_tps:", "  # pdl1_tps:"))
GENE = "TP53"


@dataclass(frozen=True)
class Planted:
    """A planted cohort, and what is known of it.

    Attributes:
        cohort: Folder.
        causes: Log hazard by modality, (n,) each; their sum is the whole.
        death_years: (n,) of everyone, also of those whose follow-up ended before.
    """

    cohort: Path
    causes: dict[str, np.ndarray]
    death_years: np.ndarray

    def log_hazard(self, modalities: tuple[str, ...]) -> np.ndarray:
        """What an oracle knows that sees these modalities."""
        return np.sum([self.causes[name] for name in modalities], axis=0)


def plant(folder: Path, n: int, seed: int) -> Planted:
    """Write a cohort of n patients at the demo's size."""
    drawn = draw("heterogeneous", n, seed)
    widest = max(PANELS, key=lambda name: len(PANELS[name]))
    drawn = replace(drawn, measured=replace(drawn.measured, panel=np.full(n, widest)))
    write_cohort(drawn, folder, size_voxels=36, spacing_mm=3.0)
    mutated = drawn.genome.variant[:, [gene.name for gene in GENES].index(GENE)] >= 0
    causes = {
        "ct": np.log(2) * _standard(np.log(drawn.ct.diameter_mm)),
        "clinical": np.log(2) * _standard(drawn.clinical.age_years),
        "genomic": np.log(4) * mutated.astype(float),
    }
    rng = np.random.default_rng([seed, n])
    log_hazard = np.sum(list(causes.values()), axis=0)
    death = rng.exponential(1 / (HAZARD_A_YEAR * np.exp(log_hazard - log_hazard.mean())))
    end = np.minimum(rng.exponential(8, n) + 0.5, 8)
    _rewrite(folder, death, end, rng.integers(0, 2, n))
    return Planted(folder, causes, death)


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


def _rewrite(folder: Path, death: np.ndarray, end: np.ndarray, arm: np.ndarray) -> None:
    """The planted outcomes and a random treatment in place of the world's own; no tumour size in the table."""
    with (folder / "patients.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, died, ended, code in zip(rows, death, end, arm, strict=True):
        row.update(arm=("sbrt", "surgery")[code], os_years=repr(float(min(died, ended))), os_event=int(died <= ended))
    with (folder / "patients.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    text = (folder / "cohort.yaml").read_text()
    for old, new in DICTIONARY_CHANGES:
        assert old in text, "the synthetic cohort's dictionary changed"
        text = text.replace(old, new)
    lines = [line for line in text.splitlines() if not line.strip().startswith("lc:")]
    (folder / "cohort.yaml").write_text("\n".join(lines) + "\n")
