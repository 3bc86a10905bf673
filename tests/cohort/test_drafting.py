"""`cohort init`: what is guessed of a table, what is left to fill in, and that the filled draft is a cohort."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from mmcare.cohort import check_cohort, read_cohort
from mmcare.cohort.drafting.draft import Draft, draft_dictionary
from mmcare.errors import MMCareError, Severity
from mmcare.formats import TableFormat, read_patients_table
from mmcare.workflow.cohort_init import Drafted, draft_cohort, write_draft

from .conftest import as_text, rows

DRAFT = """\
# A first data dictionary of hospital.csv, made by `mmcare cohort init`.
# What is marked as guessed was guessed from names and values: read it through.
# `mmcare cohort check` names each TODO.
mmcare_cohort: 1
patients: {file: patients.csv, id: case}  # guessed: by its name; 24 different ids in 24 rows
arms:  # guessed: by its name; 1 12 times, 2 12 times
  column: treatment
  values:
    "1": "TODO: which treatment is 1? (12 patients)"
    "2": "TODO: which treatment is 2? (12 patients)"
endpoints:
  os:
    time: os_time  # guessed: by its name; 5 to 51
    event: vital_status  # guessed: by its name; dead 8 times, alive 16 times
    unit: "TODO: years, months, weeks or days? (5 to 51)"
    codes: {dead: event, alive: censored}  # guessed: by their words
    horizons: "TODO: years at which it is reported, such as [1, 3, 5]"
  lc:
    time: lc_months  # guessed: by its name; 5 to 51
    event: lc_event  # guessed: by its name; 0 8 times, 1 8 times, 2 8 times
    unit: months  # guessed: by the column's name
    codes: {"0": censored, "1": event, "2": "TODO: event, competing or censored? (8 patients)"}  # guessed: \
0 and 1 by custom
    horizons: [1, 3]  # guessed: by the length of follow-up
columns:
  age: {type: number, unit: years, missing: [NA]}  # guessed: 56 to 78; 1 of 24 not known
  height: {type: number, unit: cm}  # guessed: 160 to 183
  fev1: {type: number, unit: l}  # guessed: 1.5 to 3.8
  sex: {type: category, levels: [f, m]}  # guessed: 2 different texts
  pT: {type: category, levels: [T1, T2, T3], available_at: after}  # guessed: by its name a pathological stage; \
3 different texts
  ecog: {type: number, unit: points}  # guessed: 0 to 2
  hospital: {type: category, role: site}  # guessed: by its name; 2 different texts
