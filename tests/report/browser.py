"""A page in a real browser with the network off: what it asks for, what it complains of, what axe-core finds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SMALL, LARGE = {"width": 400, "height": 800}, {"width": 1200, "height": 900}


@dataclass
class Opened:
    """A page, what went wrong in it, and what it asked for beyond its own file."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        """The text that a reader sees; a space is a space, whether or not a line may break at it."""
        return str(self.page.inner_text(selector)).replace("\u00a0", " ")

    def serious(self) -> list[str]:
        """What axe-core finds that is serious or critical."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}"
            for v in found
            if v["impact"] in ("serious", "critical")
        ]


class Browser:
    """Chromium."""

    def __init__(self, chromium: Any) -> None:
        self.chromium = chromium

    @contextmanager
    def open(self, path: Path, *, dark: bool = False, size: dict[str, int] | None = None) -> Iterator[Opened]:
        """A page from disk, once its script has run and its images are drawn."""
        scheme = "dark" if dark else "light"
        context = self.chromium.new_context(viewport=size or LARGE, color_scheme=scheme, offline=True)
        context.set_default_timeout(300_000)  # a machine that is busy is slow, not wrong
        page = context.new_page()
        opened = Opened(page)
        page.on("console", lambda m: opened.complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        page.on("request", lambda r: opened.requests.append(r.url) if r.url != path.as_uri() else None)
        try:
            page.goto(path.as_uri())
            page.wait_for_selector("html[data-ready]", state="attached")
            for image in range(page.locator(".image").count()):
                page.wait_for_selector(f"#image-{image}[data-ready]", state="attached")
            yield opened
        finally:
            context.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium that is installed; without one, tests of pages are skipped."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on the path: pages are not looked at")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield Browser(chromium)
        chromium.close()
