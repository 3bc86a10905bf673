"""From published files to a cohort folder, by a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from mmcare.cohort import write_cohort_folder
from mmcare.cohort.writer import Images
from mmcare.components import Counts, Recipe
from mmcare.errors import CohortError, Finding, PluginError, cut
from mmcare.registry import Config, Entry, discover
from mmcare.workflow.import_dicom import ImportOptions, ImportSummary, import_dicom

__all__ = ["Made", "import_images", "make", "make_cohort"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """What a recipe made.

    Attributes:
        counts: Rows read, used and left out, by table.
        findings: What the recipe has to say of the files.
        images: CTs that are still to be imported into the folder.
    """

    counts: Mapping[str, Counts]
    findings: tuple[Finding, ...]
    images: tuple[Images, ...]


def make_cohort(
    recipe: str, source: Path, out: Path, settings: Mapping[str, str] | None = None
) -> Mapping[str, Counts]:
    """`make`, without images: the counts alone."""
    return make(recipe, source, out, settings).counts


def make(recipe: str, source: Path, out: Path, settings: Mapping[str, str] | None = None) -> Made:
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
        writer.add_to_provenance(_account(counts, writer.findings))
    return Made(counts, tuple(writer.findings), tuple(writer.image_sources))


def import_images(out: Path, images: Sequence[Images], progress: Progress | None = None) -> list[ImportSummary]:
    """Import the CTs that a recipe found beside its tables; goes on where an import was stopped.

    Raises:
        MMCareError: As `import_dicom`.
    """
    return [import_dicom(found.source, out, ImportOptions(rois=found.rois), progress) for found in images]


def _account(counts: Mapping[str, Counts], findings: Sequence[Finding]) -> str:
    rows = ["## Rows", "", "| table | read | used | left out |", "| --- | --- | --- | --- |"]
    for table, count in counts.items():
        left_out = "; ".join(f"{number:,} {reason}" for reason, number in count.left_out.items())
        rows.append(f"| {table} | {count.read:,} | {count.used:,} | {left_out.replace('|', '/')} |")
    said = ["", "## What was found", "", *(f"- {_by_name(finding)}" for finding in findings)] if findings else []
    return "\n".join([*rows, *said]) + "\n"


def _by_name(finding: Finding) -> Finding:
    """The finding without the folders of whoever made the cohort."""
    return finding if finding.file is None else finding.at(file=Path(finding.file).name)


def _expected(kind: str, message: str) -> str:
    if kind.startswith("bool"):
        return "expected true or false"
    return message.removeprefix("Value error, ").replace("Input should be", "expected")


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
                else f"{name}: {_expected(detail['type'], detail['msg'])}; found '{cut(detail['input'], 40)}'.",
                todo=f"Its settings are: {known}.",
            )
            for detail in error.errors()
        ) from error
