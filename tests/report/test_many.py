"""Reports of a cohort: made once, gone on with, listed, searched and filtered."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from mmcare.report.entry import read_entry
from mmcare.run import Run

from .browser import Browser
from .cohorts import PLAIN, plain_rows, write
from .conftest import Ask, page_data


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five of the patients."""
    return write(tmp_path_factory.mktemp("few") / "cohort", PLAIN, plain_rows(5))


@pytest.fixture(scope="module")
def reports(run: Run, few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mmcare.cohort import read_cohort
    from mmcare.report.many import write_reports

    out = tmp_path_factory.mktemp("many") / "reports"
    made = write_reports(run, read_cohort(few), out)
    assert (made.written, made.kept, made.findings) == (5, 0, ())
    return out


def test_each_page_is_that_of_the_patient_alone(reports: Path, run: Run, few: Path, tmp_path: Path, ask: Ask) -> None:
    ask("report", run.path, "--cohort", few, "--patient", "P003", "--out", tmp_path / "alone.html")
    together, alone = page_data(reports / "P003.html"), page_data(tmp_path / "alone.html")
    assert {**together, "made": None} == {**alone, "made": None}


def test_begun_again_it_makes_what_is_not_there(reports: Path, run: Run, few: Path, tmp_path: Path, ask: Ask) -> None:
    out = shutil.copytree(reports, tmp_path / "again")
    (out / "P002.html").unlink()
    (out / "entries" / "P004.json").write_text("{")
    kept = (out / "P001.html").stat().st_mtime_ns
    code, said, error = ask("report", run.path, "--cohort", few, "--all", "--out", out)
    assert (code, said) == (0, f"{out / 'index.html'}\n")
    assert error == "2 reports written, 3 were there, 0 could not be made\n"
    assert (out / "P002.html").exists()
    assert (out / "P001.html").stat().st_mtime_ns == kept


def test_reports_of_another_cohort_are_made_anew(reports: Path, run: Run, tmp_path: Path, ask: Ask) -> None:
    rows = plain_rows(5)
    rows[0]["age"] = "81.5"
    changed = write(tmp_path / "changed", PLAIN, rows)
    out = shutil.copytree(reports, tmp_path / "out")
    _, _, error = ask("report", run.path, "--cohort", changed, "--all", "--out", out)
    assert error == "5 reports written, 0 were there, 0 could not be made\n"


@pytest.mark.slow
def test_several_processes_make_the_same_pages(run: Run, tmp_path: Path, ask: Ask) -> None:
    cohort = write(tmp_path / "cohort", PLAIN, plain_rows(12))
    pages = []
    for workers in (1, 2):
        out = tmp_path / f"by-{workers}"
        code, _, error = ask("report", run.path, "--cohort", cohort, "--all", "--out", out, "--workers", workers)
        assert (code, error) == (0, "12 reports written, 0 were there, 0 could not be made\n")
        pages.append({page.name: {**page_data(page), "made": None} for page in sorted(out.glob("P*.html"))})
    assert len(pages[0]) == 12
    assert pages[0] == pages[1]


def test_a_folder_of_something_else_is_left_alone(run: Run, few: Path, tmp_path: Path, ask: Ask) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    code, _, error = ask("report", run.path, "--cohort", few, "--all", "--out", tmp_path / "mine")
    assert code == 2
    assert error == (
        f"Error: {tmp_path / 'mine'}: exists, is not empty, and holds no reports.\n"
        "  Name another folder with `--out`.\n"
    )


def test_one_patient_with_a_bad_file_costs_one_report(imaging_run: Run, images: Path, tmp_path: Path, ask: Ask) -> None:
    cohort = tmp_path / "cohort"
    shutil.copytree(images, cohort)
    with (cohort / "patients.csv").open() as file:
        header, *rows = list(csv.reader(file))
    with (cohort / "patients.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows[2:4]])
    scan = cohort / "ct" / "SYN-00003.nii.gz"
    scan.write_bytes(scan.read_bytes()[:500])
    code, _, error = ask("report", imaging_run.path, "--cohort", cohort, "--all", "--out", tmp_path / "out")
    assert code == 1
    assert "patient SYN-00003" in error
    assert error.endswith("1 reports written, 0 were there, 1 could not be made\n")
    entry = read_entry(tmp_path / "out" / "entries" / "SYN-00003.json")
    assert entry is not None and entry.file == "" and "SYN-00003" in entry.error
    assert (tmp_path / "out" / "SYN-00004.html").exists()
    assert entry.error.split(":")[0] in (tmp_path / "out" / "index.html").read_text()
    kept = (tmp_path / "out" / "SYN-00004.html").stat().st_mtime_ns
    shutil.copy(images / "ct" / "SYN-00003.nii.gz", scan)
    _, _, error = ask("report", imaging_run.path, "--cohort", cohort, "--all", "--out", tmp_path / "out")
    assert error.endswith("1 reports written, 1 were there, 0 could not be made\n")
    assert (tmp_path / "out" / "SYN-00004.html").stat().st_mtime_ns == kept
    shutil.copy(images / "ct" / "SYN-00005.nii.gz", cohort / "ct" / "SYN-00004.nii.gz")
    _, _, error = ask("report", imaging_run.path, "--cohort", cohort, "--all", "--out", tmp_path / "out")
    assert error.endswith("1 reports written, 1 were there, 0 could not be made\n")
    assert (tmp_path / "out" / "SYN-00004.html").stat().st_mtime_ns > kept


def test_the_index_is_searched_and_filtered(reports: Path, browser: Browser) -> None:
    with browser.open(reports / "index.html") as opened:
        assert opened.complaints == []
        assert opened.requests == []
        assert opened.serious() == []
        rows = lambda: opened.page.locator("tbody tr:visible").count()  # noqa: E731
        assert rows() == 5
        opened.page.fill("#search", "p003")
        assert rows() == 1
        assert opened.text("#count") == "1 of 5 patients"
        opened.page.fill("#search", "")
        training = opened.page.locator('tbody tr[data-split="training"]').count()
        if training:
            opened.page.select_option("#split", "training")
            assert rows() == training
        opened.page.select_option("#split", "*")
        opened.page.select_option("#absent", "")
        assert rows() == 5
        opened.page.click("text=P003")
        opened.page.wait_for_selector("html[data-ready] h1 >> text=P003")
