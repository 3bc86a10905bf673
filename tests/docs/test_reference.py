"""The pages made from the code are those that the code makes, and leave out nothing."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from pydantic import BaseModel

from mmcare.cli.main import main
from mmcare.cli.verbs import VERBS, Verb
from mmcare.cohort import dictionary
from mmcare.evaluation.definitions import DEFINITIONS, definition
from mmcare.registry import Entry, discover, fields_of
from mmcare.registry.known import KNOWN
from mmcare.spec import settings
from mmcare.spec.document import SpecDocument

from .markdown import ROOT, text_of

BUILTIN = ROOT / "mmcare" / "builtin"
OURS = [entry for entry in discover().entries() if entry.provider.distribution in KNOWN]


def models(module: object) -> list[type[BaseModel]]:
    found = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, BaseModel)]
    return [model for model in found if model.model_fields]


def test_no_page_is_stale() -> None:
    script = ROOT / "docs" / "scripts" / "write_reference.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("entry", OURS, ids=lambda e: f"{e.component.kind} {e.component.name}")
def test_a_component_has_a_page_with_all_its_keys(entry: Entry) -> None:
    name = f"{entry.component.kind}-{entry.component.name}.md"
    page = text_of(f"docs/components/{name}")
    for key in fields_of(entry.component.config):
        assert f"- `{key.key}` ({key.type}; " in page and f": {key.doc}\n" in page, key.key
    assert f"]({name})" in text_of("docs/components/index.md")
    assert f"components/{name}" in text_of("mkdocs.yml")
    assert entry.component.summary in page


@pytest.mark.parametrize("verb", VERBS, ids=lambda v: f"{v.group} {v.name}".strip())
def test_a_verb_has_all_that_its_help_says(
    verb: Verb, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("TERMINAL_WIDTH", "250")
    name = f"{verb.group} {verb.name}".strip()
    assert main([*name.split(), "--help"]) == 0
    said = squeezed(capsys.readouterr().out)
    page = text_of("docs/command-line.md")
    section = re.split(r"^##+ ", page[page.index(f"# mmcare {name}\n") + 2 :], flags=re.MULTILINE)[0]
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", said.partition("Options")[2])) - {"--help", "--traceback"}
    assert options <= set(re.findall(r"--[a-z-]+", section))
    for text in re.findall(r"^- `[^`]+`(?: \(required\))?: (.+?)(?: By default `.*)?$", section, re.MULTILINE):
        assert squeezed(text) in said, text


@pytest.mark.parametrize("model", [SpecDocument, *models(settings)], ids=lambda m: m.__name__)
def test_a_key_of_a_spec_is_on_its_page(model: type[BaseModel]) -> None:
    for field in model.model_fields.values():
        assert f": {field.description}\n" in text_of("docs/spec-keys.md"), field.description


@pytest.mark.parametrize("model", models(dictionary), ids=lambda m: m.__name__)
def test_a_key_of_a_cohort_is_on_its_page(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        assert re.search(rf"- `{name}` .*: {re.escape(field.description or '')}\n", text_of("docs/cohort-keys.md"))


def test_an_entry_that_a_modality_reads_is_on_the_page_of_cohorts() -> None:
    reads = re.compile(r"""source\.(?:file|path|entry\.get|entry)[(\[]"(\w+)\"""")
    named = re.compile(r"""source\.\w+\(name.* for name in \(((?:"\w+",? ?)+)\)""")
    text = "".join(
        p.read_text(encoding="utf-8") for p in (*ROOT.glob("plugins/**/mmcare_*/*.py"), *BUILTIN.glob("*.py"))
    )
    entries = {*reads.findall(text), *(name for names in named.findall(text) for name in re.findall(r"\w+", names))}
    assert {"files", "mask", "roi", "mutations", "panels", "panel_genes", "network", "tokens"} <= entries
    page = text_of("docs/cohorts.md")
    assert {entry for entry in entries if f"`{entry}`" not in page} == set()


@pytest.mark.parametrize("metric", DEFINITIONS)
def test_a_figure_has_its_definition(metric: str) -> None:
    assert f"- `{metric}`: {definition(metric)}." in text_of("docs/evaluation-figures.md")


def squeezed(text: str) -> str:
    """Without frames, line breaks and runs of blanks."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())
