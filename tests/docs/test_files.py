"""The files that the pages show are good ones, or wrong on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mmcare.cli.main import main

from .markdown import ROOT, blocks, files, pages, text_of, write_files

SPECS = [
    (page, name)
    for page in pages()
    for name, text in files(page).items()
    if name.endswith(".yaml") and any(line.startswith(("mmcare:", "extends:")) for line in text.splitlines())
]
COHORTS = [(page, name) for page in pages() for name in files(page) if name.endswith("cohort.yaml")]
SNIPPETS = [block for page in pages() for block in blocks(page, "yaml")]


def test_the_pages_show_specs_and_a_cohort() -> None:
    assert len(SPECS) >= 5 and len(COHORTS) >= 1


@pytest.mark.parametrize(("page", "name"), SPECS)
def test_a_spec_of_a_page_is_right_or_called_wrong(
    page: str, name: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(page, desk)
    plugins = [word for file in files(page) if file == "my_encoder.py" for word in ("--plugin", file)]
    assert main(["spec", "check", name, *plugins]) == (2 if name.startswith("wrong") else 0), capsys.readouterr()


@pytest.mark.parametrize(("page", "name"), COHORTS)
def test_a_cohort_of_a_page_has_no_error(page: str, name: str, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_files(page, desk)
    assert main(["cohort", "check", str(Path(name).parent)]) < 2, capsys.readouterr()


@pytest.mark.parametrize("block", SNIPPETS, ids=lambda b: b.page)
def test_every_piece_of_yaml_can_be_read(block) -> None:
    assert YAML(typ="safe").load(block.text) is not None or block.text.startswith("#")


@pytest.mark.parametrize("page", ["README.md", "docs/writing-a-plugin.md"])
def test_the_single_file_plugin_is_the_example(page: str) -> None:
    example = (ROOT / "examples" / "plugins" / "my_encoder.py").read_text(encoding="utf-8")
    assert files(page)["my_encoder.py"] == example.replace("  # noqa: D101", "").replace("  # noqa: D102", "")


def test_the_shortest_distribution_is_the_one_in_the_hook_s_docstring() -> None:
    from mmcare.registry import hookspec

    doc = hookspec.mmcare_components.__doc__ or ""
    lines = [line.strip() for line in doc[doc.index("from mmcare.registry") :].splitlines() if line.strip()]
    shown = files("docs/writing-a-plugin.md")["plugin.py"]
    assert [line.strip() for line in shown.splitlines() if line.strip()] == lines


def test_the_readme_and_the_first_page_draw_the_same_way() -> None:
    (shown,) = [b.text for b in blocks("README.md", "text") if "patients.csv" in b.text]
    assert shown in text_of("docs/index.md")
