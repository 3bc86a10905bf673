"""`mmcare demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import Overrides
from mmcare.cli.progress import on_terminal, progress, tell

if TYPE_CHECKING:
    from mmcare.workflow.demo import Demo

__all__ = ["demo"]


def demo(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to write; by default the next free mmcare-demo.")
    ] = None,
    tiny: Annotated[bool, typer.Option("--tiny", help="A fifth of the patients, three epochs.")] = False,
    set_: Overrides = None,
) -> None:
    """Do the main job once, on a synthetic cohort: draw it, train, evaluate, predict for one patient.

    The patients are drawn from a written-down causal model; no figure here says anything about real ones. Takes some
    minutes on two processor cores.

    Example:
        mmcare demo
        mmcare demo --tiny --out try
    """
    folder = out if out is not None else _next_free(Path("mmcare-demo"))
    _refuse_full(folder)
    tell("loading torch and the plugins…")
    from mmcare.workflow import Options
    from mmcare.workflow.demo import FULL, TINY, run_demo

    with progress() as advance:
        options = Options(terminal=on_terminal(), tell=tell, progress=advance)
        made = run_demo(folder, TINY if tiny else FULL, options, set_ or ())
    _say(made)


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


def _say(made: Demo) -> None:
    from mmcare.cli.evaluate import print_metrics
    from mmcare.cli.predict import print_prediction
    from mmcare.decision import utilities

    print(f"\nOn the {len(made.run.folder.patients('test'))} test patients (95 % intervals; a small test set: wide):\n")
    print_metrics(made.metrics)
    print("\nOne test patient, under either treatment:\n")
    print_prediction(made.prediction, utilities(made.prediction, made.run.spec.decision), "table")
    patient = made.prediction.patients[0]
    print(
        f"""
All of this is synthetic: drawn from a written-down causal model. It says nothing about real patients.

  cohort  {made.cohort}   (the truth, which training cannot see: {made.truth})
  run     {made.run.path}

Next:
  mmcare predict {made.run.path} --cohort {made.cohort} --patient {patient} --format json
  mmcare spec describe {made.run.path}/spec.yaml
  mmcare train examples/demo.yaml --cohort {made.cohort} --set fusion.use=concat"""
    )
