"""The cohort on disk: read by the project's own readers, byte for byte from a seed, its truth out of reach."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from pathlib import Path

import pytest

from mmcare.cohort import read_cohort
from mmcare.errors import MMCareError
from mmcare.synthetic import Draw, draw, patient_id, write_cohort

N = 24


@pytest.fixture(scope="module")
def small() -> Draw:
    return draw("heterogeneous", N, seed=9)


@pytest.fixture(scope="module")
def folder(small: Draw, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("synthetic") / "cohort"
    write_cohort(small, target, size_voxels=8, spacing_mm=6.0)
    return target


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def table(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    write_cohort(draw("heterogeneous", N, seed=9), again, size_voxels=8, spacing_mm=6.0)
    assert digests(again) == digests(folder)
    assert digests(tmp_path / "again.truth") == digests(folder.with_name("cohort.truth"))
    assert len(digests(folder)) == 2 * N + 6


def test_a_larger_cohort_begins_with_the_same_patients(folder: Path, tmp_path: Path) -> None:
    larger = tmp_path / "larger"
    write_cohort(draw("heterogeneous", N + 3, seed=9), larger, size_voxels=8, spacing_mm=6.0)
    assert table(larger / "patients.csv")[:N] == table(folder / "patients.csv")
    few, more = digests(folder / "ct"), digests(larger / "ct")
    assert {name: more[name] for name in few} == few


def test_the_project_reads_it(folder: Path, small: Draw) -> None:
    cohort = read_cohort(folder)
    assert cohort.patients == tuple(patient_id(i) for i in range(N))
    layout = cohort.outcome_layout()
    assert layout.arms == ("sbrt", "surgery")
    assert [(e.name, e.horizons, e.competing) for e in layout.endpoints] == [
        ("os", (1.0, 3.0, 5.0), False),
        ("lc", (1.0, 3.0), True),
    ]
    found, seen = cohort.outcomes(layout, cohort.patients), small.observed
    assert found.arm.tolist() == small.arm.tolist()
    assert found.time[:, 0].tolist() == seen.os_years.tolist(), "full precision"
    assert found.time[:, 1].tolist() == seen.lc_years.tolist()
    assert found.event.T.tolist() == [seen.os_event.tolist(), seen.lc_event.tolist()]


def test_a_table_cell_is_missing_where_nothing_was_measured(folder: Path, small: Draw) -> None:
    for i, row in enumerate(table(folder / "patients.csv")):
        m = small.measured
        assert (row["histology"] == "unknown") == (not m.tissue[i])
        assert (row["pdl1_tps"] == "") == (not m.sequenced[i])
        assert (row["fev1"] == "") == (not m.fev1[i])
        assert float(row["tumour_mm"]) == pytest.approx(small.ct.diameter_mm[i], abs=0.06)


def test_mutations_are_those_that_the_panel_covers(folder: Path, small: Draw) -> None:
    panel = {row["SAMPLE_ID"]: row["mutations"] for row in table(folder / "panels.tsv", "\t")}
    assert set(panel) == {patient_id(i) for i in range(N) if small.measured.sequenced[i]}
    covered = {(row["panel"], row["gene"]) for row in table(folder / "panel_genes.tsv", "\t")}
    assert len(covered) == 24 + 20 + 8
    rows = table(folder / "mutations.maf", "\t")
    assert rows
    for row in rows:
        patient = int(row["Tumor_Sample_Barcode"].removeprefix("SYN-")) - 1
        assert (panel[patient_id(patient)], row["Hugo_Symbol"]) in covered
        assert small.genome.has_change(row["Hugo_Symbol"], row["HGVSp_Short"])[patient]
    true = sum(
        int(small.genome.has(gene)[i])
        for i in range(N)
        for of, gene in covered
        if small.measured.sequenced[i] and small.measured.panel[i] == of
    )
    assert len(rows) == true, "none lost, none added"


def test_both_outcomes_are_known_beside_the_cohort(folder: Path, small: Draw) -> None:
    truth = folder.with_name("cohort.truth")
    world = json.loads((truth / "world.json").read_text())
    assert (world["name"], world["seed"], world["patients"]) == ("heterogeneous", 9, N)
    rows, seen = table(truth / "outcomes.csv"), table(folder / "patients.csv")
    for true, row in zip(rows, seen, strict=True):
        assert true["patient_id"] == row["patient_id"]
        for arm in ("sbrt", "surgery"):
            assert math.isfinite(float(true[f"{arm}_death_years"]))
            assert float(true[f"{arm}_local_failure_years"]) > 0
        death, end = float(true[f"{row['arm']}_death_years"]), float(true["censoring_years"])
        assert float(row["os_years"]) == min(death, end)
    assert [float(row["frailty"]) for row in table(truth / "latents.csv")] == small.latents.frailty.tolist()


def test_nothing_in_the_cohort_leads_to_the_truth(folder: Path) -> None:
    """No file of the cohort names the truth, a latent or the other arm's outcome; no path leaves the folder."""
    text = (folder / "cohort.yaml").read_text()
    assert "truth" not in text and ".." not in text
    columns = set(table(folder / "patients.csv")[0])
    assert not columns & {"frailty", "aggressiveness", "radioresistance", "shared"}
    assert {row["smoking"] for row in table(folder / "patients.csv")} == {"ever", "never"}, "not the latent"
    assert not [name for name in columns if "sbrt" in name or "surgery" in name or "propensity" in name]
    cohort = read_cohort(folder)
    source = cohort.source("clinical", gives="table")
    assert source is not None
    assert not {"arm", "os_years", "os_event", "lc_years", "lc_event"} & set(source.columns)
    assert not [path for path in folder.rglob("*") if path.is_symlink()]


def test_a_folder_in_use_is_left_alone(folder: Path, small: Draw) -> None:
    before = digests(folder)
    with pytest.raises(MMCareError) as caught:
        write_cohort(small, folder, size_voxels=8, spacing_mm=6.0)
    assert str(caught.value) == (
        f"{folder}: exists and is not empty; nothing is ever overwritten. Name another folder, or remove this one."
    )
    assert digests(folder) == before
