"""What `cohort check` says of bad tables and outcomes: each case spoils one thing of a cohort in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mmcare.workflow.cohort_check import check_cohort_folder

from .conftest import DICTIONARY, as_text, rows

Write = Callable[..., Path]


def said(folder: Path, images: bool = True) -> list[str]:
    """All findings, `severity: text`, paths without the folder."""
    _, findings = check_cohort_folder(folder, images=images)
    return [f"{f.severity}: {f}".replace(f"{folder}/", "").replace(str(folder), "FOLDER") for f in findings]


def changed(at: int, **cells: str) -> str:
    """The table with cells of one row changed (row 0 stands in line 2)."""
    table = rows()
    table[at].update(cells)
    return as_text(table)


def column(name: str, cells: Callable[[int], str]) -> str:
    """The table with a whole column changed."""
    return as_text([{**row, name: cells(i)} for i, row in enumerate(rows())])


def test_a_cohort_in_order_has_no_finding(write: Write) -> None:
    assert said(write()) == []


# T01
TABLES = {
    "T01 an id twice": (
        changed(3, patient_id="P01"),
        "error: patients.csv:5, patient_id: the patient id `P01` stands in lines 3, 5; one row a patient. "
        "Merge the rows, or give each patient an id of its own.",
    ),
    "T07 words for a number": (
        as_text([{**r, "age": {1: "sixty", 4: ">70", 6: "n/a"}.get(i, r["age"])} for i, r in enumerate(rows())]),
        "error: patients.csv, modality table, age: 3 of 24 cells with text that is no number "
        "(line 3 'sixty', line 6 '>70', line 8 'n/a'). Write a number with a decimal point, leave the cell empty, "
        "or list the text under the column's `missing`.",
    ),
    "T08 a constant column": (
        column("sex", lambda i: "male"),
        "warning: patients.csv, modality table, sex: holds `male` for all 24 patients who have a value: "
        "it teaches nothing. Leave it out, or correct it.",
    ),
    "T08 an empty column": (
        column("age", lambda i: ""),
        "warning: patients.csv, modality table, age: is empty for all 24 patients. Leave it out, or correct it.",
    ),
    "T13 no finite number": (
        as_text([{**r, "age": {1: "inf", 4: "1e309"}.get(i, r["age"])} for i, r in enumerate(rows())]),
        "error: patients.csv, modality table, age: 2 of 24 cells with a number that is not finite "
        "(line 3 'inf', line 6 '1e309'). Write a finite number, or leave the cell empty.",
    ),
    "T13 a code for missing": (
        changed(2, age="-9999"),
        "error: patients.csv, modality table, age: 1 of 24 cells with a code that often stands for a missing value "
        "(line 4 '-9999'). Leave the cell empty, or list the code under the column's `missing`.",
    ),
    "T14 a date": (
        changed(2, age="2020-03-01"),
        "error: patients.csv, modality table, age: 1 of 24 cells with a date (line 4 '2020-03-01'). "
        "Write a number, such as the time between two dates in the column's unit, or leave the cell empty.",
    ),
    "T16 an id that is a path": (
        changed(2, patient_id="../P02"),
        "error: patients.csv:4, patient ../P02, patient_id: the id '../P02' (6 characters) cannot be part of a file "
        "name; allowed are 1 to 64 of the letters A-Z and a-z, digits, '-', '_', '.' and inner spaces, beginning with "
        "a letter or digit, not ending in '.', and no device name of Windows such as CON. "
        "Give the patient another id in every file of the cohort.",
    ),
    "a level that the dictionary does not name": (
        changed(2, sex="m"),
        "warning: patients.csv, modality table, sex: `m` (line 4; 1 cells) is none of the levels female, male: "
        "it counts as not measured. Correct the cells, or the column's `levels`.",
    ),
    "O01 times of zero and below": (
        as_text([{**r, "os_months": {1: "0", 2: "-4"}.get(i, r["os_months"])} for i, r in enumerate(rows())]),
        "error: patients.csv:3, os_months: `0` in line 3 (patient P01), `-4` in line 4 (patient P02): a time is "
        "counted from the treatment decision and is greater than 0. Correct these patients' dates, or leave the cell "
        "empty.",
    ),
    "O02 codes 1 and 2": (
        column("dead", lambda i: str(1 + int(i % 3 == 0))),
        "error: patients.csv:2, dead: codes `2` (8 times) have no meaning; the dictionary has {0: censored, 1: event}. "
        "Say what each code means in `endpoints.os.codes`, such as {1: censored, 2: event}.",
    ),
    "O03 censoring inverted": (
        column("dead", lambda i: str(int(i % 3 != 0))),
        "warning: patients.csv, dead: 16 of 24 patients have the event of `os`, in the median after 42 months, "
        "later than the 8 censored (16.5): the codes may be inverted. If they are, swap them in `endpoints.os.codes`.",
    ),
    "O04 an arm without events": (
        column("dead", lambda i: str(int(i % 3 == 0 and i % 2 == 0))),
        "warning: patients.csv, dead: arm `surgery` has no event of `os` among 12 patients: "
        "nothing can be learned of it.",
    ),
    "O05 nobody received an arm": (
        column("arm", lambda i: "sbrt"),
        "warning: patients.csv, arm: nobody received `surgery`, which the dictionary names.",
    ),
    "O09 a third code": (
        as_text([{**r, "dead": "2" if i in (1, 5) else r["dead"]} for i, r in enumerate(rows())]),
        "error: patients.csv:3, dead: codes `2` (2 times) have no meaning; the dictionary has {0: censored, 1: event}. "
        "Say what each code means in `endpoints.os.codes`, such as {1: censored, 2: event}.",
    ),
    "O11 one time for all": (
        column("os_months", lambda i: "36"),
        "warning: patients.csv, os_months: all 24 times are 36 months. Check the column.",
    ),
    "O12 a horizon beyond follow-up": (
        column("os_months", lambda i: str(6 + i)),
        "warning: patients.csv, os_months: `os` is to be reported at 3 years, the longest time is 2.42 years: "
        "0 are at risk there. Take it out of `endpoints.os.horizons`.",
    ),
    "O13 an arm never censored": (
        column("dead", lambda i: "1" if i % 2 else str(int(i % 3 == 0))),
        "warning: patients.csv, dead: nobody of the 12 patients under `surgery` is censored for `os`. "
        "Check whether the codes are inverted.",
    ),
    "an arm of no name": (
        changed(2, arm="rfa"),
        "error: patients.csv:4, arm: `rfa` in line 4 (patient P02): no such arm; the dictionary names: sbrt, surgery. "
        "Correct the cells, or add the arm to `arms.values`.",
    ),
    "a time that is a word": (
        changed(2, os_months="soon"),
        "error: patients.csv:4, os_months: `soon` in line 4 (patient P02): not a number. "
        "Write a number, or leave it empty.",
    ),
    "T19 five patients": (
        as_text(rows(5)),
        "warning: patients.csv, os_months: `os` is known of 5 patients; to train needs at least 10. "
        "Bring more patients.",
    ),
    "T19 a header alone": (
        as_text(rows()).splitlines()[0] + "\n",
        "error: patients.csv: holds a header but no row; at least one is needed. Export it again, with its rows.",
    ),
    "T15 a NUL byte": (
        as_text(rows()).replace("P03", "P\0").encode(),
        "error: patients.csv:5: a NUL byte at byte offset {offset}: this is no text file, or a damaged one. "
        "Export it again as text.",
    ),
    "T11 Windows-1252": (
        as_text(rows()).replace("female", "féminin", 1).encode("cp1252"),
        "error: patients.csv:2: is not UTF-8: byte 0xE9 at byte offset {offset} is not allowed there "
        "(in Windows-1252 it would be 'é'). Save it as UTF-8 (in Excel: CSV UTF-8), "
        "or write `encoding: windows-1252` under `patients` in cohort.yaml.",
    ),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_bad_table_is_named(case: str, write: Write) -> None:
    table, message = TABLES[case]
    if "{offset}" in message:
        assert isinstance(table, bytes)
        odd = b"\0" if b"\0" in table else b"\xe9"
        message = message.replace("{offset}", str(table.index(odd)))
    assert message in said(write(table=table))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x1f\x8b\x08\x00\x00", "a gzip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel workbook (.xls)"),
    ],
)
def test_a_table_in_another_format_is_recognised(content: bytes, kind: str, write: Write) -> None:
    assert said(write(table=content)) == [
        f"error: patients.csv: is {kind}, no text. Save the table as CSV (UTF-8), one sheet a file."
    ]


DICTIONARIES = {
    "T12 a column that is not there": (
        DICTIONARY.replace("age:", "agee:"),
        "error: cohort.yaml:6:3, columns.agee: patients.csv has no column `agee`. The nearest is `age`. "
        "Correct the name here or in the table.",
    ),
    "T24 a table that is not there": (
        DICTIONARY.replace("mmcare_cohort: 1\n", "mmcare_cohort: 1\npatients: {file: people.csv}\n"),
        "error: cohort.yaml:2:12, patients.file: the patients' table people.csv is not there. "
        "Put it there, or name it in `patients.file`.",
    ),
    "S21 horizons": (
        DICTIONARY.replace("[1, 3]", "[0, 1]"),
        "error: cohort.yaml:4:52, endpoints.os.horizons: horizons are positive years in rising order, each once; "
        "found [0.0, 1.0].",
    ),
    "the treatment as a predictor": (
        DICTIONARY + "  arm: {type: category}\n",
        "error: cohort.yaml:9:3, columns.arm: holds the treatment received, and that is never an input. "
        "Take it out of `columns`, or give it `role: other`.",
    ),
    "an outcome as a predictor": (
        DICTIONARY + "  os_months: {type: number}\n",
        "error: cohort.yaml:9:3, columns.os_months: holds the time of `os`, and that is never an input. "
        "Take it out of `columns`, or give it `role: other`.",
    ),
    "no event among the codes": (
        DICTIONARY.replace("unit: months,", "unit: months, codes: {0: censored},"),
        "error: cohort.yaml:4:3, endpoints.os: `codes` names no `event`, such as `{0: censored, 1: event}`.",
    ),
    "a spec": ("mmcare: 1\n", "error: cohort.yaml: is a spec; a cohort's dictionary starts with `mmcare_cohort: 1`."),
}


@pytest.mark.parametrize("case", DICTIONARIES)
def test_a_bad_dictionary_is_named(case: str, write: Write) -> None:
    dictionary, message = DICTIONARIES[case]
    assert message in said(write(dictionary))


def test_free_text_is_no_category(write: Write) -> None:
    """T20."""
    texts = [f"a word about {row['patient_id']}" for row in rows(400)]
    table = as_text([{**row, "sex": texts[i], "age": str(55 + i % 30)} for i, row in enumerate(rows(400))])
    found = said(write(DICTIONARY.replace(", levels: [female, male]", ""), table))
    assert found == [
        "warning: patients.csv, modality table, sex: holds 400 different texts: more than 50 are no category to learn "
        "of. Group them, or give the column `role: other`."
    ]


def test_a_line_break_within_quotes_is_part_of_a_cell(write: Write) -> None:
    """T15: and the lines of what follows are those of the file."""
    table = changed(1, sex='"fe\nmale"')
    assert said(write(table=table))[-1] == (
        "warning: patients.csv, modality table, sex: `fe male` (line 3; 1 cells) is none of the levels female, male: "
        "it counts as not measured. Correct the cells, or the column's `levels`."
    )
    assert said(write(table=table.replace("P02,sbrt,32,0,57", "P02,sbrt,32,0,?")))[0] == (
        "error: patients.csv, modality table, age: 1 of 24 cells with text that is no number (line 5 '?'). "
        "Write a number with a decimal point, leave the cell empty, or list the text under the column's `missing`."
    )


def test_an_entry_that_nothing_reads_is_said(write: Write) -> None:
    folder = write(DICTIONARY + "modalities:\n  sounds: {tape: t.wav}\n")
    assert said(folder) == [
        "note: cohort.yaml, modality sounds: no installed modality is known to read it (entries: tape)."
    ]


def test_files_that_are_not_there_are_counted(write: Write) -> None:
    folder = write(DICTIONARY + 'modalities:\n  ct: {files: "ct/{patient}.nii.gz", mask: "ct/{patient}_m.nii.gz"}\n')
    assert said(folder) == [
        "warning: cohort.yaml, modality ct, files: 24 of 24 patients have no CT at ct/{patient}.nii.gz "
        "(P00, P01, P02, …). Correct `modalities.ct.files`, or bring the files."
    ]
    (folder / "ct").mkdir()
    for row in rows()[2:]:
        (folder / "ct" / f"{row['patient_id']}.nii.gz").touch()
    assert said(folder, images=False) == [
        "note: cohort.yaml, modality ct, files: 2 of 24 patients have no CT at ct/{patient}.nii.gz (P00, P01).",
        "note: cohort.yaml, modality ct, mask: 22 of 22 with a CT have no mask at ct/{patient}_m.nii.gz "
        "(P02, P03, P04, …).",
    ]


def test_a_genome_without_its_files_is_said(write: Write) -> None:
    entry = "{mutations: m.maf, panels: p.tsv, panel_genes: g.tsv, available_at: after}"
    assert said(write(f"{DICTIONARY}modalities:\n  genomic: {entry}\n"))[0].startswith("error: p.tsv: there is no such")
    assert said(write(f"{DICTIONARY}modalities:\n  genomic: {{mutations: m.maf, available_at: after}}\n")) == [
        "error: cohort.yaml, modalities.genomic: the entry `panels` is missing; found: mutations, available_at. "
        "Add `panels: FILE` to it."
    ]


def test_a_genome_of_nobody_is_named(write: Write) -> None:
    """G01."""
    entry = "{mutations: m.maf, panels: p.tsv, panel_genes: g.tsv, available_at: after}"
    folder = write(f"{DICTIONARY}modalities:\n  genomic: {entry}\n")
    columns = "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\tHGVSp_Short\n"
    (folder / "m.maf").write_text(columns + "TP53\tOTHER\tMissense_Mutation\tp.R175H\n")
    (folder / "p.tsv").write_text("SAMPLE_ID\tmutations\n" + "".join(f"{r['patient_id']}\tNA\n" for r in rows()))
    (folder / "g.tsv").write_text("panel\tgene\nP1\tTP53\n")
    assert (
        "warning: cohort.yaml, modality genomic: none of 24 patients has it (24 x not sequenced); a spec that names it "
        "needs at least one. Bring its files under the patients' ids, or take `genomic` out of the spec and of "
        "`modalities`."
    ) in said(folder)
