"""Patients' tables in whatever a hospital keeps them: workbooks, Parquet files, other encodings, decimal commas."""

from __future__ import annotations

import datetime
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow
import pytest
from pyarrow import parquet

from mmcare.errors import CohortError
from mmcare.formats import Table, TableFormat, read_patients_table

Write = Callable[[str, str | bytes], Path]
ROWS = [["id", "age", "sex"], ["P1", 60, "f"], ["P2", 71.5, "m"]]


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    """Writes sheets of rows; `change` may spoil the workbook."""

    def workbook(change: Callable[[openpyxl.Workbook], object] | None = None, **sheets: list[list[object]]) -> Path:
        book = openpyxl.Workbook()
        book.remove(book.active)
        for name, rows in sheets.items():
            sheet = book.create_sheet(name)
            for row in rows:
                sheet.append(row)
        if change is not None:
            change(book)
        path = tmp_path / "t.xlsx"
        book.save(path)
        return path

    return workbook


def said(table: Table) -> list[str]:
    return [f"{f.severity}: {f}".replace(str(table.file), "FILE") for f in table.findings]


def error_of(path: Path, form: TableFormat | None = None, **options: str) -> str:
    with pytest.raises(CohortError) as caught:
        read_patients_table(path, form or TableFormat(), **options)
    return str(caught.value).replace(str(path), "FILE")


def test_a_sheet_is_read_as_text_cells(workbook: Callable[..., Path]) -> None:
    rows = [["id", "age", " sex ", "dead", "born"], ["P1", 60.0, "f", True, datetime.datetime(2020, 3, 1)]]
    table = read_patients_table(workbook(Patients=[*rows, ["P2", 71.5, None, False, None], [None], ["P3", 1 / 3]]))
    assert table.columns == ("id", "age", "sex", "dead", "born")
    assert table.rows == (
        ("P1", "60", "f", "1", "2020-03-01"),
        ("P2", "71.5", "", "0", ""),
        ("P3", repr(1 / 3), "", "", ""),
    )
    assert table.lines == (2, 3, 5)
    assert (table.n_read, dict(table.left_out)) == (4, {"blank line": 1})
    assert said(table) == ["note: FILE:1: spaces around the names of 1 column are left out: ' sex '."]


def test_empty_rows_above_the_header_and_empty_sheets_do_not_count(workbook: Callable[..., Path]) -> None:
    table = read_patients_table(workbook(Notes=[], Data=[[None], *ROWS]))
    assert (table.columns, table.lines) == (("id", "age", "sex"), (3, 4))


def test_one_of_two_sheets_must_be_named(workbook: Callable[..., Path]) -> None:
    """T21."""
    path = workbook(Patients=ROWS, Codes=[["code", "meaning"]])
    assert error_of(path) == (
        "FILE: holds 2 sheets: 'Patients' (3 rows, 3 columns), 'Codes' (1 rows, 2 columns). Name the one to read: "
        "`sheet: NAME` under `patients` in cohort.yaml (`--sheet` of `cohort init`)."
    )
    assert error_of(path, TableFormat(sheet="patient")) == (
        "FILE: holds no sheet 'patient'; it holds: 'Patients' (3 rows, 3 columns), 'Codes' (1 rows, 2 columns). "
        "Did you mean 'Patients'?"
    )
    assert len(read_patients_table(path, TableFormat(sheet="Patients"))) == 2


def test_merged_cells_are_refused(workbook: Callable[..., Path]) -> None:
    """T21: a header over several columns leaves the others without a name; merged cells below lose values."""
    todo = "Unmerge them, and write a value into each: one row with a name for each column, one row a patient."
    path = workbook(lambda book: book["P"].merge_cells("A1:B1"), P=ROWS)
    assert error_of(path) == f"FILE:1: cells of the header of the sheet 'P' are merged: A1:B1. {todo}"
    path = workbook(lambda book: book["P"].merge_cells("C2:C3"), P=ROWS)
    assert error_of(path) == f"FILE:1: cells of the table of the sheet 'P' are merged: C2:C3. {todo}"


def test_a_formula_without_its_value_is_no_empty_cell(workbook: Callable[..., Path]) -> None:
    path = workbook(P=[*ROWS, ["P3", "=B2+1", "f"]])
    assert error_of(path) == (
        "FILE: 1 cell of the sheet 'P' with a formula and without its value (B4). "
        "Open it in Excel and save it, or paste the values."
    )


def test_hidden_rows_are_read_and_said(workbook: Callable[..., Path]) -> None:
    def hide(book: openpyxl.Workbook) -> None:
        book["P"].row_dimensions[3].hidden = True

    table = read_patients_table(workbook(hide, P=ROWS))
    assert len(table) == 2
    assert said(table) == [
        "warning: FILE: read although hidden in the sheet 'P': 1 row (row 3). "
        "Delete the rows that are not wanted: a filter only hides them."
    ]


