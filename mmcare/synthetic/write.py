"""A synthetic cohort on disk, in the formats of real ones; its truth in a folder beside it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from mmcare.formats import write_nifti
from mmcare.formats.atomic import new_folder, write_text
from mmcare.synthetic.ct import render
from mmcare.synthetic.draw import Draw
from mmcare.synthetic.genome import DATA, GENES, PANELS, variants
from mmcare.synthetic.hazards import ARMS

__all__ = ["CT_ENTRY", "DICTIONARY", "Progress", "patient_id", "table", "write_cohort", "write_tables", "write_truth"]

Progress = Callable[[str, int, int], None]

CT_ENTRY = '  ct: {files: "ct/{patient}.nii.gz", mask: "ct/{patient}_gtv.nii.gz"}\n'
DICTIONARY = """\
# A synthetic cohort, drawn from a written-down causal model. No patient is real.
mmcare_cohort: 1
patients: {file: patients.csv, id: patient_id}
arms: {column: arm, values: {sbrt: stereotactic body radiotherapy, surgery: surgical resection}}
endpoints:
  os: {time: os_years, event: os_event, unit: years, codes: {0: censored, 1: event}, horizons: [1, 3, 5]}
  lc: {time: lc_years, event: lc_event, unit: years, codes: {0: censored, 1: event, 2: competing}, horizons: [1, 3]}
columns:
  age: {type: number, unit: years}
  sex: {type: category, levels: [female, male]}
  fev1: {type: number, unit: "% of predicted"}
  dlco: {type: number, unit: "% of predicted"}
  charlson: {type: number, unit: points}
  ecog: {type: number, unit: points}
  smoking: {type: category, levels: [ever, never]}
  pack_years: {type: number, unit: pack-years}
  histology: {type: category, levels: [adenocarcinoma, other, squamous, unknown]}
  tumour_mm: {type: number, unit: mm}
  pdl1_tps: {type: number, unit: "%", role: genomic}
  site: {type: category, role: site}
confounders:  # these decide nobody's treatment here, beyond what the columns tell
  operability: []
  frailty: []
modalities:
  ct: {files: "ct/{patient}.nii.gz", mask: "ct/{patient}_gtv.nii.gz"}
  genomic:
    mutations: mutations.maf
    panels: panels.tsv
    panel_genes: panel_genes.tsv
    network: network.tsv
    available_at: decision
