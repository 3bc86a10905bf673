"""`mmcare cohort check` and `mmcare cohort make`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmcare.cli.options import AsJson
from mmcare.cli.progress import progress
from mmcare.cli.show import show_findings
from mmcare.errors import Finding, Severity

__all__ = ["check", "make"]


def check(
    folder: Annotated[Path, typer.Argument(help="The cohort folder.")],
    no_images: Annotated[bool, typer.Option("--no-images", help="Do not open CTs and masks.")] = False,
    workers: Annotated[int, typer.Option("--workers", help="Processes; 0: as many as there are cores.")] = 0,
    table: Annotated[bool, typer.Option("--table", help="Print the findings as one table, a row each.")] = False,
    json: AsJson = False,
) -> None:
    """Say all that is wrong with a cohort: its dictionary, its table, the files of its modalities.

    Every CT is opened with its mask: whether they agree in mm, whether the mask is mirrored, in air, or cut at the
    edge, and whether the values are HU. Ends with 0 where nothing is wrong, 1 where there are warnings, 2 where there
    are errors.

    Example:
        mmcare cohort check mmcare-demo/cohort
        mmcare cohort check big --no-images
    """
    from mmcare.workflow.cohort_check import check_cohort_folder

    with progress() as bar:
        cohort, findings = check_cohort_folder(folder, images=not no_images, workers=workers, progress=bar)
    if json:
        from json import dumps

        print(dumps([_as_json(finding) for finding in findings], indent=1))
    else:
        if table and findings:
            from mmcare.cli.findings_table import show_findings_table

            show_findings_table(findings)
        elif findings:
            show_findings(findings)
        if cohort is not None:
            print(f"{folder}: {cohort}")
    severities = {finding.severity for finding in findings}
    raise typer.Exit(2 if Severity.ERROR in severities else 1 if Severity.WARNING in severities else 0)


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