def test_cells_beyond_the_header_are_said(workbook: Callable[..., Path]) -> None:
    table = read_patients_table(workbook(P=[*ROWS, ["P3", 3, "m", "see letter"]]))
    assert (table.n_read, dict(table.left_out)) == (3, {"cells beyond the header": 1})
    assert said(table) == [
        "error: FILE:4: left out: 1 row with cells beyond the 3 named columns (row 4). "
        "Name those columns in the header, or clear the cells."
    ]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (["content.xml"], "is an OpenDocument file (.ods)."),
        (["a.csv"], "is a zip archive, but no Excel workbook."),
    ],
)
def test_another_zip_archive_is_named(members: list[str], message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        for name in members:
            archive.writestr(name, "x")
    assert error_of(path) == f"FILE: {message} Save the table as .xlsx or as CSV (UTF-8)."


def test_a_damaged_workbook_is_said(workbook: Callable[..., Path]) -> None:
    path = workbook(P=ROWS)
    path.write_bytes(path.read_bytes()[:-300])
    assert error_of(path) == (
        "FILE: is a workbook that cannot be opened (BadZipFile: File is not a zip file). "
        "Open it in Excel, and save it again as .xlsx."
    )


def test_parquet_is_read_as_text_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    columns = {
        "id": ["P1", "P2", None],
        "age": [60.0, None, 0.1],
        "dead": [True, None, False],
        "sex": pyarrow.array(["f", "m", "f"]).dictionary_encode(),
        "day": [datetime.date(2020, 3, 1), None, None],
    }
    parquet.write_table(pyarrow.table(columns), path)
    table = read_patients_table(path)
    assert table.columns == tuple(columns)
    assert table.rows == (("P1", "60", "1", "f", "2020-03-01"), ("P2", "", "", "m", ""), ("", "0.1", "0", "f", ""))
    assert table.lines == (2, 3, 4)


def test_a_parquet_file_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    """T22."""
    path = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table({"id": ["P1"] * 100}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert error_of(path) == (
        f"FILE: is a Parquet file that is cut off or damaged: after its {len(whole) // 2} bytes the end mark `PAR1` is "
        "missing. Copy or export it again."
    )
    path.write_bytes(whole[:100] + whole[-4:])
    assert error_of(path).startswith("FILE: is a Parquet file that cannot be read (")
    parquet.write_table(pyarrow.table({"id": ["P1"], "doses": [[1, 2]]}), path)
    assert error_of(path) == (
        "FILE:1, doses: holds lists or maps; a cell of a patients' table is a number or a text. "
        "Write one column for each of their values."
    )
    parquet.write_table(pyarrow.table({"id": pyarrow.array([], pyarrow.string())}), path)
    assert error_of(path) == "FILE: holds columns but no row. Export it again, with its rows."


def test_a_name_that_says_something_else_is_refused(write: Write) -> None:
    """T22."""
    path = write("t.parquet", "patient_id,age\nP1,60\n")
    assert error_of(path) == (
        "FILE: is named as a Parquet file, and is text (it begins with 'patient_id,age'). "
        "Rename it to t.csv, or export it again."
    )
    path = write("t.csv", b"PAR1\x15\x04\x15")
    assert error_of(path) == (
        "FILE: is named as text, and is a Parquet file. Rename it to t.parquet, or export it again."
    )


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel workbook (.xls)"),
        (b"$FL2@(#) SPSS", "an SPSS file (.sav)"),
        (b" <html><table>", "an HTML page (some programs write one under the name .xls)"),
    ],
)
def test_what_no_reader_reads_is_recognised(write: Write, content: bytes, kind: str) -> None:
    assert error_of(write("t.xls", content)) == (
        f"FILE: is {kind}, no text. Save the table as CSV (UTF-8), one sheet a file."
    )


def test_another_encoding_is_read_where_it_is_named(write: Write) -> None:
    """T11."""
    text = "id,stadt\nP1,München\n"
    path = write("t.csv", text.encode("cp1252"))
    assert error_of(path) == (
        "FILE:2: is not UTF-8: byte 0xFC at byte offset 13 is not allowed there (in Windows-1252 it would be 'ü'). "
        "Save it as UTF-8 (in Excel: CSV UTF-8), or write `encoding: windows-1252` under `patients` in cohort.yaml."
    )
    assert read_patients_table(path, TableFormat(encoding="windows-1252")).rows == (("P1", "München"),)
    path = write("t.csv", text.encode("utf-16"))
    assert error_of(path) == (
        "FILE: is written in UTF-16 (by its byte order mark). "
        "Save it as UTF-8 (in Excel: CSV UTF-8), or write `encoding: utf-16` under `patients` in cohort.yaml."
    )
    assert read_patients_table(path, TableFormat(encoding="utf-16")).columns == ("id", "stadt")


def test_the_wrong_encoding_is_refused(write: Write) -> None:
    path = write("t.csv", "id,stadt\nP1,München\n")
    assert error_of(path, TableFormat(encoding="windows-1252")) == (
        "FILE: is written in UTF-8, and is to be read as windows-1252. Leave `encoding` out."
    )
    path = write("t.csv", b"id,town\nP1,\x81\xfc\n")
    assert error_of(path, TableFormat(encoding="windows-1252")) == (
        "FILE:2: is not windows-1252: byte 0x81 at byte offset 11 is not allowed there. "
        "Correct `encoding`, or save it as UTF-8 (in Excel: CSV UTF-8)."
    )