"""


def patient_id(number: int) -> str:
    """`SYN-00001` for patient 0."""
    return f"SYN-{number + 1:05d}"


def write_cohort(
    draw: Draw,
    folder: Path,
    *,
    size_voxels: int = 64,
    spacing_mm: float = 1.5,
    progress: Progress | None = None,
) -> None:
    """Write a drawn cohort to `folder`, and its truth to the sibling `NAME.truth`; each whole, or not at all.

    The same draw gives the same bytes.

    Args:
        draw: The cohort.
        folder: Must not exist, or be empty.
        size_voxels: Voxels of a CT along each axis.
        spacing_mm: Their size.
        progress: Told how many CTs are written.

    Raises:
        MMCareError: The folder is not empty, or cannot be written.
    """
    with new_folder(folder) as beside, new_folder(folder.with_name(f"{folder.name}.truth")) as truth:
        write_truth(draw, truth)
        world = {**asdict(draw.world), "seed": draw.seed, "patients": len(draw)}
        write_text(truth / "world.json", json.dumps(world, indent=1) + "\n")
        write_tables(draw, beside, DICTIONARY)
        _write_cts(draw, beside / "ct", size_voxels, spacing_mm, progress)


def write_tables(draw: Draw, folder: Path, dictionary: str) -> None:
    """All of a cohort but its CTs: dictionary, patients, mutations, panels, network."""
    write_text(folder / "cohort.yaml", dictionary)
    write_text(folder / "patients.csv", table(_PATIENTS, _patients(draw)))
    _write_genomes(draw, folder)


def _write_cts(draw: Draw, folder: Path, size: int, spacing: float, progress: Progress | None) -> None:
    folder.mkdir()
    for number in range(len(draw)):
        ct = render(draw.ct, draw.sites, int(draw.latents.site[number]), draw.seed, number, size, spacing)
        write_nifti(folder / f"{patient_id(number)}.nii.gz", ct.hu, ct.affine)
        write_nifti(folder / f"{patient_id(number)}_gtv.nii.gz", ct.mask, ct.affine)
        if progress is not None:
            progress("drawing CTs", number + 1, len(draw))


_PATIENTS = (
    *("patient_id", "arm", "os_years", "os_event", "lc_years", "lc_event", "age", "sex", "fev1", "dlco", "charlson"),
    *("ecog", "smoking", "pack_years", "histology", "tumour_mm", "pdl1_tps", "site"),
)


def _patients(draw: Draw) -> Iterable[Sequence[object]]:
    c, o, m = draw.clinical, draw.observed, draw.measured
    histology = np.where(c.adenocarcinoma, "adenocarcinoma", np.where(c.squamous, "squamous", "other"))
    tps = draw.genome.pdl1_tps
    for i in range(len(draw)):
        yield (
            patient_id(i),
            ARMS[draw.arm[i]],
            repr(float(o.os_years[i])),
            int(o.os_event[i]),
            repr(float(o.lc_years[i])),
            int(o.lc_event[i]),
            f"{c.age_years[i]:.1f}",
            "female" if c.female[i] else "male",
            f"{c.fev1[i]:.0f}" if m.fev1[i] else "",
            f"{c.dlco[i]:.0f}" if m.dlco[i] else "",
            int(c.charlson[i]),
            int(c.ecog[i]),
            "never" if c.never_smoked[i] else "ever",
            f"{c.pack_years[i]:.0f}",
            histology[i] if m.tissue[i] else "unknown",
            f"{draw.ct.diameter_mm[i]:.1f}",
            f"{tps[i]:.0f}" if m.sequenced[i] else "",
            int(draw.latents.site[i]),
        )


def _write_genomes(draw: Draw, folder: Path) -> None:
    panel = draw.measured.panel
    sequenced = [i for i in range(len(draw)) if panel[i]]
    columns = ("Hugo_Symbol", "Tumor_Sample_Barcode", "Variant_Classification", "HGVSp_Short")
    write_text(folder / "mutations.maf", table(columns, _mutations(draw, sequenced), tabs=True))
    pairs = ((patient_id(i), panel[i]) for i in sequenced)
    write_text(folder / "panels.tsv", table(("SAMPLE_ID", "mutations"), pairs, tabs=True))
    covered = ((name, gene.name) for name, genes in PANELS.items() for gene in GENES if gene.name in genes)
    write_text(folder / "panel_genes.tsv", table(("panel", "gene"), covered, tabs=True))
    text = (DATA / "network.tsv").read_text(encoding="utf-8")
    write_text(folder / "network.tsv", text.split("\n", 1)[1])


def _mutations(draw: Draw, sequenced: Sequence[int]) -> Iterable[Sequence[object]]:
    for i in sequenced:
        for column, gene in enumerate(GENES):
            chosen = int(draw.genome.variant[i, column])
            if chosen >= 0 and gene.name in PANELS[str(draw.measured.panel[i])]:
                variant = variants()[gene.name][chosen]
                yield gene.name, patient_id(i), variant.classification, variant.protein_change


def write_truth(draw: Draw, folder: Path) -> None:
    """`latents.csv` and `outcomes.csv`: what nobody can know of a patient."""
    latents = ("age", "smoking", "frailty", "aggressiveness", "radioresistance", "shared", "site")
    rows = zip(*(getattr(draw.latents, name).tolist() for name in latents), strict=True)
    numbered = ((patient_id(i), *row) for i, row in enumerate(rows))
    write_text(folder / "latents.csv", table(("patient_id", *latents), numbered))
    write_text(folder / "outcomes.csv", table(_OUTCOMES, _outcomes(draw)))


_OUTCOMES = (
    "patient_id",
    *(f"{arm}_{what}" for arm in ARMS for what in ("local_failure_years", "death_years", "cause_of_death")),
    "censoring_years",
    "propensity_sbrt",
)


def _outcomes(draw: Draw) -> Iterable[Sequence[object]]:
    for i in range(len(draw)):
        courses = [
            value
            for times in draw.times
            for value in (repr(float(times.local_failure[i])), repr(float(times.death[i])), int(times.cause[i]))
        ]
        yield patient_id(i), *courses, repr(float(draw.observed.censoring[i])), repr(float(draw.propensity[i]))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], tabs: bool = False) -> str:
    """Text of a CSV file, or with tabs."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t" if tabs else ",", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
