"""What of a person a cohort folder still holds is found in every kind of file; good cohorts are left alone."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest

from mmcare.cli.main import main
from mmcare.cohort.deidentify import check_identifiers, new_key
from mmcare.cohort.deidentify.checks.looks import is_person, is_phone, looks_like
from mmcare.cohort.deidentify.checks.tables import kind_of_column
from mmcare.errors import Severity
from mmcare.formats.nifti import write_nifti
from tests.cohort.deidentify import planted

MAY_TELL = "that may tell who a patient is."
CURE_DICOM = "De-identify the originals: `mmcare cohort deidentify`."
CURE_TABLE = "Take the column out of the table; of a date, keep the time from the treatment decision."
CURE_IMAGE = "Clear the texts of the header, or write the image anew."


def said(folder: Path) -> list[str]:
    return [str(finding).replace(f"{folder}/", "") for finding in check_identifiers(folder)]


def test_a_clean_cohort_is_left_alone(made: Path, tmp_path: Path) -> None:
    """De-identified DICOM, an image of ours, a table of numbers, JSON of ours."""
    assert said(made) == []
    write_nifti(tmp_path / "P1.nii.gz", np.zeros((3, 3, 3), np.int16), np.eye(4))
    (tmp_path / "patients.csv").write_text(
        "patient_id,age,arm,os_years,gene_name\nP1,60,sbrt,1.5,TP53\nP2,61,surgery,2,KRAS\n"
    )
    (tmp_path / "ct.json").write_text(
        json.dumps({"spacing_mm": [1, 1, 3], "made": "by mmcare 0.1", "voxels": 20010203})
    )
    (tmp_path / "cohort.yaml").write_text("mmcare_cohort: 1\n")
    assert said(tmp_path) == []


def test_originals_are_found_element_by_element(source: Path) -> None:
    findings = said(source)
    elements = {text.split("holds ")[1].split(" (and")[0].split(":")[0] for text in findings if "holds " in text}
    assert elements >= {
        "PatientName",
        "PatientBirthDate",
        "PatientBirthName",
        "PatientAddress",
        "PatientTelephoneNumbers",
        "OtherPatientIDs",
        "OtherPatientNames",
        "ReferringPhysicianName",
        "OperatorsName",
        "InstitutionName",
        "InstitutionAddress",
        "StationName",
        "AccessionNumber",
        "StudyID",
        "StudyDate",
        "ReviewerName",
        "ROIInterpreter",
        "ContentCreatorName",
        "private elements",
        "a preamble that is not empty",
    }


def test_a_finding_counts_files_and_quotes_nothing(tmp_path: Path) -> None:
    for index in range(3):
        ds = planted.ct(index)
        ds.PatientBirthDate = "19310704"
        pydicom.dcmwrite(tmp_path / f"{index}.dcm", ds)
    assert said(tmp_path) == [f"0.dcm: holds PatientBirthDate (and 2 more files): {MAY_TELL} {CURE_DICOM}"]
    assert [f.severity for f in check_identifiers(tmp_path)] == [Severity.WARNING]


def test_a_name_within_a_nested_sequence_is_found(tmp_path: Path) -> None:
    ds = planted.rtstruct()
    planted._nested("OriginalAttributesSequence", "ModifiedAttributesSequence", "PatientName")(ds, "Doe^John")
    pydicom.dcmwrite(tmp_path / "rs.dcm", ds)
    assert said(tmp_path) == [f"rs.dcm: holds PatientName: {MAY_TELL} {CURE_DICOM}"]


def test_what_others_deidentified_may_keep_its_shifted_dates(tmp_path: Path) -> None:
    """As public collections are: PatientIdentityRemoved YES, the name is the id, dates are moved."""
    ds = planted.ct(0)
    ds.PatientIdentityRemoved, ds.PatientName = "YES", planted.PATIENT
    ds.StudyDate, ds.AccessionNumber = "20080918", "2819497684894126"
    ds.private_block(0x0013, "CTP", create=True).add_new(0x10, "LO", "Collection")
    pydicom.dcmwrite(tmp_path / "a.dcm", ds)
    assert said(tmp_path) == []
    ds.PatientName = "Doe^John"
    pydicom.dcmwrite(tmp_path / "a.dcm", ds)
    assert said(tmp_path) == [f"a.dcm: holds PatientName: {MAY_TELL} {CURE_DICOM}"]


COLUMNS = {
    "surname": (["Doe", "Meier"], "names of persons"),
    "Date of Birth": (["1931-07-04", "1940-01-02"], "dates of birth"),
    "mrn": (["4711", "4712"], "record numbers"),
    "phone": (["1", "2"], "phone numbers or mail addresses"),
    "contact": (["a.meier@clinic.org", ""], "mail addresses"),
    "surgery_date": (["20080918", "20100102"], "dates of the calendar"),
    "number": (["123-45-6789", "943 476 5919"], "numbers of a state or health service"),
    "visit": (["20080918", "20100102", "20110304"], "dates of the calendar"),
    "last_seen": (["18.09.2008", "2010-01-02 11:30"], "dates of the calendar"),
    "reader": (["Meier, Anna", "Doe, John"], "names of persons"),
    "reached at": (["+41 44 123 45 67", "044 123 45 67"], "phone numbers"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_known_by_its_name_or_its_cells(name: str, tmp_path: Path) -> None:
    cells, kind = COLUMNS[name]
    rows = "\n".join(f'P{i},"{cell}"' for i, cell in enumerate(cells))
    (tmp_path / "extra.csv").write_text(f"patient_id,{name}\n{rows}\n")
    assert said(tmp_path) == [f"extra.csv: holds {kind} in column `{name}`: {MAY_TELL} {CURE_TABLE}"]


def test_ids_as_hospitals_give_them_are_a_note(tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text("patient_id,age\n10004711,60\n10004712,61\n10004713,62\n")
    (finding,) = check_identifiers(tmp_path)
    assert finding.what == f"holds numbers as hospitals give to patients in column `patient_id`: {MAY_TELL}"
    assert finding.severity is Severity.NOTE


def test_the_check_of_a_cohort_says_it_and_ends_with_1(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "cohort"
    folder.mkdir()
    (folder / "cohort.yaml").write_text("mmcare_cohort: 1\ncolumns:\n  age: {type: number, unit: years}\n")
    (folder / "patients.csv").write_text("patient_id,age\n" + "".join(f"A{i},{60 + i}\n" for i in range(12)))
    assert main(["cohort", "check", str(folder)]) == 0
    capfd.readouterr()
    nifti(folder / "A1.nii.gz", lambda i: i.header.__setitem__("descrip", b"Doe^John"))
    assert main(["cohort", "check", str(folder)]) == 1
    said = f"Warning: {folder}/A1.nii.gz: holds a person's name in `descrip`: {MAY_TELL}\n  {CURE_IMAGE}\n"
    assert said in capfd.readouterr().err


def test_names_of_columns_may_have_been_looked_at_before(tmp_path: Path) -> None:
    table = tmp_path / "patients.csv"
    table.write_text("patient_id,mrn,mail\nP1,4711,a@b.org\n")
    assert len(check_identifiers(tmp_path)) == 2
    (finding,) = check_identifiers(tmp_path, named_already=[table])
    assert finding.what == f"holds mail addresses in column `mail`: {MAY_TELL}"


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("os_days", ["20080918", "20100102"]),
        ("Start_Position", ["41200123", "19991231"]),
        ("HGVSp_Short", ["p.G12C", "p.V600E"]),
        ("End_Position", ["20010203", "19991231", "25398284"]),
        ("version", ["1.10.2", "3.12.4"]),
        ("dose", ["54/3", "60/8"]),
        ("sites", ["left, upper, lobe", "right, lower, lobe"]),
        ("fev1", ["82.5", "71.25"]),
        ("patient_id", ["TCGA-05-4244", "P-0000004"]),
        ("gene_name", ["TP53", "KRAS"]),
        ("site", ["", ""]),
    ],
)
def test_columns_of_good_tables_are_left_alone(name: str, cells: list[str]) -> None:
    assert kind_of_column(name, cells) == ""


def nifti(path: Path, change: Callable[[nibabel.Nifti1Image], None]) -> None:
    image = nibabel.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4))
    change(image)
    nibabel.save(image, path)


IMAGES: dict[str, tuple[Callable[[nibabel.Nifti1Image], None], str]] = {
    "descrip": (lambda i: i.header.__setitem__("descrip", b"Doe^John"), "a person's name in `descrip`"),
    "aux_file": (lambda i: i.header.__setitem__("aux_file", b"mr_2008-09-18.hdr"), "a date in `aux_file`"),
    "db_name": (lambda i: i.header.__setitem__("db_name", b"scan 20080918"), "a date in `db_name`"),
    "intent_name": (lambda i: i.header.__setitem__("intent_name", b"a@b.org"), "a mail address in `intent_name`"),
    "comment": (
        lambda i: i.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"seen by Doe^John")),
        "a person's name in `extension`",
    ),
    "DICOM": (
        lambda i: i.header.extensions.append(nibabel.nifti1.Nifti1DicomExtension(2, _dicom())),
        "DICOM elements in `extension`",
    ),
}


def _dicom() -> pydicom.Dataset:
    ds = pydicom.Dataset()
    ds.PatientName = "Doe^John"
    return ds


@pytest.mark.parametrize("end", [".nii", ".nii.gz"])
@pytest.mark.parametrize("place", IMAGES)
def test_texts_in_the_header_of_an_image_are_found(place: str, end: str, tmp_path: Path) -> None:
    change, what = IMAGES[place]
    nifti(tmp_path / f"a{end}", change)
    assert said(tmp_path) == [f"a{end}: holds {what}: {MAY_TELL} {CURE_IMAGE}"]


def test_a_text_that_looks_like_nothing_is_a_note(tmp_path: Path) -> None:
    nifti(tmp_path / "a.nii", lambda i: i.header.__setitem__("descrip", b"Meier Anna follow-up"))
    (finding,) = check_identifiers(tmp_path)
    assert finding.severity is Severity.NOTE
    assert finding.what == f"holds a text in `descrip`: {MAY_TELL}"


@pytest.mark.parametrize("text", [b"FSL5.0", b"SimpleITK 2.3", b"dcm2niix v1.0.20220505", b"MATLAB R2020b"])
def test_names_of_tools_are_left_alone(text: bytes, tmp_path: Path) -> None:
    nifti(tmp_path / "a.nii", lambda i: i.header.__setitem__("descrip", text))
    assert said(tmp_path) == []


def test_nifti_2_and_the_other_byte_order_are_read(tmp_path: Path) -> None:
    image = nibabel.Nifti2Image(np.zeros((2, 2, 2), np.int16), np.eye(4))
    image.header["descrip"] = b"Doe^John"
    nibabel.save(image, tmp_path / "a.nii")
    swapped = nibabel.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4)).header.as_byteswapped(">")
    swapped["descrip"] = b"Doe^John"
    raw = swapped.binaryblock + b"\0" * 4 + b"\0" * 16
    assert struct.unpack(">i", raw[:4]) == (348,)
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(raw))
    assert said(tmp_path) == [f"a.nii: holds a person's name in `descrip` (and 1 more file): {MAY_TELL} {CURE_IMAGE}"]


def test_a_field_of_a_nrrd_header_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0004\ntype: short\npatient:=Doe^John\n# 2008-09-18\n\n\0\0")
    assert said(tmp_path)[0] == f"a.nrrd: holds a person's name in `patient`: {MAY_TELL} {CURE_IMAGE}"


def test_a_sidecar_of_a_converter_is_found_by_its_keys(tmp_path: Path) -> None:
    sidecar = {
        "PatientName": "JD",
        "AcquisitionDateTime": "2008-09-18T11:00:00",
        "InstitutionName": "Clinic",
        "nested": [{"dob": "1931"}, {"note": "mail a@b.org"}],
        "KVP": 120,
    }
    (tmp_path / "a.json").write_text(json.dumps(sidecar))
    assert said(tmp_path) == [
        f"a.json: holds what DICOM has as PatientName under `PatientName`: {MAY_TELL} Take it out.",
        f"a.json: holds what DICOM has as AcquisitionDateTime under `AcquisitionDateTime`: {MAY_TELL} Take it out.",
        f"a.json: holds what DICOM has as InstitutionName under `InstitutionName`: {MAY_TELL} Take it out.",
        f"a.json: holds dates of birth under `nested.dob`: {MAY_TELL} Take it out.",
        f"a.json: holds a mail address under `nested.note`: {MAY_TELL} Take it out.",
    ]


def test_a_letter_and_the_name_of_a_file_are_found(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear colleague,\nseen on 18.09.2008.\n")
    (tmp_path / "2008-09-18.npy").write_bytes(b"")
    (tmp_path / "Doe^John.npy").write_bytes(b"")
    assert said(tmp_path) == [
        f"2008-09-18.npy: holds a date in the name of the file: {MAY_TELL} Rename the file, and what names it.",
        f"Doe^John.npy: holds a person's name in the name of the file: {MAY_TELL} Rename the file, and what names it.",
        f"letter.txt: holds a date in line 2: {MAY_TELL} Take it out.",
    ]


def test_a_key_in_the_cohort_is_an_error(tmp_path: Path) -> None:
    new_key(tmp_path / "sub" / "study.key")
    first, _ = check_identifiers(tmp_path)
    assert str(first) == (
        f"{tmp_path}/sub/study.key: the key of a de-identification lies in the cohort: "
        "who gets both can tell which patient is which. Move it elsewhere."
    )
    assert first.severity is Severity.ERROR


def test_files_that_are_not_looked_into_are_counted(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf", "c.docx"):
        (tmp_path / name).write_bytes(b"x")
    assert said(tmp_path) == [f"{tmp_path}: not looked into for names of persons: 3 files (1 .docx, 2 .pdf)."]
    assert [f.severity for f in check_identifiers(tmp_path)] == [Severity.NOTE]


def test_damaged_files_end_no_pass(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(b"\x1f\x8bxxxx")
    (tmp_path / "c.json").write_text("{")
    (tmp_path / "d.csv").write_bytes(b"\xff\xfe\0")
    (tmp_path / "loop").symlink_to(tmp_path)
    listed = "1 .csv (not readable), 1 .gz (not readable), 1 .json (not readable)"
    assert said(tmp_path) == [f"{tmp_path}: not looked into for names of persons: 3 files ({listed})."]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("anna.meier@clinic.ch", "a mail address"),
        ("Meier^Anna", "a person's name"),
        ("on 2008-09-18", "a date"),
        ("18.09.2008", "a date"),
        ("9/18/2008", "a date"),
        ("20080918", "a date"),
        ("scan_20080918.nii", "a date"),
        ("2.25.20080918", ""),
        ("1.2.840.20080918.5", ""),
        ("120080918", ""),
        ("2008-13-41", ""),
        ("x^2", ""),
        ("10.1038/ncomms5006", ""),
        ("1.12.2020.4", ""),
        ("GTV-1", ""),
        ("", ""),
    ],
)
def test_what_a_text_looks_like(text: str, kind: str) -> None:
    assert looks_like(text) == kind


@pytest.mark.parametrize("text", ["+41 44 123 45 67", "044 123 45 67", "(030) 123 4567", "0041441234567"])
def test_phone_numbers(text: str) -> None:
    assert is_phone(text)


@pytest.mark.parametrize("text", ["0.123456", "123456789", "12.5 - 13.5", "2008-09-18", "1e-10"])
def test_numbers_that_are_no_phone_numbers(text: str) -> None:
    assert not is_phone(text)


@pytest.mark.parametrize("text", ["Meier, Anna", "de Vries, Jan", "M\u00fcller, J.", "Doe^John"])
def test_persons(text: str) -> None:
    assert is_person(text)


@pytest.mark.parametrize("text", ["adenocarcinoma", "T1, N0", "yes", "left, upper, lobe"])
def test_words_that_are_no_persons(text: str) -> None:
    assert not is_person(text)