def test_semicolons_and_decimal_commas_are_read_where_they_are_named(write: Write) -> None:
    path = write("t.csv", "id;age;code\n1,5;60,5;a,b\nP2;1.234,5;x\nP3;;,5\n")
    assert error_of(path) == (
        'FILE:1: the columns are separated by semicolons. Write `separator: ";"`, and `decimal: ","` where its numbers '
        "have decimal commas, under `patients` in cohort.yaml, or save it with commas or tabs."
    )
    table = read_patients_table(path, TableFormat(separator=";", decimal=","), id_column="id")
    assert table.rows == (("1,5", "60.5", "a,b"), ("P2", "1234.5", "x"), ("P3", "", ".5"))
    assert table.findings == ()


def test_a_point_beside_decimal_commas_is_ambiguous(write: Write) -> None:
    path = write("t.csv", "id;age;size\nP1;60,5;1.234\nP2;61.5;2\n")
    assert said(read_patients_table(path, TableFormat(separator=";", decimal=","), id_column="id")) == [
        "error: FILE, age: 1 cell with a point, in a table whose decimal mark is a comma (line 3 '61.5'): "
        "the point may set thousands apart, or mark decimals. Write the numbers of a table in one way.",
        "warning: FILE, size: 1 cell with a point, in a table whose decimal mark is a comma (line 2 '1.234'): "
        "the point may set thousands apart, or mark decimals. Check the column; it is read as decimals.",
    ]


def test_spaces_around_ids_do_not_belong_to_them(write: Write) -> None:
    table = read_patients_table(write("t.csv", "id,age\nP1 ,60\n P2,61\nP3,62\n"), id_column="id")
    assert table.column("id") == ("P1", "P2", "P3")
    assert said(table) == ["note: FILE:2, id: spaces around 2 ids are left out (line 2, line 3)."]


def test_names_that_differ_by_spaces_are_one_name_twice(write: Write) -> None:
    assert error_of(write("t.csv", "id,age,age \nP1,60,61\n")) == (
        "FILE:1: the column 'age' is there twice, once with spaces around its name. Rename one."
    )


def test_a_row_that_sums_up_others_is_no_patient(write: Write) -> None:
    table = read_patients_table(write("t.csv", "id,age\nP1,60\nP2,61\nMean,60.5\nTotal:,121\n"), id_column="id")
    assert table.column("id") == ("P1", "P2")
    assert (table.n_read, dict(table.left_out)) == (4, {"sums up others": 2})
    assert said(table) == [
        "warning: FILE:4, id: left out: 2 rows that are no patient but sum up others, by their id ('Mean' in line 4, "
        "'Total:' in line 5). Delete them; or, where that is a patient's id, give the patient another."
    ]


def test_a_sheet_of_a_file_without_sheets_is_refused(write: Write) -> None:
    assert error_of(write("t.csv", "id\nP1\n"), TableFormat(sheet="Data")) == (
        "FILE: is text, and a sheet ('Data') is to be read from it; only workbooks have sheets. Leave `sheet` out."
    )


@pytest.mark.parametrize(
    ("cell", "kind", "todo"),
    [
        (
            "1,5",
            "a comma in a number",
            "Write it with a decimal point and without marks between the thousands; where commas are the decimal mark "
            'of a patients\' table, write `decimal: ","` under `patients` in cohort.yaml.',
        ),
        ("1'234.5", "a number whose thousands are set apart", "Write it without marks between the thousands."),
        ("1 234", "a number whose thousands are set apart", "Write it without marks between the thousands."),
        ("65 kg", "a number with its unit", "Write the number alone; the unit is said once, by the column's `unit`."),
        (
            "01.03.2020",
            "a date",
            "Write a number, such as the time between two dates in the column's unit, or leave the cell empty.",
        ),
        (
            "#DIV/0!",
            "text that is no number",
            "Write a number with a decimal point, leave the cell empty, or list the text under the column's `missing`.",
        ),
    ],
)
def test_what_looks_like_a_number_is_said_to_be_none(write: Write, cell: str, kind: str, todo: str) -> None:
    path = write("t.tsv", f"id\tage\nP1\t{cell}\nP2\t60\n")
    values, findings = read_patients_table(path).numbers("age")
    assert values[1] == 60
    assert [str(f) for f in findings] == [f"{path}, age: 1 of 2 cells with {kind} (line 2 '{cell}'). {todo}"]


def test_without_the_extra_both_formats_are_refused_in_words(
    workbook: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, columns = workbook(P=ROWS), tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table({"id": ["P1"]}), columns)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert error_of(book) == (
        "FILE: is an Excel workbook, and openpyxl, which reads those, is not installed. "
        'Run `pip install "mmcare[tables]"`, or save the sheet as CSV (UTF-8).'
    )
    assert error_of(columns) == (
        "FILE: is a Parquet file, and pyarrow, which reads those, is not installed. "
        'Run `pip install "mmcare[tables]"`, or save the table as CSV (UTF-8).'
    )
