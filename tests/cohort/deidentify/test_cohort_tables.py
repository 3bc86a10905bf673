"""Tables in files and in cohorts get the new ids; what cannot be done is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcare.cli.main import main
from mmcare.cohort import read_cohort
from mmcare.cohort.deidentify import Deidentifier, deidentify_cohort_tables, new_key, read_key
from mmcare.cohort.importing.folder import read_dictionary
from mmcare.errors import CohortError, Finding

Capture = pytest.CaptureFixture[str]
DICTIONARY = """\
mmcare_cohort: 1
endpoints:
  os: {time: years, event: dead, horizons: [1]}
columns:
  age: {type: number, unit: years}
"""


def rows(n: int = 12) -> str:
    lines = [f"MRN{i:04d},{0.5 + i if i % 2 else 3 + i},{i % 2},{60 + i},Doe {i},2008-09-{i + 1:02d}" for i in range(n)]
    return "\n".join(["patient_id,years,dead,age,surname,seen", *lines]) + "\n"


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    folder = tmp_path / "cohort"
    folder.mkdir()
    (folder / "cohort.yaml").write_text(DICTIONARY)
    (folder / "patients.csv").write_text(rows())
    return folder


def in_place(cohort: Path, deidentifier: Deidentifier) -> list[Finding]:
    return deidentify_cohort_tables(cohort, read_dictionary(cohort), deidentifier)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    new_key(tmp_path / "study.key")
    return tmp_path / "study.key"


def test_the_tables_of_a_cohort_get_new_ids_in_place(cohort: Path, deidentifier: Deidentifier) -> None:
    findings = in_place(cohort, deidentifier)
    new = read_cohort(cohort)
    assert new.patients == tuple(deidentifier.patient(f"MRN{i:04d}") for i in range(12))
    assert new.table.columns == ("patient_id", "years", "dead", "age", "seen")
    assert new.table.column("age") == tuple(str(60 + i) for i in range(12))
    assert new.table.column("seen")[3] == deidentifier.date("2008-09-04", "MRN0003")
    text = (cohort / "patients.csv").read_text()
    assert "MRN" not in text
    assert "2008-09" not in text
    assert "Doe" not in text
    assert [finding.code for finding in findings] == ["ids-mapped", "column-left-out", "dates-moved"]


def test_rows_that_are_new_stay_and_rows_added_later_are_mapped(cohort: Path, deidentifier: Deidentifier) -> None:
    in_place(cohort, deidentifier)
    once = (cohort / "patients.csv").read_text()
    assert in_place(cohort, deidentifier) == []
    assert (cohort / "patients.csv").read_text() == once
    (cohort / "patients.csv").write_text(f"{once}MRN0099,1.5,1,70,2009-01-01\n")
    in_place(cohort, deidentifier)
    added = f"{deidentifier.patient('MRN0099')},1.5,1,70,{deidentifier.date('2009-01-01', 'MRN0099')}\n"
    assert (cohort / "patients.csv").read_text() == once + added


def test_a_column_that_the_dictionary_needs_is_not_taken_away(cohort: Path, deidentifier: Deidentifier) -> None:
    (cohort / "cohort.yaml").write_text(DICTIONARY + "  surname: {type: category, role: other}\n")
    before = (cohort / "patients.csv").read_text()
    with pytest.raises(CohortError) as caught:
        in_place(cohort, deidentifier)
    assert str(caught.value) == (
        f"{cohort}/patients.csv, surname: tells who a patient is and cannot stay in a de-identified cohort, but "
        "cohort.yaml names it. Take it out of cohort.yaml; of a date, bring the time from the treatment decision."
    )
    assert (cohort / "patients.csv").read_text() == before


def test_a_table_that_is_no_plain_text_is_refused(cohort: Path, deidentifier: Deidentifier) -> None:
    (cohort / "cohort.yaml").write_text(f'{DICTIONARY}patients: {{separator: ";"}}\n')
    (cohort / "patients.csv").write_text(rows().replace(",", ";"))
    with pytest.raises(CohortError) as caught:
        in_place(cohort, deidentifier)
    assert str(caught.value) == (
        f"{cohort}/patients.csv: its ids are to be replaced by new ones, and that is done in plain text tables (CSV, "
        "TSV, UTF-8) only. Make a new table by `mmcare cohort deidentify-table`, and name it in cohort.yaml."
    )


def test_a_table_of_outcomes_is_mapped_by_its_own_column(cohort: Path, deidentifier: Deidentifier) -> None:
    (cohort / "cohort.yaml").write_text(f"{DICTIONARY}outcomes: {{file: outcomes.csv, id: mrn}}\n")
    (cohort / "outcomes.csv").write_text("mrn,years,dead\n" + "".join(f"MRN{i:04d},{i + 1},1\n" for i in range(12)))
    (cohort / "patients.csv").write_text("patient_id,age\n" + "".join(f"MRN{i:04d},{60 + i}\n" for i in range(12)))
    in_place(cohort, deidentifier)
    new = read_cohort(cohort)
    assert new.patients == tuple(deidentifier.patient(f"MRN{i:04d}") for i in range(12))
    assert (cohort / "outcomes.csv").read_text().splitlines()[1] == f"{deidentifier.patient('MRN0000')},1,1"


def test_rows_that_cannot_be_read_are_not_lost(cohort: Path, deidentifier: Deidentifier) -> None:
    (cohort / "patients.csv").write_text(f"{rows()}MRN0099,1\n")
    with pytest.raises(CohortError, match="1 row cannot be read, and would be lost: left out: 1 row without"):
        in_place(cohort, deidentifier)
    assert "MRN0099,1" in (cohort / "patients.csv").read_text()


def test_other_tables_with_old_ids_are_named(cohort: Path, deidentifier: Deidentifier) -> None:
    (cohort / "mutations.maf").write_text("Hugo_Symbol\tTumor_Sample_Barcode\nKRAS\tMRN0003\n")
    (cohort / "panels.tsv").write_text("SAMPLE_ID\tmutations\nX\tP1\n")
    *_, last = in_place(cohort, deidentifier)
    assert str(last) == (
        f"{cohort}/mutations.maf: still holds ids of patients as they were. "
        "Map them: `mmcare cohort deidentify-table`, with `--id` for each column of ids."
    )


def test_the_command_writes_a_table_under_new_ids(cohort: Path, key: Path, tmp_path: Path, capfd: Capture) -> None:
    out = tmp_path / "study.csv"
    arguments = ["cohort", "deidentify-table", f"{cohort}/patients.csv", "--out", str(out), "--key", str(key)]
    assert main([*arguments, "--id", "patient_id"]) == 0
    printed, said = capfd.readouterr()
    assert printed == f"{out}\n"
    assert (
        f"Warning: {cohort}/patients.csv, surname: is left out of the de-identified table: it holds names of persons."
        in said
    )
    deidentifier = Deidentifier(read_key(key, tmp_path / "other")[0])
    assert out.read_text().splitlines()[1].startswith(f"{deidentifier.patient('MRN0000')},3,0,60,")
    assert main([*arguments, "--id", "patient_id"]) == 2
    assert f"Error: {out}: exists; a table is never overwritten.\n  Name another file.\n" in capfd.readouterr().err
    assert main([*arguments[:-4], "--out", f"{tmp_path}/x.csv", *arguments[-2:], "--id", "mrn"]) == 2
    assert "there is no column 'mrn'" in capfd.readouterr().err


def test_a_maf_keeps_its_quotes_and_gets_the_ids_of_the_images(key: Path, tmp_path: Path) -> None:
    maf, out = tmp_path / "m.maf", tmp_path / "new.maf"
    maf.write_text('#version 2.4\nHugo_Symbol\tTumor_Sample_Barcode\tnote\nKRAS\tA7\t5" x\n')
    arguments = ["cohort", "deidentify-table", str(maf), "--out", str(out), "--key", str(key)]
    assert main([*arguments, "--id", "Tumor_Sample_Barcode"]) == 0
    new = Deidentifier(read_key(key, tmp_path / "other")[0]).patient("A7")
    assert out.read_text() == f'Hugo_Symbol\tTumor_Sample_Barcode\tnote\nKRAS\t{new}\t5" x\n'
