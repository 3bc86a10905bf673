"""`mmcare demo`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import Overrides
from mmcare.cli.progress import on_terminal, progress, tell
from mmcare.cli.show import aligned, print_wrapped, show_findings

if TYPE_CHECKING:
    from mmcare.workflow.demo import Demo

__all__ = ["demo"]

RULE = "-" * 20


def demo(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to write; by default the next free mmcare-demo.")
    ] = None,
    tiny: Annotated[bool, typer.Option("--tiny", help="A fifth of the patients, three epochs.")] = False,
    set_: Overrides = None,
) -> None:
    """Do the main job once, on synthetic patients: draw them, train, evaluate, predict for one of them.

    A segmenter learns to find the tumour in a CT; a model then learns from the tumours that it finds, the table and
    the genome.

    The patients are drawn from a written-down causal model; no figure here says anything about real ones. Takes some
    minutes on two processor cores.

    Example:
        mmcare demo
        mmcare demo --tiny --out try
    """
    started = monotonic()
    folder = out if out is not None else _next_free(Path("mmcare-demo"))
    _refuse_full(folder)
    tell("loading torch and the plugins")
    from mmcare.workflow.demo import FULL, TINY, run_demo
    from mmcare.workflow.options import Options

    with progress() as advance:
        options = Options(
            tell=tell,
            tell_findings=show_findings,
            progress=advance,
            epoch_progress=advance if on_terminal() else None,
        )
        made = run_demo(folder, TINY if tiny else FULL, options, set_ or ())
    _say(made, monotonic() - started)


def _next_free(folder: Path) -> Path:
    number, found = 1, folder
    while found.exists():
        number += 1
        found = folder.with_name(f"{folder.name}-{number}")
    return found


def _refuse_full(folder: Path) -> None:
    from mmcare.errors import Finding, MMCareError

    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        what = "is a file." if folder.is_file() else "exists and is not empty; the demo overwrites nothing."
        raise MMCareError(Finding(file=folder, what=what, todo="Name another folder with `--out`.", code="exists"))


def _say(made: Demo, seconds: float) -> None:
    from mmcare.cli.evaluate import print_metrics
    from mmcare.cli.predict import print_prediction
    from mmcare.decision import utilities

    print()
    print_wrapped(_headline(made, seconds))
    print_wrapped("All of it is synthetic and says nothing about real patients.")
    print(f"\nHow well the segmenter finds tumours\n{RULE}")
    print_wrapped(_found(made))
    print(f"\nHow well the model predicts\n{RULE}")
    print_metrics(made.metrics)
    if made.averages:
        print()
        print_wrapped(_average(made.averages))
    print(f"\nOne test patient\n{RULE}")
    print_prediction(made.prediction, utilities(made.prediction, made.run.spec.decision), "table")
    print(f"\nFiles\n{RULE}")
    rows = [
        ("cohort", str(made.cohort), "the patients, in the formats of real ones"),
        ("truth", str(made.truth), "both treatments' outcomes; training cannot see it"),
        ("segmenter", str(made.segmenter.path), "the network that finds the tumours, its figures, card.md"),
        ("run", str(made.run.path), "the model, its figures, card.md"),
    ]
    print(*aligned(rows), sep="\n")
    print(f"\nNext\n{RULE}")
    print(*made.next_commands(), sep="\n")


def _headline(made: Demo, seconds: float) -> str:
    of = {split: len(made.run.folder.patients(split)) for split in ("training", "validation", "test")}
    minutes, rest = divmod(round(seconds), 60)
    time = f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return (
        f"Done in {time}: {sum(of.values())} patients drawn from a written-down causal model, with CT, table and "
        f"genome; a model trained on {of['training']} of them for {made.run.manifest.epochs} epochs "
        f"({of['validation']} more watched over it), measured on {of['test']} others, and asked about one."
    )


def _found(made: Demo) -> str:
    dice, masks = made.found.dice, len(made.found.each)
    training = len(made.segmenter.folder.patients("training"))
    interval = f" (95 % interval {dice.lower:.2f} to {dice.upper:.2f})" if dice.lower is not None else ""
    empty = f" It finds nothing in {made.found.nothing_found} of them." if made.found.nothing_found else ""
    return (
        f"Trained on {training} other patients, whose tumours are outlined. Mean Dice on {masks} that it has not seen: "
        f"{dice.mean:.2f}{interval}.{empty}"
    )


def _average(averages: Mapping[str, Mapping[str, int]]) -> str:
    counts = "; ".join(
        f"{endpoint}: " + ", ".join(f"{count} under {arm}" for arm, count in events.items())
        for endpoint, events in averages.items()
    )
    return (
        "Arm average: 20 training events of an endpoint in an arm are asked for before its patients get figures of "
        f"their own, and some have fewer here ({counts}). There everyone is given the arm's curve and nobody is ranked."
    )
