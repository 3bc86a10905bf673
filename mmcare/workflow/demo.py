"""The demo: a synthetic cohort drawn, a segmenter and a model trained, evaluated, and asked about one patient."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from mmcare.cohort import read_cohort
from mmcare.evaluation import Metrics, SegmentationMetrics
from mmcare.run import Prediction, Run, SegmenterRun
from mmcare.synthetic import draw, write_cohort
from mmcare.workflow.evaluate import evaluate_run
from mmcare.workflow.evaluate_segmenter import evaluate_segmenter
from mmcare.workflow.fit import fit
from mmcare.workflow.options import Options
from mmcare.workflow.segmenter import fit_segmenter

__all__ = ["FULL", "TINY", "Demo", "DemoSize", "example", "run_demo"]

MODEL, SEGMENTER = "demo.yaml", "demo-segmenter.yaml"


@dataclass(frozen=True, slots=True)
class DemoSize:
    """How large a demo is.

    Attributes:
        patients: Of the cohort that the model learns from.
        outlined: Others, whose masks the segmenter learns from: it sees no test patient of the model.
        size_voxels: The CT's voxels an axis. spacing_mm: Their size.
        segmenter: Changes to the segmenter's spec. overrides: To the model's.
    """

    patients: int
    outlined: int
    size_voxels: int
    spacing_mm: float
    segmenter: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()


FULL = DemoSize(patients=600, outlined=80, size_voxels=36, spacing_mm=3.0)
TINY = DemoSize(
    patients=120,
    outlined=40,
    size_voxels=36,
    spacing_mm=3.0,
    segmenter=("training.max_epochs=5",),
    overrides=("training.max_epochs=3",),
)


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo made.

    Attributes:
        cohort: Folder. truth: Its sibling, with the outcomes under both treatments.
        segmenter: Finds the tumours that the model looks at. found: Its figures on patients that it has not seen.
        run: The trained model.
        metrics: Its figures on the test patients.
        prediction: For one of them.
        averages: By endpoint that is predicted as the arm's average somewhere, the training events of each such arm.
    """

    cohort: Path
    truth: Path
    segmenter: SegmenterRun
    found: SegmentationMetrics
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
        out: Folder for the cohorts, the truth beside each, and the runs; must not exist or be empty.
        size: How large.
        options: Where progress goes.
        overrides: Further changes to the model's spec.
        seed: Of the cohort; any one will do, and none is chosen for its figures.
    """
    segmenter, found = _segmenter(out, size, options, seed + 1)
    options.tell(f"drawing {size.patients} synthetic patients (CT, table, mutations, both arms' outcomes)")
    folder = _draw(out / "cohort", size, size.patients, options, seed)
    run = _model(out, size, options, (*_located_by(segmenter), *size.overrides, *overrides), folder)
    options.tell("evaluating on the test patients")
    metrics = evaluate_run(run, progress=options.progress)
    prediction = run.predict(read_cohort(folder), run.folder.patients("test")[:1])
    averages = _averages(run, prediction)
    return Demo(folder, folder.with_name(f"{folder.name}.truth"), segmenter, found, run, metrics, prediction, averages)


def _segmenter(out: Path, size: DemoSize, options: Options, seed: int) -> tuple[SegmenterRun, SegmentationMetrics]:
    options.tell(f"drawing {size.outlined} synthetic patients with their tumours outlined")
    folder = _draw(out / "outlined", size, size.outlined, options, seed)
    options.tell(f"training a segmenter by examples/{SEGMENTER} on {folder}")
    options = replace(options, out=out / "segmenter")
    run = fit_segmenter(example(SEGMENTER), folder, overrides=size.segmenter, options=options)
    return run, evaluate_segmenter(run, progress=options.progress)


def _model(out: Path, size: DemoSize, options: Options, overrides: Sequence[str], folder: Path) -> Run:
    options.tell(f"training examples/{MODEL} on {folder}; the segmenter finds the tumours")
    return fit(example(MODEL), folder, overrides=overrides, options=replace(options, out=out / "run"))


def _located_by(segmenter: SegmenterRun) -> tuple[str, ...]:
    """Changes to a model's spec by which this segmenter finds the tumours; its keys are those it was trained with."""
    assert segmenter.spec.segmenter is not None, "a segmenter's run"
    part = segmenter.spec.segmenter
    keys = part.config.model_dump(mode="json", exclude={"weights", "from_"}, exclude_defaults=True)
    roi = {"use": part.entry.component.name, **keys, "weights": str(segmenter.path)}
    return (f"modalities.ct.roi={json.dumps(roi)}",)


def _draw(folder: Path, size: DemoSize, patients: int, options: Options, seed: int) -> Path:
    drawn = draw("heterogeneous", patients, seed)
    write_cohort(drawn, folder, size_voxels=size.size_voxels, spacing_mm=size.spacing_mm, progress=options.progress)
    return folder


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
