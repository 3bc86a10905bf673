"""Every link leads somewhere."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from .markdown import ROOT, links, outside_blocks, pages

LINKS = [(page, link) for page in pages() for link in links(page)]


def anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", outside_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_pages_have_links() -> None:
    assert len(LINKS) >= 40


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_a_link_resolves(page: str, link: str) -> None:
    parts = urlsplit(link)
    if parts.scheme:
        assert parts.scheme == "https" and parts.netloc, f"{page}: {link}"
        return
    target = (ROOT / page).parent / parts.path if parts.path else ROOT / page
    assert target.exists(), f"{page}: {link}"
    if parts.fragment:
        assert parts.fragment in anchors(target.resolve().relative_to(ROOT).as_posix()), f"{page}: {link}"
