"""The README of every plugin of the workspace: what it offers, and how to get it."""

from __future__ import annotations

import tomllib
from pathlib import Path

from mmcare.registry import Entry, discover

ROOT = Path(__file__).parents[2]


def readme_pages() -> dict[str, str]:
    """Text by path, relative to the project's root."""
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]["workspace"]
    return {f"{folder}/README.md": _readme(folder) for folder in workspace["members"]}


def _readme(folder: str) -> str:
    project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entries = [e for e in discover().entries() if e.provider.distribution == project["name"]]
    parts = [
        f"# {project['name']}",
        project["description"],
        "\n".join(_bullet(entry) for entry in entries),
        f"`pip install {project['name']}`; `mmcare plugin show NAME` lists a component's keys.",
        "Part of MM-Care, which is for research use only. Licence: Apache-2.0.",
    ]
    return "\n\n".join(parts) + "\n"


def _bullet(entry: Entry) -> str:
    return f"- {entry.component.kind} `{entry.component.name}`: {entry.component.summary}"