# Not read:
#   surname: holds names of persons, by its name
#   Date of Birth: holds dates of birth, by its name
#   ct_date: holds dates; the time between two of them could be an input
#   oncotree: holds `LUAD` in all rows that have a value
"""


def hospital() -> str:
    """A table of every kind of column."""
    header = (
        "case,surname,Date of Birth,treatment,os_time,vital_status,lc_months,lc_event,age,height,fev1,sex,pT,ecog,"
        "hospital,ct_date,oncotree"
    )
    lines = [
        f"H{i},Name{i},195{i % 10}-03-01,{1 + i % 2},{5 + 2 * i},{'alive' if i % 3 else 'dead'},{5 + 2 * i},{i % 3},"
        f"{'NA' if i == 0 else 55 + i},{160 + i},{1.5 + i / 10:g},{'fm'[i // 2 % 2]},T{1 + i % 3},{i % 3},"
        f"{'AB'[i % 2]},2020-01-{i + 1:02d},LUAD"
        for i in range(24)
    ]
    return "\n".join([header, *lines]) + "\n"


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    def table(content: str | bytes, name: str = "hospital.csv") -> Path:
        path = tmp_path / "source" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return table


def said(drafted: Drafted) -> list[str]:
    return [f"{f.severity}: {f}".replace(str(drafted.source), "TABLE") for f in drafted.findings]


def errors(folder: Path) -> list[str]:
    return [str(f).replace(f"{folder}/", "") for f in check_cohort(folder)[1] if f.severity is Severity.ERROR]


def test_each_column_is_guessed_or_asked_about(table: Callable[..., Path], tmp_path: Path) -> None:
    drafted = draft_cohort(table(hospital()), TableFormat())
    file = write_draft(drafted, tmp_path / "cohort")
    assert file.read_text() == DRAFT
    assert said(drafted) == [
        "warning: TABLE, surname: holds names of persons, by its name: it identifies persons, and is left out. "
        "Of a date of birth, keep the age at the decision.",
        "warning: TABLE, Date of Birth: holds dates of birth, by its name: it identifies persons, and is left out. "
        "Of a date of birth, keep the age at the decision.",
    ]
    written = (tmp_path / "cohort" / "patients.csv").read_text()
    assert "Name1" not in written
    assert "1951-03-01" not in written
    assert written.splitlines()[1] == "H0,1,5,dead,5,0,NA,160,1.5,f,T1,0,A,2020-01-01,LUAD"
    assert (
        "Columns left out because they identify persons, by their names or REDCap's flag: surname, Date of Birth."
        in ((tmp_path / "cohort" / "PROVENANCE.md").read_text())
    )


def test_the_check_names_what_is_to_fill_in_and_passes_once_it_is(table: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    drafted = draft_cohort(table(hospital()), TableFormat())
    write_draft(drafted, folder)
    assert errors(folder) == [
        "cohort.yaml:9:5, arms.values.1: is left to fill in: which treatment is 1? (12 patients) "
        "Write it in place of the TODO.",
        "cohort.yaml:10:5, arms.values.2: is left to fill in: which treatment is 2? (12 patients) "
        "Write it in place of the TODO.",
        "cohort.yaml:15:5, endpoints.os.unit: is left to fill in: years, months, weeks or days? (5 to 51) "
        "Write it in place of the TODO.",
        "cohort.yaml:17:5, endpoints.os.horizons: is left to fill in: years at which it is reported, such as [1, 3, 5] "
        "Write it in place of the TODO.",
        "cohort.yaml:22:40, endpoints.lc.codes.2: is left to fill in: event, competing or censored? (8 patients) "
        "Write it in place of the TODO.",
    ]
    assert drafted.n_todo == len(errors(folder))
    text = (folder / "cohort.yaml").read_text()
    for old, new in (
        ('"TODO: which treatment is 1? (12 patients)"', "SBRT"),
        ('"TODO: which treatment is 2? (12 patients)"', "resection"),
        ('"TODO: years, months, weeks or days? (5 to 51)"', "months"),
        ('"TODO: years at which it is reported, such as [1, 3, 5]"', "[1, 3]"),
        ('"TODO: event, competing or censored? (8 patients)"', "competing"),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "cohort.yaml").write_text(text)
    assert errors(folder) == []
    cohort = read_cohort(folder)
    assert str(cohort) == (
        "24 patients, arms 1, 2, os (months, converted to years), lc (months, converted to years); "
        "no modality beside the table"
    )
    assert cohort.outcomes(cohort.outcome_layout(), ["H0", "H1", "H2"]).event.tolist() == [[1, 0], [0, 1], [0, 2]]


def draft_of(tmp_path: Path, text: str) -> Draft:
    (tmp_path / "t.csv").write_text(text)
    return draft_dictionary(read_patients_table(tmp_path / "t.csv"))


def column(name: str, cells: list[str]) -> str:
    return "\n".join([f"id,months,{name}", *(f"P{i},{i + 1},{cell}" for i, cell in enumerate(cells * 6))]) + "\n"


@pytest.mark.parametrize(
    ("name", "cells", "codes"),
    [
        ("dead", ["1", "0"], {"0": "censored", "1": "event"}),
        ("censored", ["1", "0"], {"0": "event", "1": "censored"}),
        ("alive", ["1", "0"], {"0": "event", "1": "censored"}),
        ("vital_status", ["Alive", "Dead"], {"Alive": "censored", "Dead": "event"}),
        ("os_status", ["0:LIVING", "1:DECEASED"], {"0:LIVING": "censored", "1:DECEASED": "event"}),
        ("recurrence", ["no", "yes"], {"no": "censored", "yes": "event"}),
        ("status", ["1", "2"], dict.fromkeys("12", "TODO: event, competing or censored? (6 patients)")),
        (
            "local_control",
            ["1", "0"],
            dict.fromkeys("01", "TODO: event, competing or censored? A control that is kept is censored."),
        ),
        (
            "event",
            ["Death of other cause", "Relapse", "Alive"],
            {"Death of other cause": "competing", "Relapse": "event", "Alive": "censored"},
        ),
    ],
)
def test_codes_are_guessed_by_words_and_never_where_they_may_be_inverted(
    name: str, cells: list[str], codes: dict[str, str], tmp_path: Path
) -> None:
    (endpoint,) = draft_of(tmp_path, column(name, cells)).endpoints
    assert dict(endpoint.codes) == codes


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("PatientID,age", "PatientID"),
        ("slide_id,case_id", "case_id"),
        ("SAMPLE_ID,PATIENT_ID", "PATIENT_ID"),
        ("who,age", "who"),
        ("who,whom", "TODO: which column holds the patients' ids? Different in each row: who, whom."),
    ],
)
def test_the_ids_are_found_by_name_or_as_the_only_different_texts(header: str, expected: str, tmp_path: Path) -> None:
    lines = [f"A{i},{'B' + str(i) if header.endswith(('id', 'ID', 'whom')) else i}" for i in range(30)]
    assert draft_of(tmp_path, "\n".join([header, *lines]) + "\n").id == expected


def test_semicolons_commas_and_windows_1252_are_guessed_and_said(table: Callable[..., Path], tmp_path: Path) -> None:
    lines = [f"P{i};{60 + i},5;{'männlich' if i % 2 else 'weiblich'}" for i in range(12)]
    path = table("\n".join(["patient_id;age;sex", *lines]).encode("cp1252"))
    drafted = draft_cohort(path, TableFormat())
    assert said(drafted) == [
        "warning: TABLE:3: is not UTF-8: byte 0xE4 at byte offset 45 is not allowed there (in Windows-1252 it would be "
        "'ä'); is read as windows-1252, guessed. Look whether its letters are right.",
        'note: TABLE: is read with semicolons between cells, guessed: `separator: ";"`.',
        'note: TABLE: numbers with a comma are read as decimals, guessed: `decimal: ","`.',
    ]
    assert 'id: patient_id, encoding: windows-1252, separator: ";", decimal: ","}' in drafted.text()
    write_draft(drafted, path.parent)  # beside the table: as it stands
    assert read_cohort(path.parent).table.rows[1] == ("P1", "61.5", "männlich")
    write_draft(drafted, tmp_path / "new")  # a table written anew needs none of it
    assert read_cohort(tmp_path / "new").table.rows == read_cohort(path.parent).table.rows
    assert "{file: patients.csv, id: patient_id}" in (tmp_path / "new" / "cohort.yaml").read_text()


def test_a_sheet_of_a_workbook_is_drafted(table: Callable[..., Path]) -> None:
    path = table(b"", "book.xlsx")
    book = openpyxl.Workbook()
    for row in as_text(rows()).splitlines():
        book.active.append(row.split(","))
    book.create_sheet("Notes").append(["nothing"])
    book.save(path)
    drafted = draft_cohort(path, TableFormat(sheet="Sheet"))
    assert "patients: {file: book.xlsx, id: patient_id, sheet: Sheet}" in drafted.text()
    write_draft(drafted, path.parent)
    assert errors(path.parent) == []


def test_nothing_is_overwritten(table: Callable[..., Path], tmp_path: Path) -> None:
    path = table(as_text(rows()))
    drafted = draft_cohort(path, TableFormat())
    write_draft(drafted, path.parent)
    with pytest.raises(MMCareError) as caught:
        write_draft(drafted, path.parent)
    assert str(caught.value) == (
        f"{path.parent}/cohort.yaml: exists; nothing was written. Move it away, or name another `--out`."
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(MMCareError, match="exists and is not empty; nothing is ever overwritten"):
        write_draft(drafted, tmp_path / "full")


def test_rows_that_would_be_lost_stop_it(table: Callable[..., Path]) -> None:
    with pytest.raises(MMCareError, match=r"left out: 1 row without the header's 7 cells \(line 26 has 1\)"):
        draft_cohort(table(as_text(rows()) + "* FEV1 in % of predicted\n"), TableFormat())


def test_names_and_cells_of_any_kind_make_readable_yaml(table: Callable[..., Path], tmp_path: Path) -> None:
    names = ["a: b", "# c", "yes", "null", "{x}", "naïve", "1e5", "'q'", "<b>", "TODO", "- d", "[e]", "&f", "*g", "%h"]
    levels = ["no", "~", "0x1", "2020-01-01", "a\tb", "x # y", '"q"', "{", "null", "TODO", "true"]
    header = ",".join(["patient_id", *(f'"{name}"' for name in names)])
    lines = [
        ",".join([f"P{i}", *('"' + levels[(i + n) % len(levels)].replace('"', '""') + '"' for n in range(len(names)))])
        for i in range(44)
    ]
    write_draft(draft_cohort(table("\n".join([header, *lines]) + "\n"), TableFormat()), tmp_path / "cohort")
    cohort, findings = check_cohort(tmp_path / "cohort")
    left = [f for f in findings if f.severity is Severity.ERROR]
    assert all(f.code == "todo" for f in left), left  # a level called TODO cannot be told from a gap
    assert cohort is not None or left


# REDCap
FIELDS = """\
"Variable / Field Name","Form Name","Field Type","Field Label","Choices, Calculations, OR Slider Labels",\
"Field Note",Identifier?,"Field Annotation"
record_id,base,text,Record ID,,,,
surname,base,text,Surname,,,y,
age,base,text,Age at diagnosis (years),,,,
fev1,base,text,FEV1,,% predicted,,
weight,base,text,Weight,,,,"@X unit: kg"
sex,base,radio,Sex,"1, Female | 2, Male",,,
histology,base,dropdown,Histology,"1, Adenocarcinoma | 2, Squamous, keratinising | 9, Other",,,
copd,base,yesno,COPD,,,,
comorb,base,checkbox,Comorbidities,"1, Diabetes | 2, Heart failure",,,
treatment,tx,radio,Treatment,"1, SBRT | 2, Lobectomy",,,
os_months,fu,text,Survival (months),,,,
os_status,fu,radio,Vital status,"0, Alive | 1, Dead",,,
scan,fu,file,Scan,,,,
later,fu,text,Later,,,,
"""
EXPORT_HEADER = (
    "record_id,surname,age,fev1,weight,sex,histology,copd,comorb___1,comorb___2,treatment,os_months,os_status,"
    "base_complete,extra"
)


def export() -> str:
    lines = [
        f"{i + 1},Name{i},{60 + i % 20},{70 + i % 25},{60 + i % 30},{1 + i % 2},{1 + i % 2},{i // 2 % 2},{i % 2},"
        f"{i // 3 % 2},{1 + i // 2 % 2},{6 + i},{int(i % 3 == 0)},2,{i}"
        for i in range(30)
    ]
    return "\n".join([EXPORT_HEADER, *lines]) + "\n"


def test_a_redcap_dictionary_gives_labels_and_units(table: Callable[..., Path], tmp_path: Path) -> None:
    dictionary = table(FIELDS, "dictionary.csv")
    drafted = draft_cohort(table(export(), "export.csv"), TableFormat(), dictionary)
    assert [text.replace(str(dictionary), "FIELDS") for text in said(drafted)] == [
        "note: TABLE: 1 column left out, flagged as identifiers in REDCap: surname.",
        "note: FIELDS: 1 field without a column in export.csv: later.",
        "note: TABLE: 1 column not in the REDCap dictionary: extra.",
    ]
    write_draft(drafted, tmp_path / "cohort")
    text = (tmp_path / "cohort" / "cohort.yaml").read_text()
    for line in (
        "  age: {type: number, unit: years}  # guessed: 60 to 79",
        '  fev1: {type: number, unit: "% predicted"}  # guessed: 70 to 94',
        "  weight: {type: number, unit: kg}  # guessed: 60 to 89",
        "  sex: {type: category, levels: [Female, Male]}  # guessed: 2 different texts",
        # `Other` is a choice that nobody has
        '  histology: {type: category, levels: [Adenocarcinoma, "Squamous, keratinising", Other]}  '
        "# guessed: 2 different texts",
        "  copd: {type: category, levels: [Yes, No]}  # guessed: 2 different texts",
        "  comorb___1: {type: category, levels: [Checked, Unchecked]}  # guessed: 2 different texts",
        "    codes: {Dead: event, Alive: censored}  # guessed: by their words",
        "    SBRT: SBRT",
    ):
        assert line in text.splitlines()
    assert "surname" not in text
    assert read_cohort(tmp_path / "cohort").table.rows[1][:5] == ("2", "61", "71", "61", "Male")
    assert errors(tmp_path / "cohort") == []


def test_an_export_with_labels_is_understood_by_them(table: Callable[..., Path]) -> None:
    """Names of columns and cells are what people read, as REDCap exports them on request."""
    text = "Record ID,Surname,Sex,Comorbidities (choice=Diabetes),Vital status,Survival (months)\n"
    lines = [f"{i + 1},N{i},{('Female', 'Male')[i % 2]},Checked,{('Alive', 'Dead')[i % 2]},{i + 1}" for i in range(20)]
    dictionary = table(FIELDS, "dictionary.csv")
    drafted = draft_cohort(table(text + "\n".join(lines) + "\n"), TableFormat(), dictionary)
    assert "Surname" not in drafted.table.columns
    assert "  Sex: {type: category, levels: [Female, Male]}  # guessed: 2 different texts" in drafted.text()


def test_codes_that_are_no_choice_and_several_rows_a_patient_are_named(table: Callable[..., Path]) -> None:
    dictionary = table(FIELDS, "dictionary.csv")
    text = export().replace("1,Name0,60,70,60,1,1", "1,Name0,60,70,60,7,1").replace("extra", "redcap_event_name")
    drafted = draft_cohort(table(text), TableFormat(), dictionary)
    assert said(drafted)[-2:] == [
        "warning: TABLE, sex: 1 cell with no choice of `sex` (line 2 '7'). Correct them in REDCap, and export again.",
        "warning: TABLE: a longitudinal export: a patient has a row for each event or instance; a cohort has one row a "
        "patient. Export the event with the baseline, or make one row of each patient's.",
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            "a,b\n1,2\n",
            "FIELDS:1: is no REDCap data dictionary: it has no column `Variable / Field Name`, `Field Type`, "
            "`Field Label`, `Choices, Calculations, OR Slider Labels`. In REDCap, download it under Project Setup, "
            "Data Dictionary.",
        ),
        (
            FIELDS.replace("1, Female | 2, Male", "1 Female"),
            "FIELDS:7, sex: the choice '1 Female' is not `code, label`. Write `1, Male | 2, Female`.",
        ),
        (
            FIELDS.replace("1, Female | 2, Male", "1, Female | 1, Male"),
            "FIELDS:7, sex: the code '1' stands twice. Write `1, Male | 2, Female`.",
        ),
    ],
)
def test_a_redcap_dictionary_that_cannot_be_read_is_refused(
    fields: str, message: str, table: Callable[..., Path]
) -> None:
    path = table(fields, "dictionary.csv")
    with pytest.raises(MMCareError) as caught:
        draft_cohort(table(export()), TableFormat(), path)
    assert str(caught.value).replace(str(path), "FIELDS") == message


# Real tables
def test_the_clinical_table_of_lung1_passes_as_drafted(real_data: Path, tmp_path: Path) -> None:
    (path,) = (real_data / "lung1-clinical-radiomics").glob("*clinical*.csv")
    drafted = draft_cohort(path, TableFormat())
    assert (drafted.findings, drafted.n_todo) == ((), 0)
    write_draft(drafted, tmp_path / "lung1")
    cohort, findings = check_cohort(tmp_path / "lung1")
    assert cohort is not None
    assert findings == []
    outcomes = cohort.outcomes(cohort.outcome_layout(), cohort.patients)
    assert (len(cohort.patients), int(outcomes.event.sum())) == (422, 373)
    assert float(outcomes.time.median()) * 365.25 == pytest.approx(545, abs=1)


def test_the_clinical_table_of_msk_passes_as_drafted(real_data: Path, tmp_path: Path) -> None:
    drafted = draft_cohort(real_data / "msk-luad-2020" / "data_clinical_patient.txt", TableFormat())
    assert (drafted.findings, drafted.n_todo) == ((), 0)
    write_draft(drafted, tmp_path / "msk")
    cohort, findings = check_cohort(tmp_path / "msk")
    assert cohort is not None
    assert findings == []
    outcomes = cohort.outcomes(cohort.outcome_layout(), cohort.patients)
    assert list(cohort.dictionary.endpoints) == ["os", "rfs"]
    assert (len(cohort.patients), (outcomes.event == 1).sum(0).tolist()) == (604, [45, 98])
    assert cohort.dictionary.columns["CT_SIZE"].unit == "cm"


def test_the_radiogenomic_table_is_asked_about_its_times(real_data: Path, tmp_path: Path) -> None:
    """It holds dates, and a time to death of the dead alone."""
    drafted = draft_cohort(real_data / "nsclc-radiogenomics-half" / "clinical.csv", TableFormat())
    write_draft(drafted, tmp_path / "radiogenomics")
    assert [text.partition(": is left")[0] for text in errors(tmp_path / "radiogenomics")] == [
        "cohort.yaml:10:5, endpoints.os.time",
        "cohort.yaml:14:5, endpoints.os.horizons",
        "cohort.yaml:16:5, endpoints.rfs.time",
        "cohort.yaml:18:5, endpoints.rfs.unit",
        "cohort.yaml:20:5, endpoints.rfs.horizons",
    ]
    after = [column.name for column in drafted.draft.columns if column.entry.get("available_at") == "after"]
    assert {"Pathological T stage", "Lymphovascular invasion", "Adjuvant Treatment"} <= set(after)


def test_the_inverted_codes_of_tcga_are_seen(real_data: Path, tmp_path: Path) -> None:
    """1 is censored there. The first columns of the table; a patient has a row for each slide."""
    (path,) = (real_data / "tcga-luad-porpoise").glob("*.zip")
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        lines = [",".join(line.decode().split(",")[:10]) for line in file]
    (tmp_path / "tcga.csv").write_text("\n".join(lines) + "\n")
    drafted = draft_cohort(tmp_path / "tcga.csv", TableFormat())
    (endpoint,) = drafted.draft.endpoints
    assert dict(endpoint.codes) == {"0": "event", "1": "censored"}
    assert said(drafted) == [
        "warning: TABLE, case_id: 20 ids of `case_id` stand in several rows; a cohort has one row a patient. "
        "Keep one row of each patient; `mmcare cohort check` names them."
    ]
    seen: set[str] = set()
    kept = [line for line in lines if (line.split(",")[1] not in seen, seen.add(line.split(",")[1]))[0]]
    (tmp_path / "tcga.csv").write_text("\n".join(kept) + "\n")
    write_draft(draft_cohort(tmp_path / "tcga.csv", TableFormat()), tmp_path / "tcga")
    cohort = read_cohort(tmp_path / "tcga")
    outcomes = cohort.outcomes(cohort.outcome_layout(), cohort.patients)
    assert (len(cohort.patients), int(outcomes.event.sum())) == (453, 158)
