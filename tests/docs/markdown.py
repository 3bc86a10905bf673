"""The pages, and the blocks in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^( *)```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_ANY_BLOCK = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[(?:`[^`]*`|[^\]`])*\]\(([^)\s]+)\)")
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its title where it is a file, and its text without indentation."""

    page: str
    language: str
    title: str
    text: str


@dataclass(frozen=True)
class Session:
    """A command of a `console` block, and what stands below it; empty where nothing is shown."""

    page: str
    command: str
    output: str


def pages() -> list[str]:
    """Every page, relative to the project's root."""
    at_root = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
    return at_root + sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[Block]:
    found = []
    for indent, of, title, text in _BLOCK.findall(text_of(page)):
        if of == language:
            lines = [line.removeprefix(indent) for line in text.splitlines(keepends=True)]
            found.append(Block(page, of, title, "".join(lines)))
    return found


def files(page: str) -> dict[str, str]:
    """The files that a page shows, by name: the blocks that have a title."""
    of = [block for language in ("yaml", "csv", "python", "toml") for block in blocks(page, language)]
    return {block.title: block.text for block in of if block.title}


def write_files(page: str, folder: Path) -> None:
    for name, text in files(page).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def sessions(page: str) -> Iterator[Session]:
    for block in blocks(page, "console"):
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield Session(page, command, output)


def outside_blocks(page: str) -> str:
    return _ANY_BLOCK.sub("", text_of(page))


def links(page: str) -> list[str]:
    return _LINK.findall(outside_blocks(page))


def code_spans(page: str) -> list[str]:
    return [" ".join(span.split()) for span in _CODE.findall(outside_blocks(page))]
