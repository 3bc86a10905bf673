"""The demo: a synthetic cohort drawn, a model trained on it, evaluated, and asked about one patient."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from mmcare.cohort import read_cohort
from mmcare.evaluation import Metrics
from mmcare.run import Prediction, Run
from mmcare.synthetic import draw, write_cohort
from mmcare.workflow.evaluate import evaluate_run
from mmcare.workflow.fit import fit
from mmcare.workflow.options import Options

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
    """What the demo made.

    Attributes:
        cohort: Folder. truth: Its sibling, with the outcomes under both treatments.
        run: The trained model.
        metrics: Its figures on the test patients.
        prediction: For one of them.
        averages: By endpoint that is predicted as the arm's average somewhere, the training events of each such arm.
    """

    cohort: Path
    truth: Path
    run: Run
    metrics: Metrics
    prediction: Prediction
    averages: Mapping[str, Mapping[str, int]]

    def next_commands(self) -> tuple[str, ...]:
        """What to try next, as typed where the demo was started."""
        run, cohort = shlex.quote(str(self.run.path)), shlex.quote(str(self.cohort))
        spec = shlex.quote(str(self.run.folder.spec))
        return (
            f"mmcare predict {run} --cohort {cohort} --patient {self.prediction.patients[0]} --format json",
            f"mmcare spec describe {spec} --cohort {cohort}",
            f"mmcare train {spec} --cohort {cohort} --set fusion.use=concat",
        )


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
    options.tell("evaluating on the test patients")
    metrics = evaluate_run(run, progress=options.progress)
    cohort = read_cohort(folder)
    prediction = run.predict(cohort, run.folder.patients("test")[:1])
    return Demo(folder, folder.with_name("cohort.truth"), run, metrics, prediction, _averages(run, prediction))


def _averages(run: Run, prediction: Prediction) -> Mapping[str, Mapping[str, int]]:
    cohort, _ = run.training_cohort()
    outcomes = cohort.outcomes(run.outcomes, run.folder.patients("training"))
    found: dict[str, dict[str, int]] = {}
    for name, endpoint in prediction.prognosis.endpoints.items():
        events = outcomes.event[:, run.outcomes.index(name)] == 1
        for code, arm in enumerate(run.outcomes.arms):
            if not bool(endpoint.personal[code]):
                found.setdefault(name, {})[arm] = int((events & (outcomes.arm == code)).sum())
    return found


def example(name: str) -> Path:
    """A shipped spec: in the installed package, or in the source tree beside it."""
    installed = Path(str(files("mmcare"))) / "examples" / name
    return installed if installed.exists() else Path(str(files("mmcare"))).parent / "examples" / name
