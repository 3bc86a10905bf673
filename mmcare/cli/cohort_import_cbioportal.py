"""`mmcare cohort import-cbioportal`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["import_cbioportal"]


def import_cbioportal(
    study: Annotated[Path, typer.Argument(help="The study folder, with its meta_* and data_* files.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The cohort folder to write; must not exist.")],
    panel_genes: Annotated[
        Path | None,
        typer.Option(
            "--panel-genes",
            metavar="PATH",
            help="Genes of panels that the folder lacks: a data_gene_panel_*.txt, a folder of them, or a table.",
        ),
    ] = None,
    expression: Annotated[
        str | None,
        typer.Option("--expression", metavar="NAME", help="Expression profile to take, by its stable_id."),
    ] = None,
    network: Annotated[
        Path | None, typer.Option("--network", metavar="FILE", help="Edges between genes to take into the cohort.")
    ] = None,
) -> None:
    """Make a cohort of a study in cBioPortal's file formats.

    Clinical tables, endpoints, panels, mutations, copy numbers and expression are taken; one sample a patient. Each
    pair of columns X_STATUS and X_MONTHS becomes an endpoint. What a study does not say, such as when a column was
    known, is guessed, and marked as guessed in cohort.yaml. Every sample, row and file is used, or left out for a
    reason that is shown.

    Example:
        mmcare cohort import-cbioportal luad_mskcc_2020 --out msk
        mmcare cohort check msk
    """
    from mmcare.cli.made import show_made

    given = {"panel_genes": panel_genes, "expression": expression, "network": network}
    show_made("cbioportal", study, out, {key: str(value) for key, value in given.items() if value is not None})
