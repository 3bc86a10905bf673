"""The site builds without a warning, and asks no other host for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .markdown import ROOT, pages

PARTS = re.compile(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=\"?((?:https?:)?//[^\" >]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    built = [page.removeprefix("docs/").removesuffix(".md") for page in pages() if page.startswith("docs/")]
    for page in built:
        folder = site if page == "index" else site / page.removesuffix("/index")
        assert (folder / "index.html").exists(), page


def test_no_page_needs_the_network(site: Path) -> None:
    found = {url for page in site.rglob("*.html") for url in PARTS.findall(page.read_text(encoding="utf-8"))}
    assert found == set()
    styles = "".join(style.read_text(encoding="utf-8") for style in site.rglob("*.css"))
    assert not re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", styles)


def test_scripts_of_the_docs_are_no_pages(site: Path) -> None:
    assert not list(site.rglob("*.py"))
