"""Every Python block runs, one after the other of its page."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from .markdown import blocks, files, pages, text_of, write_files

PAGES = [page for page in pages() if any(not block.title for block in blocks(page, "python"))]
TESTS = [(page, name) for page in pages() for name in files(page) if name.startswith("test_")]


def test_pages_show_python() -> None:
    assert "docs/python-api.md" in PAGES and len(TESTS) >= 1


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs(page: str, desk_with_cohorts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = desk_with_cohorts / "page.py"
    script.write_text("\n".join(block.text for block in blocks(page, "python") if not block.title), encoding="utf-8")
    runpy.run_path(str(script))
    assert capsys.readouterr().out.strip()
    for path in desk_with_cohorts.glob("runs/*/*"):
        name = f"{path.name}/" if path.is_dir() else path.name
        assert f"`{name}" in text_of("docs/runs.md"), name


@pytest.mark.parametrize(("page", "name"), TESTS)
def test_a_test_of_a_page_holds_checks(page: str, name: str, desk: Path) -> None:
    write_files(page, desk)
    found = runpy.run_path(name)["test_contract"]
    (mark,) = found.pytestmark
    assert len(mark.args[1]) > 5
