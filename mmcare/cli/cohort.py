"""`mmcare cohort check` and `mmcare cohort make`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import AsJson
from mmcare.cli.progress import Progress, progress, tell
from mmcare.cli.show import show_findings
from mmcare.errors import Finding, Severity

if TYPE_CHECKING:
    from mmcare.workflow.cohort_check import CheckedCohort

__all__ = ["check", "make"]


def check(
    folder: Annotated[Path, typer.Argument(help="The cohort folder.")],
    no_images: Annotated[bool, typer.Option("--no-images", help="Do not open CTs and masks.")] = False,
    workers: Annotated[int, typer.Option("--workers", help="Processes; 0: as many as there are cores.")] = 0,
    table: Annotated[bool, typer.Option("--table", help="Print the findings as one table, a row each.")] = False,
    json: AsJson = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page of the findings and the data as well.")
    ] = None,
    thumbnails: Annotated[
        int, typer.Option("--thumbnails", metavar="N", min=0, help="CTs shown in that page, those with findings first.")
    ] = 1_000,
) -> None:
    """Say all that is wrong with a cohort: its dictionary, its table, the files of its modalities.

    Every CT is opened with its mask: whether they agree in mm, whether the mask is mirrored, in air, or cut at the
    edge, and whether the values are HU. Ends with 0 where nothing is wrong, 1 where there are warnings, 2 where there
    are errors.

    --html writes one file that opens offline: the findings to sort and filter, each CT with its mask's outline in
    three planes, what is missing of whom, outcomes and predictors by arm, and how alike the arms are. It holds data of
    patients.

    Example:
        mmcare cohort check mmcare-demo/cohort
        mmcare cohort check mmcare-demo/cohort --html check.html
        mmcare cohort check big --no-images
    """
    from mmcare.workflow.cohort_check import look_at_cohort_folder

    if html is not None:
        from mmcare.workflow.cohort_page.render import require_page_or_nothing

        require_page_or_nothing(html)
    with progress() as bar:
        checked = look_at_cohort_folder(
            folder, images=not no_images, workers=workers, progress=bar, thumbnails=html is not None
        )
        if html is not None:
            _write_page(checked, html, not no_images, thumbnails, bar)
    findings = checked.findings
    if json:
        from json import dumps

        print(dumps([_as_json(finding) for finding in findings], indent=1))
    else:
        if table and findings:
            from mmcare.cli.findings_table import show_findings_table

            show_findings_table(findings)
        elif findings:
            show_findings(findings)
        if checked.cohort is not None:
            print(f"{folder}: {checked.cohort}")
    severities = {finding.severity for finding in findings}
    raise typer.Exit(2 if Severity.ERROR in severities else 1 if Severity.WARNING in severities else 0)


def _write_page(checked: CheckedCohort, html: Path, images: bool, thumbnails: int, bar: Progress) -> None:
    from mmcare.workflow.cohort_page.page import cohort_page
    from mmcare.workflow.cohort_page.render import write_cohort_page

    page = cohort_page(checked, images=images, most=thumbnails, progress=bar)
    size = write_cohort_page(page, html)
    told = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
    tell(f"{html}: a page of {told}; it holds data of patients.")


def _as_json(finding: Finding) -> dict[str, str | int | None]:
    from dataclasses import asdict

    return {
        name: None if value is None else value if isinstance(value, int) else str(value)
        for name, value in asdict(finding).items()
    }


def make(
    recipe: Annotated[str, typer.Argument(help="Name of the recipe; `mmcare plugin list --kind recipe` lists them.")],
    from_: Annotated[Path, typer.Option("--from", metavar="DIR", help="The folder of the published files.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The cohort folder to write; must not exist.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the recipe; may be given several times."),
    ] = None,
) -> None:
    """Make a cohort from published files, by a recipe that knows them. Every row is used, or left out for a reason.

    Example:
        mmcare cohort make msk-luad-2020 --from luad_mskcc_2020 --out msk
    """
    from mmcare.cli.made import show_made

    show_made(recipe, from_, out, dict(map(_setting, set_ or [])))


def _setting(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not (key and sign):
        raise typer.BadParameter(f"'{text}' is not KEY=VALUE.", param_hint="--set")
    return key, value
