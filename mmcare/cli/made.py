"""Making a cohort by a recipe, and what is shown of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mmcare.cli.progress import progress, tell
from mmcare.cli.show import printable, show_findings

if TYPE_CHECKING:
    from mmcare.cohort.writer import Images

__all__ = ["show_made"]


def show_made(recipe: str, source: Path, out: Path, settings: Mapping[str, str]) -> None:
    """Make a cohort, its CTs where the recipe found some; say what was read, used and left out."""
    from mmcare.workflow.cohort_make import make

    made = make(recipe, source, out, settings)
    for table, count in made.counts.items():
        left_out = "".join(f"; {number} left out: {printable(reason)}" for reason, number in count.left_out.items())
        tell(f"{table}: {count.read} read, {count.used} used{left_out}")
    show_findings(made.findings)
    refused = _import(out, made.images) if made.images else 0
    print(out)
    tell(f"Next: mmcare cohort check {out}")
    raise typer.Exit(1 if refused else 0)


def _import(out: Path, images: tuple[Images, ...]) -> int:
    """Import the CTs; how many patients were refused."""
    from mmcare.workflow.cohort_make import import_images

    with progress() as bar:
        summaries = import_images(out, images, bar)
    for summary in summaries:
        show_findings([*summary.findings, *(f for result in summary.patients for f in result.findings)])
        outcomes: dict[str, int] = {}
        for result in summary.patients:
            outcomes[str(result.outcome)] = outcomes.get(str(result.outcome), 0) + 1
        tell("images: " + ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items()))
    return sum(str(result.outcome) == "refused" for summary in summaries for result in summary.patients)
