"""`mmcare evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import AllowLocalCode, AsJson
from mmcare.cli.progress import progress
from mmcare.cli.show import show_findings

if TYPE_CHECKING:
    from mmcare.evaluation import Metrics

__all__ = ["evaluate", "print_metrics"]


def evaluate(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    cohort: Annotated[
        Path | None,
        typer.Option("--cohort", metavar="DIR", help="Another cohort; by default the test patients of the run's own."),
    ] = None,
    json: AsJson = False,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Measure how well a run predicts, for each arm, endpoint and horizon, with intervals and numbers at risk.

    Without --cohort: the test patients of the cohort that the run was trained on, whose fingerprint is compared; the
    figures are kept in the run as metrics.json. Nothing is printed where too few patients support it; it says why.

    Example:
        mmcare evaluate runs/demo-0001
        mmcare evaluate runs/demo-0001 --cohort other-hospital --json
    """
    from mmcare.run import load_run
    from mmcare.workflow import evaluate_run

    loaded = load_run(run, allow_local_code=allow_local_code)
    with progress() as advance:
        metrics = evaluate_run(loaded, cohort, progress=advance, tell_findings=show_findings)
    if json:
        print(metrics.model_dump_json(indent=1))
    else:
        print_metrics(metrics)


def print_metrics(metrics: Metrics) -> None:
    """Print the figures as a table to stdout."""
    import sys

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from mmcare.evaluation import table_rows

    header, *rows = table_rows(metrics)
    table = Table(*header, box=None)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)
