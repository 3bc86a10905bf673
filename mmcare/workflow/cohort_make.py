"""From published files to a cohort folder, by a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from mmcare.cohort import write_cohort_folder
from mmcare.components import Counts, Recipe
from mmcare.errors import CohortError, Finding
from mmcare.registry import discover

__all__ = ["make_cohort"]


def make_cohort(recipe: str, source: Path, out: Path) -> Mapping[str, Counts]:
    """Write a cohort folder; whole, or not at all.

    Raises:
        PluginError: There is no such recipe.
        CohortError: The published files are not there, or not what the recipe knows.
        MMCareError: `out` exists and is not empty, or cannot be written.
    """
    entry = discover().resolve("recipe", recipe)
    if not source.is_dir():
        what = "is a file; the recipe reads a folder." if source.is_file() else "there is no such folder."
        raise CohortError(Finding(file=source, what=what, todo="Name the folder of the published files with `--from`."))
    maker = cast("Recipe[Any]", entry.load()(entry.component.config()))
    with write_cohort_folder(out) as writer:
        counts = maker.make(source, writer)
    for table, count in counts.items():
        if count.read != count.used + sum(count.left_out.values()):
            raise AssertionError(f"{table}: {count.read} rows read, {count.used} used, {count.left_out} left out")
    return counts
