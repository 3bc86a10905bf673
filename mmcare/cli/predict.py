"""`mmcare predict`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mmcare.cli.options import AllowLocalCode
from mmcare.cli.progress import progress
from mmcare.cli.show import printable, show_findings

if TYPE_CHECKING:
    from mmcare.decision import ArmUtility
    from mmcare.run import Prediction, PredictionRow

__all__ = ["predict", "print_prediction"]


def predict(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    cohort: Annotated[Path, typer.Option("--cohort", metavar="DIR", help="The cohort whose patients are asked for.")],
    patient: Annotated[
        list[str] | None, typer.Option("--patient", metavar="ID", help="A patient; may be given several times.")
    ] = None,
    format_: Annotated[Literal["table", "csv", "json"], typer.Option("--format", help="How to print.")] = "table",
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Predict for the patients of a cohort, under every treatment arm.

    For each endpoint and horizon: the probability that the event has not happened by then; and the utility of each
    arm with the weights of the run's spec, where all that it needs is known. What is not known says why.

    Example:
        mmcare predict runs/demo-0001 --cohort mmcare-demo/cohort --patient SYN-00001
        mmcare predict runs/demo-0001 --cohort mmcare-demo/cohort --format csv
    """
    from mmcare.decision import utilities
    from mmcare.run import load_run

    loaded = load_run(run, allow_local_code=allow_local_code)
    with progress() as advance:
        prediction = loaded.predict(cohort, patient, advance)
    show_findings(prediction.findings)
    print_prediction(prediction, utilities(prediction, loaded.spec.decision), format_)


def print_prediction(prediction: Prediction, utilities: list[ArmUtility], format_: str) -> None:
    """Print a prediction to stdout."""
    rows = list(prediction.rows())
    match format_:
        case "json":
            _print_json(prediction, rows, utilities)
        case "csv":
            _print_csv(rows, utilities)
        case _:
            _print_tables(prediction, utilities)


def _print_json(prediction: Prediction, rows: list[PredictionRow], utilities: list[ArmUtility]) -> None:
    from dataclasses import asdict
    from json import dumps

    data = {
        "patients": list(prediction.patients),
        "absent": {patient: dict(reasons) for patient, reasons in prediction.absent.items()},
        "probabilities": [asdict(row) for row in rows],
        "utilities": [asdict(utility) for utility in utilities],
        "notes": [str(finding) for finding in prediction.findings],
    }
    print(dumps(data, indent=1, allow_nan=False))


def _print_csv(rows: list[PredictionRow], utilities: list[ArmUtility]) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["patient", "arm", "figure", "horizon_years", "value", "personal", "reason"])
    for row in rows:
        value = "" if row.probability is None else repr(row.probability)
        writer.writerow([row.patient, row.arm, row.endpoint, f"{row.horizon:g}", value, row.personal, row.reason])
    for u in utilities:
        value = "" if u.value is None else repr(u.value)
        writer.writerow([u.patient, u.arm, "utility", f"{u.horizon:g}", value, "", u.reason])


def _print_tables(prediction: Prediction, utilities: list[ArmUtility]) -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    for patient in prediction.patients:
        console.print(f"[bold]{_escaped(patient)}[/bold]")
        for name, reason in prediction.absent[patient].items():
            console.print(f"  without {_escaped(name)}: {_escaped(reason)}")
        console.print(_table(prediction, patient, utilities))
        _print_reasons(prediction, patient)


def _table(prediction: Prediction, patient: str, utilities: list[ArmUtility]):  # type: ignore[no-untyped-def]
    from rich.table import Table

    table = Table("", *prediction.layout.arms, box=None)
    cells: dict[str, list[str]] = {}
    for row in prediction.rows():
        if row.patient == patient:
            mark = "" if row.personal or row.probability is None else " *"
            text = "unknown" if row.probability is None else f"{row.probability:.3f}{mark}"
            cells.setdefault(f"free of {row.endpoint} at {row.horizon:g} y", []).append(text)
    for utility in utilities:
        if utility.patient == patient:
            text = "unknown" if utility.value is None else f"{utility.value:.3f}"
            cells.setdefault(f"utility ({utility.formula})", []).append(text)
    for name, texts in cells.items():
        table.add_row(_escaped(name), *texts)
    return table


def _print_reasons(prediction: Prediction, patient: str) -> None:
    reasons = {row.reason: row.personal for row in prediction.rows() if row.patient == patient and row.reason}
    for reason in reasons:
        print(f"  {'*' if reason.startswith('arm average') else 'unknown:'} {printable(reason)}")


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(printable(text))
