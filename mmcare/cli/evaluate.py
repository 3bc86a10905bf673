"""`mmcare evaluate`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import AllowLocalCode, AsJson
from mmcare.cli.progress import progress
from mmcare.cli.show import aligned, fits, print_wrapped, printable, show_findings

if TYPE_CHECKING:
    from mmcare.evaluation import ArmTable, Cell, Metrics

__all__ = ["evaluate", "print_metrics", "print_points"]


def evaluate(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    cohort: Annotated[
        Path | None,
        typer.Option("--cohort", metavar="DIR", help="Another cohort; by default the test patients of the run's own."),
    ] = None,
    points: Annotated[bool, typer.Option("--points", help="Print the points of the calibration plots, too.")] = False,
    json: AsJson = False,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Measure how well a run predicts, for each arm, endpoint and horizon, with intervals and numbers at risk.

    Without --cohort: the test patients of the cohort that the run was trained on, whose fingerprint is compared; the
    figures are kept in the run as metrics.json. Nothing is printed where too few patients support it; it says why.

    Example:
        mmcare evaluate runs/demo-0001
        mmcare evaluate runs/demo-0001 --points
        mmcare evaluate runs/demo-0001 --cohort other-hospital --json
    """
    from mmcare.run import load_run
    from mmcare.workflow import evaluate_run

    loaded = load_run(run, allow_local_code=allow_local_code)
    with progress() as advance:
        metrics = evaluate_run(loaded, cohort, progress=advance, tell_findings=show_findings)
    if json:
        print(metrics.model_dump_json(indent=1))
        return
    print_metrics(metrics)
    if points:
        print_points(metrics)


def print_metrics(metrics: Metrics) -> None:
    """Print the figures to stdout: a table an endpoint and arm, then what the marks and the columns mean."""
    from mmcare.evaluation import metric_tables

    page = metric_tables(metrics)
    print_wrapped(
        f"{metrics.run}, scored on {metrics.patients}. 95 % intervals are of this trained model on other such patients "
        f"({metrics.bootstrap:,} bootstrap samples of the patients within arm)."
    )
    for table in page.arms:
        title = printable(f"{table.endpoint}, {table.arm}")
        print(f"\n{title}: {table.patients} patient{'' if table.patients == 1 else 's'}")
        print(*_lines(table), sep="\n")
    print()
    for mark, reason in page.notes:
        print_wrapped(printable(reason), f"{mark} ")
    if page.notes:
        print()
    for name, text in page.definitions:
        print_wrapped(text, f"{name:8}  ")


def print_points(metrics: Metrics) -> None:
    """Print the points of the calibration plots to stdout."""
    rows = [("endpoint", "arm", "year", "patients", "predicted", "observed")]
    for figure in metrics.figures:
        for point in figure.points:
            observed = "unknown" if point.observed is None else f"{point.observed:.3f}"
            where = (printable(figure.endpoint), printable(figure.arm), f"{figure.horizon:g}")
            rows.append((*where, str(point.patients), f"{point.predicted:.3f}", observed))
    print("\nCalibration: groups of rising predicted risk, and the risk observed in each")
    print(*aligned(rows, "llrrrr"), sep="\n")


def _lines(table: ArmTable) -> list[str]:
    """The table with each interval beside its value, or below it where the terminal is too narrow."""
    wide = _aligned(table, _beside)
    return wide if fits(wide) else _aligned(table, _below)


def _aligned(table: ArmTable, said: Callable[[Cell], str]) -> list[str]:
    header = ("year", "events", "at risk", *table.metrics, "")
    rows = [(row.year, row.events, row.at_risk, *(said(cell) for cell in row.cells), row.notes) for row in table.rows]
    return aligned([header, *rows], "rrr")


def _beside(cell: Cell) -> str:
    return f"{cell.value} ({cell.interval})" if cell.interval else cell.value


def _below(cell: Cell) -> str:
    return f"{cell.value}\n{cell.interval}" if cell.interval else cell.value
