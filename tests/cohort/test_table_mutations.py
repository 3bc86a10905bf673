"""A damaged or strange table is read, or refused in our own words; nothing else, and quickly."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from mmcare.cohort import check_cohort
from mmcare.errors import MMCareError
from mmcare.formats import TableFormat, read_patients_table
from mmcare.workflow.cohort_init import draft_cohort, write_draft

from .conftest import DICTIONARY, as_text, rows

LONGEST_SECONDS = 10.0
KINDS = ("flip bits", "cut", "splice", "repeat", "delete", "insert")
CELLS = st.one_of(
    st.sampled_from(["", " ", "NA", "0", "1", "2", "1,5", "1e309", "-9999", "nan", "2020-03-01", "43891", "TODO"]),
    st.text(max_size=12),
    st.integers(-(10**6), 10**6).map(str),
)


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """One of the ways in which files come to harm."""
    kind, (a, b) = rng.choice(KINDS), sorted(rng.integers(0, len(data) + 1, 2).tolist())
    b = min(b, a + 400)
    if kind == "flip bits":
        bytes_ = np.frombuffer(data, dtype=np.uint8).copy()
        places = rng.integers(0, len(data), rng.integers(1, 20))
        bytes_[places] ^= (1 << rng.integers(0, 8, len(places))).astype(np.uint8)
        return bytes_.tobytes()
    if kind == "cut":
        return data[:a]
    if kind == "splice":
        c = int(rng.integers(0, len(data)))
        return data[:a] + data[c : c + 200] + data[b:]
    if kind == "repeat":
        return data[:b] + data[a:b] * int(rng.integers(1, 20)) + data[b:]
    if kind == "delete":
        return data[:a] + data[b:]
    return data[:a] + rng.integers(0, 256, int(rng.integers(1, 30)), dtype=np.uint8).tobytes() + data[a:]


def answered(folder: Path) -> float:
    """Check the folder's cohort and draft its table anew; seconds of CPU that it took."""
    start = time.process_time()
    check_cohort(folder)
    try:
        drafted = draft_cohort(folder / "patients.csv", TableFormat())
        drafted.text()
    except MMCareError as error:
        assert error.findings
    return time.process_time() - start


def sources(real: bool) -> Iterator[bytes]:
    yield as_text(rows()).encode()
    folder = os.environ.get("MMCARE_TEST_DATA") if real else None
    if folder:
        for name in ("lung1-clinical-radiomics", "nsclc-radiogenomics-half"):
            for path in sorted((Path(folder) / name).glob("*clinical*.csv")):
                yield b"".join(path.read_bytes().splitlines(keepends=True)[:60])


def run(folder: Path, n: int, *, real: bool) -> None:
    (folder / "cohort.yaml").write_text(DICTIONARY)
    tables = list(sources(real))
    for seed in range(n):
        (folder / "patients.csv").write_bytes(mutated(tables[seed % len(tables)], np.random.default_rng(seed)))
        try:
            seconds = answered(folder)
        except Exception as error:
            raise AssertionError(f"mutation {seed}") from error
        assert seconds < LONGEST_SECONDS, seed


def test_a_table_that_came_to_harm_is_answered(tmp_path: Path) -> None:
    run(tmp_path, 60, real=False)


@pytest.mark.parametrize("suffix", [".xlsx", ".parquet"])
def test_a_workbook_or_parquet_file_that_came_to_harm_is_answered(suffix: str, tmp_path: Path) -> None:
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"t{suffix}"
    table = rows()
    if suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in (list(table[0]), *(list(row.values()) for row in table)):
            book.active.append(row)
        book.save(whole)
    else:
        columns = {name: [row[name] for row in table] for name in table[0]}
        parquet.write_table(pyarrow.table(columns), whole, compression="none")
    assert len(read_patients_table(whole)) == len(table)
    for seed in range(40):
        path.write_bytes(mutated(whole.read_bytes(), np.random.default_rng(seed)))
        try:
            read_patients_table(path, id_column="patient_id")
        except MMCareError as error:
            assert error.findings


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_5000_tables_that_came_to_harm_are_answered(tmp_path: Path) -> None:
    run(tmp_path, 5000, real=True)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_draft_of_any_table_is_readable_or_refused(data: st.DataObject, tmp_path: Path) -> None:
    """And what is drafted is a dictionary: any error of it is a TODO, or of the table."""
    names = data.draw(st.lists(CELLS, min_size=1, max_size=5))
    table = data.draw(st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), min_size=1, max_size=8))
    quoted = ["\t".join(f'"{cell}"' if "\t" in cell else cell for cell in row) for row in [names, *table]]
    path = tmp_path / "t.tsv"
    path.write_bytes("\n".join(quoted).encode("utf-8", "surrogatepass"))
    out = tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
    try:
        write_draft(draft_cohort(path, TableFormat()), out)
    except MMCareError as error:
        assert error.findings
        return
    _, findings = check_cohort(out)
    of_the_draft = [f for f in findings if str(f.file).endswith("cohort.yaml") and f.severity == "error"]
    assert all(f.code == "todo" for f in of_the_draft), [str(f) for f in of_the_draft]
