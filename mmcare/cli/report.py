"""`mmcare report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmcare.cli.options import AllowLocalCode
from mmcare.cli.progress import progress

__all__ = ["report"]


def report(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    cohort: Annotated[Path, typer.Option("--cohort", metavar="DIR", help="The cohort that holds the patient.")],
    patient: Annotated[str | None, typer.Option("--patient", metavar="ID", help="The patient.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to write; by default the patient's id and .html."),
    ] = None,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Write one page about one patient: what each treatment would probably bring, how sure that is, and why.

    One HTML file that opens from disk in any browser, asks the network for nothing, and prints.

    Example:
        mmcare report runs/demo-0001 --cohort mmcare-demo/cohort --patient SYN-00001
    """
    from mmcare.cohort import read_cohort
    from mmcare.formats.atomic import write_text
    from mmcare.formats.filename import file_name
    from mmcare.report import build_report, render_report
    from mmcare.run import load_run

    loaded = load_run(run, allow_local_code=allow_local_code)
    with progress() as advance:
        data = build_report(loaded, read_cohort(cohort), patient, advance)
    path = out if out is not None else Path(file_name(patient, ".html"))
    write_text(path, render_report(data))
    print(path)
