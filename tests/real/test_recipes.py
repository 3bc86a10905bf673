"""Recipes on the published files: as many patients and events as published, and the traps of each data set."""

from __future__ import annotations

import csv
import shutil
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from mmcare.cli.main import main
from mmcare.cohort import Cohort, read_cohort
from mmcare.workflow.cohort_check import check_cohort_folder
from mmcare.workflow.cohort_make import Made, make


def made(real_data: Path, recipe: str, folder: str, out: Path) -> tuple[Made, Cohort]:
    result = make(recipe, real_data / folder, out)
    cohort, findings = check_cohort_folder(out)
    assert cohort is not None and not [str(finding) for finding in findings if finding.severity == "error"]
    return result, cohort


def events(cohort: Cohort) -> dict[str, int]:
    layout = cohort.outcome_layout()
    outcomes = cohort.outcomes(layout, cohort.patients)
    return {e.name: int((outcomes.event[:, i] == 1).sum()) for i, e in enumerate(layout.endpoints)}


def said(result: Made) -> dict[str, str]:
    return {finding.code: finding.what for finding in result.findings}


def test_lung1_has_422_patients_and_373_deaths(real_data: Path, tmp_path: Path) -> None:
    result, cohort = made(real_data, "lung1", "lung1-clinical-radiomics", tmp_path / "out")
    assert (len(cohort.patients), events(cohort)) == (422, {"os": 373})
    rows = list(cohort.table.records())
    stages = Counter(row["stage"] for row in rows)
    assert stages == {"I": 93, "II": 40, "IIIa": 112, "IIIb": 176, "": 1}
    assert [sum(not row[name] for row in rows) for name in ("age", "histology", "clinical_t")] == [22, 42, 1]
    with (tmp_path / "out" / "radiomics.csv").open() as file:
        header = next(csv.reader(file))
    assert len(header) == 191 and not {"Survival.time", "deadstatus.event", "age"} & set(header)
    found = said(result)
    assert found["no-features"] == "1 patient without radiomic features: LUNG1-128."
    assert "outcome-differs" not in found, "the copy of the outcomes agrees for all 421"
    early = make("lung1", real_data / "lung1-clinical-radiomics", tmp_path / "early", {"early_stage": "true"})
    assert early.counts["patients"].used == 133


@pytest.mark.slow
def test_lung1_takes_the_images_that_lie_beside_its_tables(
    real_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    shutil.copytree(real_data / "lung1-clinical-radiomics", source)
    with tarfile.open(real_data / "nsclc-radiomics-ct-LUNG1-001" / "LUNG1-001.tar.xz") as archive:
        archive.extractall(source, filter="data")
    assert main(["cohort", "make", "lung1", "--from", str(source), "--out", str(tmp_path / "out")]) == 0
    assert "images: 1 imported" in capfd.readouterr().err
    cohort = read_cohort(tmp_path / "out")
    assert len(cohort.patients) == 422
    assert {"ct", "radiomics"} <= set(cohort.dictionary.modalities)
    assert {path.name for path in (tmp_path / "out" / "ct").iterdir()} >= {"LUNG1-001.nii.gz", "LUNG1-001_gtv.nii.gz"}


def test_tcga_luad_has_453_patients_and_158_deaths_and_its_censorship_is_turned_round(
    real_data: Path, tmp_path: Path
) -> None:
    result, cohort = made(real_data, "tcga-luad", "tcga-luad-porpoise", tmp_path / "out")
    assert (len(cohort.patients), events(cohort)) == (453, {"os": 158})
    assert result.counts["slides"].left_out == {"a further slide of the patient": 62}
    assert said(result)["censorship-turned-round"] == (
        "1 stands for censored (295 patients) and 0 for a death (158): turned round into `os_event`, in which 1 is a "
        "death."
    )
    assert sum(not row["age"] for row in cohort.table.records()) == 10
    with (tmp_path / "out" / "mutations.maf").open() as file:
        mutated = Counter(row["Hugo_Symbol"] for row in csv.DictReader(file, delimiter="\t"))
    assert [mutated[gene] for gene in ("TP53", "KRAS", "KEAP1", "STK11", "EGFR", "ALK")] == [231, 139, 81, 67, 61, 26]
    assert [result.counts[f"genes of {name}"].used for name in ("copy number", "expression")] == [517, 1555]


def test_the_half_of_radiogenomics_has_105_patients_and_28_deaths(real_data: Path, tmp_path: Path) -> None:
    result, cohort = made(real_data, "nsclc-radiogenomics", "nsclc-radiogenomics-half", tmp_path / "out")
    assert (len(cohort.patients), events(cohort)["os"]) == (105, 28)
    assert [result.counts[name].used for name in ("expression", "radiomics")] == [64, 30]
    found = said(result)
    assert found["time-to-death"].startswith("the column counts from surgery for 24 patients who died")
    assert found["no-time"] == (
        "2 patients with a recurrence that is not dated between the CT and the end of follow-up (AMC-044, R01-122): "
        "that time counts as not known."
    )
    rows = {row["patient_id"]: row for row in cohort.table.records()}
    assert not any("not collected" in cell.lower() for row in rows.values() for cell in row.values())
    with (real_data / "nsclc-radiogenomics-half" / "tumour_seed_points_and_os.csv").open() as file:
        published = {row["Case ID"]: row for row in csv.DictReader(file)}
    alive = [p for p, row in published.items() if row["deadstatus.event"] == "0"]
    assert len(alive) > 40
    assert all(float(rows[p]["os_days"]) == float(published[p]["Survival.time"]) for p in alive)
    assert all(rows[p]["os_event"] == published[p]["deadstatus.event"] for p in published)


def test_the_msk_study_comes_through_the_cbioportal_door_too(real_data: Path, tmp_path: Path) -> None:
    result, cohort = made(real_data, "cbioportal", "msk-luad-2020", tmp_path / "out")
    assert (len(cohort.patients), events(cohort)) == (604, {"rfs": 98, "os": 45})
    assert (result.counts["mutations"].used, result.counts["copy number"].used) == (4814, 604)
