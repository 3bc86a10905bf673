"""Tables: what is read, what is left out, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmcare.errors import CohortError
from mmcare.formats import Table, read_table

Write = Callable[[str, str | bytes], Path]


def error_of(path: Path, **options: object) -> str:
    with pytest.raises(CohortError) as caught:
        read_table(path, **options)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "id,age\nP1,60\nP2,70\n",
        "id\tage\nP1\t60\nP2\t70\n",
        b"\xef\xbb\xbfid,age\r\nP1,60\r\nP2,70\r\n",
        "id,age\nP1,60\nP2,70",
        '"id","age"\n"P1","60"\n"P2","70"\n',
    ],
    ids=["comma", "tab", "mark-and-crlf", "no-last-line-end", "quoted"],
)
def test_cells_stay_text(write: Write, content: str | bytes) -> None:
    table = read_table(write("t.csv", content))
    assert table.columns == ("id", "age")
    assert list(table.records()) == [{"id": "P1", "age": "60"}, {"id": "P2", "age": "70"}]
    assert table.lines == (2, 3)
    assert table.findings == ()


def test_newline_inside_quotes_is_accepted_and_lines_are_those_of_the_file(write: Write) -> None:
    table = read_table(write("t.csv", 'id,note\nP1,"two\nlines"\nP2,one\n'))
    assert table.column("note") == ("two\nlines", "one")
    assert table.lines == (2, 4)


def test_ragged_and_blank_rows_are_left_out_and_counted(write: Write) -> None:
    path = write("t.csv", "a,b\n1,2\n3\n\n4,5,6\n7,8\n")
    table = read_table(path)
    assert table.rows == (("1", "2"), ("7", "8"))
    assert (table.n_read, dict(table.left_out)) == (5, {"blank line": 1, "another number of cells": 2})
    assert [str(finding) for finding in table.findings] == [
        f"{path}:3: left out: 2 rows without the header's 2 cells (line 3 has 1, line 5 has 3). "
        "Put quotes around a cell that holds the separator, or add the missing cells."
    ]


def test_rows_that_do_not_add_up_are_no_table() -> None:
    with pytest.raises(AssertionError, match="3 rows read, 1 accounted for"):
        Table(Path("t"), ("a",), (("1",),), (2,), n_read=3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "{}: the file is empty. Export it again."),
        (b"id,age\n", "{}: holds a header but no row; at least one is needed. Export it again, with its rows."),
        (
            "id,note\nP1,café\n".encode("cp1252"),
            "{}:2: is not UTF-8: byte 0xE9 at byte offset 14 is not allowed there (in Windows-1252 it would be 'é'). "
            "Save it as UTF-8 (in Excel: CSV UTF-8).",
        ),
        (
            "id,age\n".encode("utf-16"),
            "{}: is written in UTF-16 (by its byte order mark). Save it as UTF-8 (in Excel: CSV UTF-8).",
        ),
        (
            b"id,age\nP1,6\x000\n",
            "{}:2: a NUL byte at byte offset 11: this is no text file, or a damaged one. Export it again as text.",
        ),
        (b"id,age,id\nP1,1,2\n", "{}:1: the column 'id' is there twice, as columns 1 and 3. Rename one."),
        (b"id,,age\nP1,1,2\n", "{}:1: column 2 of 3 has no name. Name it."),
        (
            b"id;age\nP1;60\n",
            "{}:1: the columns are separated by semicolons; allowed are commas and tabs. "
            "Save it as CSV (comma separated, decimal point) or as tab-separated text.",
        ),
        (
            b'id,note\nP1,one\nP2,"open\n',
            "{}:3: the quotes or the length of a cell of the row that starts here do not work out "
            "(unexpected end of data). Close the quote, and double a quote that belongs to the text.",
        ),
    ],
    ids=["empty", "header-only", "windows-1252", "utf-16", "nul", "column-twice", "no-name", "semicolon", "open-quote"],
)
def test_a_file_of_no_use_is_refused_in_words(write: Write, content: bytes, message: str) -> None:
    path = write("t.csv", content)
    assert error_of(path) == message.format(path)


def test_absent_file_and_folder(tmp_path: Path) -> None:
    assert (
        error_of(tmp_path / "no.csv") == f"{tmp_path / 'no.csv'}: there is no such file. Name a file that can be read."
    )
    assert error_of(tmp_path) == f"{tmp_path}: is a folder, not a file. Name a file that can be read."


def test_a_missing_column_names_the_nearest(write: Write) -> None:
    path = write("t.csv", "patient_id,fev1\nP1,90\n")
    with pytest.raises(CohortError) as caught:
        read_table(path).require(["fev_1", "xyz"])
    assert str(caught.value) == (
        f"{path}:1, fev_1: there is no column 'fev_1'; the file has: patient_id, fev1. Did you mean 'fev1'?\n"
        f"{path}:1, xyz: there is no column 'xyz'; the file has: patient_id, fev1. Name one of these, or "
        "add the column."
    )


def test_numbers_and_what_is_none(write: Write) -> None:
    cells = ["60", " 61.5 ", "", "NA", "sixty", "n/a", ">70", "1e3", "inf", "1e309", "-9999", "2019-03-04", "1_000"]
    path = write("t.csv", "age,x\n" + "".join(f"{cell},\n" for cell in cells))
    values, findings = read_table(path).numbers("age", missing=["NA"])
    expected = [60, 61.5, *[np.nan] * 5, 1000, *[np.nan] * 5]
    np.testing.assert_array_equal(values, expected)
    assert [str(finding) for finding in findings] == [
        f"{path}, age: 4 of 13 cells with text that is no number (line 6 'sixty', line 7 'n/a', line 8 '>70' and 1 "
        "more). Write a number with a decimal point, leave the cell empty, or list the text under the column's "
        "`missing`.",
        f"{path}, age: 2 of 13 cells with a number that is not finite (line 10 'inf', line 11 '1e309'). "
        "Write a finite number, or leave the cell empty.",
        f"{path}, age: 1 of 13 cells with a code that often stands for a missing value (line 12 '-9999'). "
        "Leave the cell empty, or list the code under the column's `missing`.",
        f"{path}, age: 1 of 13 cells with a date (line 13 '2019-03-04'). "
        "Write a number, such as the time between two dates in the column's unit, or leave the cell empty.",
    ]


def test_unquoted_text_keeps_its_quotes_and_comments_are_skipped(write: Write) -> None:
    path = write("t.txt", '#version 2.4\n#made by "us\nid\tnote\nP1\t5" nail\n')
    table = read_table(path, separator="\t", comment="#", quoted=False)
    assert table.rows == (("P1", '5" nail'),)
    assert table.lines == (4,)
