"""The demo: a synthetic cohort drawn, a model trained on it, evaluated, and asked about one patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from mmcare.cohort import read_cohort
from mmcare.evaluation import Metrics
from mmcare.run import Prediction, Run
from mmcare.synthetic import draw, write_cohort
from mmcare.workflow.evaluate import evaluate_run
from mmcare.workflow.fit import Options, fit

__all__ = ["FULL", "TINY", "Demo", "DemoSize", "example", "run_demo"]


@dataclass(frozen=True, slots=True)
class DemoSize:
    """How large a demo is: patients, the CT's voxels an axis and their size, changes to the spec."""

    patients: int
    size_voxels: int
    spacing_mm: float
    overrides: tuple[str, ...] = ()


FULL = DemoSize(patients=600, size_voxels=36, spacing_mm=3.0)
TINY = DemoSize(patients=120, size_voxels=36, spacing_mm=3.0, overrides=("training.max_epochs=3",))


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo made."""

    cohort: Path
    truth: Path
    run: Run
    metrics: Metrics
    prediction: Prediction


def run_demo(out: Path, size: DemoSize, options: Options, overrides: Sequence[str] = (), seed: int = 0) -> Demo:
    """Draw, train, evaluate, predict.

    Args:
        out: Folder for the cohort, its truth beside it, and the run; must not exist or be empty.
        size: How large.
        options: Where progress goes.
        overrides: Further changes to the spec.
        seed: Of the cohort; any one will do, and none is chosen for its figures.
    """
    folder = out / "cohort"
    options.tell(f"drawing {size.patients} synthetic patients (CT, table, mutations, both arms' outcomes)")
    write_cohort(
        draw("heterogeneous", size.patients, seed),
        folder,
        size_voxels=size.size_voxels,
        spacing_mm=size.spacing_mm,
        progress=options.progress,
    )
    options.tell(f"training examples/demo.yaml on {folder}")
    run = fit(
        example("demo.yaml"),
        folder,
        overrides=(*size.overrides, *overrides),
        options=replace(options, out=out / "run"),
    )
    metrics = evaluate_run(run, progress=options.progress)
    cohort = read_cohort(folder)
    prediction = run.predict(cohort, run.folder.patients("test")[:1])
    return Demo(folder, folder.with_name("cohort.truth"), run, metrics, prediction)


def example(name: str) -> Path:
    """A shipped spec: in the installed package, or in the source tree beside it."""
    installed = Path(str(files("mmcare"))) / "examples" / name
    return installed if installed.exists() else Path(str(files("mmcare"))).parent / "examples" / name
