"""`mmcare runs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmcare.cli.options import AsJson

__all__ = ["runs"]


def runs(
    folder: Annotated[Path, typer.Argument(help="The folder that holds the runs.")] = Path("runs"),
    json: AsJson = False,
) -> None:
    """List the runs in a folder: what each is, when it was made, how far it came.

    Example:
        mmcare runs
        mmcare runs runs --json
    """
    from mmcare.run.listing import list_runs

    found = list_runs(folder)
    if json:
        from json import dumps

        print(dumps([run.as_json() for run in found], indent=1))
        return
    if not found:
        print(f"No runs in {folder}. `mmcare train SPEC --cohort DIR` makes one.")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("run", "kind", "made", "state", "metrics", box=None)
    for run in found:
        table.add_row(str(run.path), run.kind, run.created, run.state, "yes" if run.has_metrics else "-")
    Console().print(table)
