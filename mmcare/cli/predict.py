"""`mmcare predict`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mmcare.cli.options import AllowLocalCode
from mmcare.cli.progress import progress
from mmcare.cli.show import aligned, print_wrapped, printable, show_findings

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
            _print_tables(prediction, _figures(rows, utilities))


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
        writer.writerow([u.patient, u.arm, "utility", f"{u.horizon:g}", value, u.personal, u.reason])


@dataclass(frozen=True, slots=True)
class _Figure:
    """A probability or a utility, as it is printed."""

    patient: str
    label: str
    arm: str
    value: float | None
    reason: str


def _figures(rows: Iterable[PredictionRow], utilities: Iterable[ArmUtility]) -> Iterator[_Figure]:
    for row in rows:
        label = f"{row.endpoint} at {row.horizon:g} year{'' if row.horizon == 1 else 's'}"
        yield _Figure(row.patient, label, row.arm, row.probability, row.reason)
    for utility in utilities:
        yield _Figure(utility.patient, f"utility: {utility.formula}", utility.arm, utility.value, utility.reason)


def _print_tables(prediction: Prediction, figures: Iterable[_Figure]) -> None:
    of: dict[str, list[_Figure]] = {patient: [] for patient in prediction.patients}
    for figure in figures:
        of[figure.patient].append(figure)
    print("Probability that the event has not come, under each arm:")
    for patient, own in of.items():
        print(f"\n{printable(patient)}")
        for name, reason in prediction.absent[patient].items():
            print_wrapped(printable(f"without {name}: {reason}"), "  ")
        _print_table(prediction.layout.arms, own)


def _print_table(arms: Sequence[str], figures: Sequence[_Figure]) -> None:
    """One patient: a row a figure, a column an arm, and below why a figure is marked or unknown."""
    notes: dict[str, str] = {}
    texts: dict[str, dict[str, str]] = {}
    for figure in figures:
        note = notes.setdefault(figure.reason, f"[{len(notes) + 1}]") if figure.reason else ""
        value = "unknown" if figure.value is None else f"{figure.value:.3f}"
        texts.setdefault(figure.label, {})[figure.arm] = f"{value} {note}".rstrip()
    rows = [("", *arms), *((label, *(by.get(arm, "") for arm in arms)) for label, by in texts.items())]
    print(*(f"  {line}" for line in aligned([tuple(map(printable, row)) for row in rows])), sep="\n")
    for reason, note in notes.items():
        print_wrapped(printable(reason), f"  {note} ")
