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
    from mmcare.decision import Advice, ArmMean, ArmUtility
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
    arm with the weights of the run's spec, where all that it needs is known. What is not known says why. A run of two
    arms or more also says which one it advises, or which steps of its rule did not hold.

    Example:
        mmcare predict runs/demo-0001 --cohort mmcare-demo/cohort --patient SYN-00001
        mmcare predict runs/demo-0001 --cohort mmcare-demo/cohort --format csv
    """
    from mmcare.cohort import read_cohort
    from mmcare.decision import decide, utilities
    from mmcare.run import load_run

    loaded = load_run(run, allow_local_code=allow_local_code)
    with progress() as advance:
        inputs = loaded.inputs(read_cohort(cohort), patient, with_outcomes=False, progress=advance)
        prediction = loaded.predict_inputs(inputs)
        advice = decide(loaded, inputs)
    show_findings(prediction.findings)
    print_prediction(prediction, utilities(prediction, loaded.spec.decision), format_, advice)


def print_prediction(
    prediction: Prediction, utilities: list[ArmUtility], format_: str, advice: Sequence[Advice] = ()
) -> None:
    """Print a prediction to stdout, and what is advised where there is a choice."""
    rows = list(prediction.rows())
    match format_:
        case "json":
            _print_json(prediction, rows, utilities, advice)
        case "csv":
            _print_csv(rows, utilities, advice)
        case _:
            _print_tables(prediction, _figures(rows, utilities), advice)


def _print_json(
    prediction: Prediction, rows: list[PredictionRow], utilities: list[ArmUtility], advice: Sequence[Advice]
) -> None:
    from dataclasses import asdict
    from json import dumps

    data = {
        "patients": list(prediction.patients),
        "absent": {patient: dict(reasons) for patient, reasons in prediction.absent.items()},
        "probabilities": [asdict(row) for row in rows],
        "utilities": [asdict(utility) for utility in utilities],
        "advice": [asdict(one) for one in advice],
        "notes": [str(finding) for finding in prediction.findings],
    }
    print(dumps(data, indent=1, allow_nan=False))


def _print_csv(rows: list[PredictionRow], utilities: list[ArmUtility], advice: Sequence[Advice]) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["patient", "arm", "figure", "horizon_years", "value", "personal", "reason"])
    for row in rows:
        value = "" if row.probability is None else repr(row.probability)
        writer.writerow([row.patient, row.arm, row.endpoint, f"{row.horizon:g}", value, row.personal, row.reason])
    for u in utilities:
        value = "" if u.value is None else repr(u.value)
        writer.writerow([u.patient, u.arm, "utility", f"{u.horizon:g}", value, u.personal, u.reason])
    for one in advice:
        reason = " ".join(f"{step.name}: {step.words}" for step in one.failed)
        writer.writerow([one.patient, one.arm or "", "advice", f"{one.horizon:g}", "", "", reason])


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


def _print_tables(prediction: Prediction, figures: Iterable[_Figure], advice: Sequence[Advice]) -> None:
    advised = {one.patient: one for one in advice}
    of: dict[str, list[_Figure]] = {patient: [] for patient in prediction.patients}
    for figure in figures:
        of[figure.patient].append(figure)
    print("Probability that the event has not come, under each arm:")
    for patient, own in of.items():
        print(f"\n{printable(patient)}")
        for name, reason in prediction.absent[patient].items():
            print_wrapped(printable(f"without {name}: {reason}"), "  ")
        _print_table(prediction.layout.arms, own)
        if patient in advised:
            _print_advice(advised[patient])


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


def _print_advice(advice: Advice) -> None:
    """The arm and its differences, or the steps that did not hold and what each arm brings on average."""
    if advice.arm is not None:
        differences = "; ".join(
            f"{c.delta:+.3f} ({c.lower:+.3f} to {c.upper:+.3f}) over {c.minus}" for c in advice.contrasts
        )
        print_wrapped(printable(f"advised: {advice.arm}, utility {differences}"), "  ")
        return
    print("  no arm is advised; what does not hold:")
    for step in advice.failed:
        print_wrapped(printable(f"{step.name}: {step.words}"), "    ")
    if averages := [_average(mean) for mean in advice.means if mean.utility is not None]:
        print_wrapped(printable(f"utility on average: {', '.join(averages)}; {advice.means[0].source}"), "  ")


def _average(mean: ArmMean) -> str:
    error = "" if mean.standard_error is None else f" (standard error {mean.standard_error:.3f})"
    return f"{mean.arm} {mean.utility:.3f}{error}"
