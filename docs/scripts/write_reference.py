"""Write what is made from the code: pages of components, of the command line and of keys, and the plugins' READMEs.

python docs/scripts/write_reference.py            write them
python docs/scripts/write_reference.py --check    say which are stale; exit code 1 where one is
"""

from __future__ import annotations

import sys
from pathlib import Path

from command_page import command_page
from component_pages import component_pages, navigation
from key_pages import key_pages
from readme_pages import readme_pages

ROOT = Path(__file__).parents[2]
SITE = "mkdocs.yml"
BEGIN, END = "# components: kept by docs/scripts/write_reference.py\n", "      # end of components\n"
MADE = "<!-- Made by docs/scripts/write_reference.py; change the code it describes, not this page. -->\n\n"


def main(check: bool) -> int:
    pages = all_pages()
    stale = [name for name, text in pages.items() if _read(ROOT / name) != text]
    left_over = [name for name in _component_pages_there() if name not in pages]
    for name in (*stale, *left_over):
        print(f"{name}: {'stale; run python docs/scripts/write_reference.py' if check else 'written anew'}")
    if not check:
        _write({name: pages[name] for name in stale}, left_over)
    return 1 if check and (stale or left_over) else 0


def all_pages() -> dict[str, str]:
    """Text by path: what is made whole, and `mkdocs.yml` with the components in its navigation."""
    made = {**component_pages(), "command-line.md": command_page(), **key_pages()}
    before, _, rest = (ROOT / SITE).read_text(encoding="utf-8").partition(BEGIN)
    site = f"{before}{BEGIN}{navigation()}{END}{rest.partition(END)[2]}"
    made = {**{f"docs/{name}": text for name, text in made.items()}, **readme_pages()}
    return {**{name: MADE + text for name, text in made.items()}, SITE: site}


def _component_pages_there() -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "components").glob("*.md"))


def _write(pages: dict[str, str], left_over: list[str]) -> None:
    for name, text in pages.items():
        (ROOT / name).parent.mkdir(exist_ok=True)
        (ROOT / name).write_text(text, encoding="utf-8")
    for name in left_over:
        (ROOT / name).unlink()


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
