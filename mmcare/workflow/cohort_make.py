"""From published files to a cohort folder, by a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from mmcare.cohort import write_cohort_folder
from mmcare.components import Counts, Recipe
from mmcare.errors import CohortError, Finding, PluginError, cut
from mmcare.registry import Config, Entry, discover

__all__ = ["make_cohort"]


def make_cohort(
    recipe: str, source: Path, out: Path, settings: Mapping[str, str] | None = None
) -> Mapping[str, Counts]:
    """Write a cohort folder; whole, or not at all.

    Args:
        recipe: Name of the recipe.
        source: Folder of the published files.
        out: The cohort folder to write.
        settings: The recipe's own keys, as `{"network": "string.tsv"}`.

    Raises:
        PluginError: There is no such recipe, or it has no such setting.
        CohortError: The published files are not there, or not what the recipe knows.
        MMCareError: `out` exists and is not empty, or cannot be written.
    """
    entry = discover().resolve("recipe", recipe)
    config = _config(entry, settings or {})
    if not source.is_dir():
        what = "is a file; the recipe reads a folder." if source.is_file() else "there is no such folder."
        raise CohortError(Finding(file=source, what=what, todo="Name the folder of the published files with `--from`."))
    maker = cast("Recipe[Any]", entry.make(config))
    with write_cohort_folder(out) as writer:
        counts = maker.make(source, writer)
        for table, count in counts.items():
            if count.read != count.used + sum(count.left_out.values()):
                raise AssertionError(f"{table}: {count.read} rows read, {count.used} used, {count.left_out} left out")
    return counts


def _config(entry: Entry, settings: Mapping[str, str]) -> Config:
    try:
        return entry.component.config.model_validate(dict(settings))
    except ValidationError as error:
        known = ", ".join(entry.component.config.model_fields) or "none"
        name = f"the recipe `{entry.component.name}`"
        raise PluginError(
            Finding(
                key=".".join(map(str, detail["loc"])),
                what=f"{name} has no such setting."
                if detail["type"] == "extra_forbidden"
                else f"{name}: {detail['msg']}, found '{cut(detail['input'], 40)}'.",
                todo=f"Its settings are: {known}.",
            )
            for detail in error.errors()
        ) from error
