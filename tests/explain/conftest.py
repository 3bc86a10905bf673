"""A small cohort with CTs, a table and genomes, a run trained on it for a moment, and its explainer."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import mmcare
from mmcare.cache import Cache
from mmcare.cohort import Cohort, read_cohort
from mmcare.explain import ExplainConfig, Explainer
from mmcare.formats import write_nifti
from mmcare.run import Run
from mmcare.workflow.options import Options

DICTIONARY = """\
mmcare_cohort: 1
patients: {file: patients.csv, id: patient_id}
arms: {column: arm, values: {sbrt: SBRT, surgery: surgical resection}}
endpoints:
  os: {time: years, event: died, horizons: [1, 2]}
columns:
  age: {type: number, unit: years}
  sex: {type: category, levels: [female, male]}
  fev1: {type: number, unit: "%"}
modalities:
  ct: {files: "ct/{patient}.nii.gz", mask: "ct/{patient}_gtv.nii.gz"}
  genomic: {mutations: mutations.maf, panels: panels.tsv, panel_genes: panel_genes.tsv}
"""
SPEC = """\
mmcare: 1
name: small
modalities:
  ct:
    use: ct
    spacing_mm: 3
    size: [16, 16, 16]
    margin_mm: 6
    optional: true
    roi: {use: mask}
    encoder: {use: resnet3d, backbone: resnet10t, stride: 8, dim: 8}
  clinical: {use: table, encoder: {use: mlp, hidden: [8, 8]}}
  genomic: {use: gene-graph, optional: true, encoder: {use: gcn, dim: 8, layers: 1}}
fusion: {use: cross-attention, dim: 8, heads: 2, steps: 1}
head: {use: dual-task, hidden: [], endpoints: {os: {model: discrete}}}
training: {lr: 0.01, max_epochs: 3, batch_size: 16, device: cpu}
decision: {utility: {os: 1.0}, horizon: 2, bootstrap: 0}
"""
GENES = ("EGFR", "KRAS", "TP53", "STK11", "KEAP1")
PATIENTS = 150
AFFINE = np.array([[3.0, 0, 0, -25], [0, 3, 0, -25], [0, 0, 4, -30], [0, 0, 0, 1]])


@dataclass(frozen=True)
class Small:
    """The run, its cohort, and test patients that have everything, no CT, or no genome."""

    run: Run
    cohort: Cohort
    whole: str
    without_ct: str
    without_genome: str


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The run; nobody changes it."""
    folder = tmp_path_factory.mktemp("explain")
    write_small_cohort(folder / "cohort")
    (folder / "spec.yaml").write_text(SPEC)
    options = Options(out=folder / "run", cache=Cache(folder / "cache"))
    run = mmcare.fit(folder / "spec.yaml", folder / "cohort", options=options)
    test = run.folder.patients("test")
    has = {p: (int(p[1:]) % 5 > 0, int(p[1:]) % 3 > 0) for p in test}

    def first(ct: bool, genome: bool) -> str:
        return next(patient for patient, found in has.items() if found == (ct, genome))

    return Small(run, read_cohort(folder / "cohort"), first(True, True), first(False, True), first(True, False))


@pytest.fixture(scope="session")
def explainer(small: Small) -> Explainer:
    """With a budget that leaves nothing to sampling."""
    return Explainer(small.run, small.cohort, ExplainConfig(rows=20_000, background=6))


def write_small_cohort(folder: Path) -> None:
    """150 patients; a fifth has no CT, a third no genome; a survivor is younger and lacks a mutation of TP53."""
    rng = np.random.default_rng(3)
    (folder / "ct").mkdir(parents=True)
    (folder / "cohort.yaml").write_text(DICTIONARY)
    mutations = ["Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\tHGVSp_Short"]
    panels = ["SAMPLE_ID\tmutations"]
    with (folder / "patients.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient_id", "arm", "years", "died", "age", "sex", "fev1"])
        for n in range(PATIENTS):
            patient, died = f"P{n:03d}", int(rng.random() < 0.6)
            years = round(float(0.2 + 2.5 * rng.random()), 4)
            age, fev1 = round(60 + 6 * died + 8 * float(rng.random()), 1), round(60 + 40 * float(rng.random()))
            sex = ("female", "male")[int(rng.random() < 0.5)]
            arm = ("sbrt", "surgery")[n % 2]
            writer.writerow([patient, arm, years, died, age, sex, "" if n % 11 == 0 else fev1])
            if n % 5:
                write_ct(folder / "ct", patient, rng)
            if n % 3:
                panels.append(f"{patient}\tP1")
                for gene in GENES:
                    if rng.random() < (0.6 if gene == "TP53" and died else 0.2):
                        mutations.append(f"{gene}\t{patient}\tMissense_Mutation\tp.A1V")
    (folder / "mutations.maf").write_text("\n".join(mutations) + "\n")
    (folder / "panels.tsv").write_text("\n".join(panels) + "\n")
    (folder / "panel_genes.tsv").write_text("panel\tgene\n" + "".join(f"P1\t{gene}\n" for gene in GENES))


def write_ct(folder: Path, patient: str, rng: np.random.Generator) -> None:
    """A ball of tissue in lung."""
    middle = np.array([8, 8, 7 + rng.integers(-1, 2)])
    distance = np.linalg.norm(np.moveaxis(np.indices((16, 16, 14)), 0, -1) - middle, axis=-1)
    ball = distance < rng.uniform(2, 4)
    values = np.where(ball, 20, -800) + rng.normal(0, 30, ball.shape)
    write_nifti(folder / f"{patient}.nii.gz", values.astype(np.int16), AFFINE)
    write_nifti(folder / f"{patient}_gtv.nii.gz", ball.astype(np.uint8), AFFINE)
