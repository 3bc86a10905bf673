"""Tables under the new ids: what may stay stays, each column that goes is named, no cell is quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcare.cohort.deidentify import Deidentifier, deidentified_table
from mmcare.errors import CohortError
from mmcare.formats import read_table

CSV = """\
patient_id,surname,dob,mrn,surgery_date,seen,visit,note,age,arm,scan,empty
MRN0001,Doe,1931-07-04,77,2008-09-18,9/8/2008,20080918,,61,sbrt,ct/MRN0001.nii.gz,
MRN0002,Meier,1940-01-02,78,2010-01-02,1/2/2010,20100102,saw MRN0002 twice,62,surgery,ct/MRN0002.nii.gz,
MRN0002,Meier,1940-01-02,78,,1/2/2010,20100103,,62,surgery,ct/MRN0002.nii.gz,
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "patients.csv"
    path.write_text(CSV)
    return path


def test_columns_that_may_stay_stay_and_ids_are_those_of_the_images(file: Path, deidentifier: Deidentifier) -> None:
    table, _ = deidentified_table(read_table(file), ["patient_id"], deidentifier)
    assert table.columns == ("patient_id", "surgery_date", "visit", "age", "arm", "empty")
    one, two = deidentifier.patient("MRN0001"), deidentifier.patient("MRN0002")
    assert table.column("patient_id") == (one, two, two)
    assert table.column("surgery_date") == (
        deidentifier.date("2008-09-18", "MRN0001"),
        deidentifier.date("2010-01-02", "MRN0002"),
        "",
    )
    assert table.column("age") == ("61", "62", "62")


def test_what_goes_is_named_and_nothing_is_quoted(file: Path, deidentifier: Deidentifier) -> None:
    _, findings = deidentified_table(read_table(file), ["patient_id"], deidentifier)
    left = "is left out of the de-identified table: it holds"
    assert [str(finding).removeprefix(f"{file}, ") for finding in findings] == [
        "patient_id: 2 patients have new ids.",
        f"surname: {left} names of persons.",
        f"dob: {left} dates of birth.",
        f"mrn: {left} record numbers.",
        "surgery_date: the dates of 2 rows are moved by the days of each patient.",
        f"seen: {left} dates of the calendar. Bring dates as 2008-09-18 to have them moved.",
        "visit: the dates of 3 rows are moved by the days of each patient.",
        f"note: {left} the patients' ids once more.",
        f"scan: {left} the patients' ids once more.",
    ]


def test_several_columns_of_ids_are_mapped_alike(tmp_path: Path, deidentifier: Deidentifier) -> None:
    path = tmp_path / "m.tsv"
    path.write_text("Tumor_Sample_Barcode\tsample\tgene\nA7\tA7\tKRAS\n\tB8\tTP53\n")
    table, _ = deidentified_table(read_table(path), ["Tumor_Sample_Barcode", "sample"], deidentifier)
    assert table.rows == (
        (deidentifier.patient("A7"), deidentifier.patient("A7"), "KRAS"),
        ("", deidentifier.patient("B8"), "TP53"),
    )


def test_a_column_of_ids_that_is_not_there_is_named(file: Path, deidentifier: Deidentifier) -> None:
    with pytest.raises(CohortError, match="there is no column 'patient'"):
        deidentified_table(read_table(file), ["patient"], deidentifier)
