"""`mmcare cohort fetch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.progress import tell
from mmcare.cli.show import aligned, printable, show_findings

if TYPE_CHECKING:
    from mmcare.workflow.cohort_fetch import Selection

__all__ = ["fetch"]

_MOST_SHOWN = 20


def fetch(
    collection: Annotated[str, typer.Argument(help="Collection, as `nsclc_radiomics` or `NSCLC-Radiomics`.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to fetch into; not yet a cohort.")],
    patient: Annotated[
        list[str] | None, typer.Option("--patient", metavar="ID", help="A patient to take; repeatable.")
    ] = None,
    modality: Annotated[
        list[str] | None,
        typer.Option("--modality", metavar="NAME", help="Modality, repeatable; by default CT, RTSTRUCT and SEG."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only show what would be fetched; needs no network.")] = False,
) -> None:
    """Fetch the images of a public collection from the Imaging Data Commons, by `idc-index`.

    Shows patients, series, size and licence first; the licence of each source goes into PROVENANCE.md. Run it again to
    go on after a stop. Series that others made from a collection are left out.

    Example:
        mmcare cohort fetch nsclc_radiomics --patient LUNG1-001 --out images
        mmcare cohort import-dicom images/nsclc_radiomics --cohort lung1 --roi GTV-1
    """
    from mmcare.workflow.cohort_fetch import IMAGES, select
    from mmcare.workflow.cohort_fetch import fetch as fetch_images

    selection = select(collection, tuple(modality or IMAGES), tuple(patient or ()))
    _show(selection)
    if list_:
        return
    findings = fetch_images(selection, out)
    show_findings(findings[:_MOST_SHOWN])
    print(out / selection.collection)
    tell(f"Next: mmcare cohort import-dicom {out / selection.collection} --cohort DIR")
    raise typer.Exit(1 if findings else 0)


def _show(selection: Selection) -> None:
    from mmcare.formats.rows import counted

    tell(f"{selection.collection}, index {selection.version}: {counted(len(selection.patients), 'patient')}")
    rows = [("modality", "series", "files", "MB")]
    for modality in sorted({series.modality for series in selection.series}):
        found = [series for series in selection.series if series.modality == modality]
        files, size = sum(s.n_files for s in found), sum(s.size_mb for s in found)
        rows.append((printable(modality), f"{len(found):,}", f"{files:,}", f"{size:,.0f}"))
    for line in aligned(rows, "lrrr"):
        print(line)
    for (licence, doi), n in selection.licences().items():
        print(f"licence {printable(licence)}: {n:,} series{f', DOI {printable(doi)}' if doi else ''}")
    for reason, n in selection.left_out.items():
        tell(f"{n:,} series left out: {printable(reason)}")
