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
    from mmcare.evaluation import ArmTable, Cell, Metrics, SegmentationMetrics

__all__ = ["evaluate", "print_metrics", "print_points", "print_segmentation"]


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
    Of a segmenter's run: Dice and the 95th percentile of the Hausdorff distance (HD95) of every mask.

    Example:
        mmcare evaluate runs/demo-0001
        mmcare evaluate runs/demo-0001 --points
        mmcare evaluate runs/demo-0001 --cohort other-hospital --json
    """
    from mmcare.run import RunFolder, load_run
    from mmcare.workflow.evaluate import evaluate_run

    if RunFolder(run).manifest().kind == "segmenter":
        _evaluate_segmenter(run, cohort, json, allow_local_code)
        return
    loaded = load_run(run, allow_local_code=allow_local_code)
    with progress() as advance:
        metrics = evaluate_run(loaded, cohort, progress=advance, tell_findings=show_findings)
    if json:
        print(metrics.model_dump_json(indent=1))
        return
    print_metrics(metrics)
    if points:
        print_points(metrics)


def _evaluate_segmenter(run: Path, folder: Path | None, json: bool, allow_local_code: bool) -> None:
    from mmcare.run import load_segmenter_run
    from mmcare.workflow.evaluate_segmenter import evaluate_segmenter

    loaded = load_segmenter_run(run, allow_local_code=allow_local_code)
    with progress() as advance:
        metrics = evaluate_segmenter(loaded, folder, progress=advance, tell_findings=show_findings)
    if json:
        print(metrics.model_dump_json(indent=1))
    else:
        print_segmentation(metrics)


def print_segmentation(metrics: SegmentationMetrics) -> None:
    """Print a segmenter's figures to stdout: the means, then every patient, the worst first."""
    print_wrapped(
        f"{metrics.run}, scored on {metrics.patients}. 95 % intervals are of the mean over such patients "
        f"({metrics.bootstrap:,} bootstrap samples)."
    )
    rows = [("", "mean", "95 % interval", "median", "patients")]
    for name, found in (("Dice", metrics.dice), ("HD95 (mm)", metrics.hausdorff_95_mm)):
        interval = f"{_number(found.lower)} to {_number(found.upper)}" if found.lower is not None else "-"
        rows.append((name, _number(found.mean), interval, _number(found.median), str(found.patients)))
    print(*aligned(rows, "lrrrr"), sep="\n")
    if metrics.nothing_found:
        print(f"Nothing was found in {metrics.nothing_found} of {len(metrics.each)} patients: Dice 0, no HD95.")
    each = [("patient", "Dice", "HD95 (mm)", "drawn (ml)", "found (ml)")]
    for mask in sorted(metrics.each, key=lambda mask: mask.dice):
        volumes = (f"{mask.truth_ml:.1f}", f"{mask.found_ml:.1f}")
        each.append((printable(mask.patient), _number(mask.dice), _number(mask.hausdorff_95_mm), *volumes))
    print()
    print(*aligned(each, "lrrrr"), sep="\n")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


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
    return wide if fits(wide) else _aligned(table, _below, gap=1)


def _aligned(table: ArmTable, said: Callable[[Cell], str], gap: int = 2) -> list[str]:
    header = ("year", "events", "at risk", *table.metrics, "")
    rows = [(row.year, row.events, row.at_risk, *(said(cell) for cell in row.cells), row.notes) for row in table.rows]
    return aligned([header, *rows], "rrr", gap)


def _beside(cell: Cell) -> str:
    return f"{cell.value} ({cell.interval})" if cell.interval else cell.value


def _below(cell: Cell) -> str:
    return f"{cell.value}\n{cell.interval}" if cell.interval else cell.value
