"""`mmcare runs`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import AsJson
from mmcare.cli.show import printable, table_console
from mmcare.errors import Finding, RunError

if TYPE_CHECKING:
    from mmcare.run.listing import Listed

__all__ = ["runs"]

DEFAULT = Path("runs")


def runs(
    folder: Annotated[Path, typer.Argument(help="The folder that holds the runs.")] = DEFAULT,
    json: AsJson = False,
) -> None:
    """List the runs in a folder: what each is, when it was made, how far it came.

    Example:
        mmcare runs
        mmcare runs runs --json
    """
    from mmcare.run.listing import list_runs

    _require_folder(folder)
    found = list_runs(folder)
    if json:
        from json import dumps

        print(dumps([run.as_json() for run in found], indent=1))
        return
    if not found:
        print(f"No runs in {folder}. `mmcare train SPEC --cohort DIR` makes one.")
        return
    _print(found)


def _require_folder(folder: Path) -> None:
    """The folder that `mmcare train` will make need not be there yet; one that was named must."""
    if not folder.is_dir() and (folder != DEFAULT or folder.exists()):
        what = "is no folder." if folder.exists() else "there is no such folder."
        raise RunError(Finding(file=folder, what=what, todo="Name the folder that holds the runs: mmcare runs FOLDER"))


def _print(found: Sequence[Listed]) -> None:
    from rich.table import Table

    table = Table("run", "kind", "made", "state", "metrics", box=None)
    for run in found:
        cells = (str(run.path), run.kind, run.created, run.state, "yes" if run.has_metrics else "-")
        table.add_row(*map(printable, cells))
    table_console().print(table)
