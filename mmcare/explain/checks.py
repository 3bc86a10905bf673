"""The sanity checks of a run's explanations, over patients of a cohort."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from mmcare.cohort import Cohort
from mmcare.errors import CohortError, Finding
from mmcare.explain.config import ExplainConfig
from mmcare.explain.explainer import Explainer, Notes
from mmcare.explain.explanation import PatientExplanation
from mmcare.explain.importance import feature_values, importance
from mmcare.explain.metric.insertion_deletion import Faithfulness, insertion_deletion
from mmcare.explain.metric.mass_in_tumour import TumourMass, mass_in_tumour
from mmcare.explain.metric.randomisation import Resemblance, resemblance, shuffled_model
from mmcare.explain.metric.true_drivers import Agreement, agreement
from mmcare.inputs import Progress
from mmcare.run import EnsemblePredictor, NetworkPredictor, Run
from mmcare.synthetic import WORLDS

__all__ = ["PATIENTS", "Checks", "check_explanations", "world_of_cohort"]

PATIENTS = 50
_WALKED_AGAINST = 4
"""Background patients of insertion and deletion."""
_READ_AT_ONCE = 32
_COPIES = 4
"""Randomised models a patient."""


@dataclass(frozen=True)
class Checks:
    """What the checks found.

    Attributes:
        patients: How many were explained.
        randomised: By kind of explanation; empty for a model without weights to shuffle.
        faithfulness: Mean over patients, of the first target that is explained; None where nothing is.
        tumour: By target; empty without masks.
        drivers: By target; empty for a cohort whose world is not known.
    """

    patients: int
    randomised: tuple[Resemblance, ...]
    faithfulness: Faithfulness | None
    tumour: tuple[TumourMass, ...]
    drivers: tuple[Agreement, ...]

    def as_json(self) -> str:
        """All figures."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"


def check_explanations(
    run: Run,
    cohort: Cohort,
    patients: Sequence[str],
    config: ExplainConfig | None = None,
    progress: Progress | None = None,
) -> Checks:
    """Explain patients by the run and by copies of it whose weights are shuffled, four other copies a patient.

    Images count as they are in both: what the run keeps of images' tokens is not a shuffled encoder's.

    Args:
        run: A finished run.
        cohort: With its truth beside it where it is synthetic.
        patients: Ids.
        config: How much is computed.
        progress: Told how far it is.

    Raises:
        CohortError: None of the patients can be explained: the run's figures are averages for everyone.
    """
    config = (config or ExplainConfig()).model_copy(update={"gradients": False})
    explainer = Explainer(run, cohort, config)
    explainer.reference = replace(explainer.reference, tokens={})
    trained: list[PatientExplanation] = []
    random: list[list[PatientExplanation]] = []
    walks: list[Faithfulness] = []
    for number, patient in enumerate(patients):
        if number % _READ_AT_ONCE == 0:
            explainer.read(patients[number : number + _READ_AT_ONCE])
        trained.append(explainer.explain(patient))
        random.append(_randomised(explainer, patient, number))
        walks += _walks(explainer, patient, number)
        if progress is not None:
            progress("checking explanations", number + 1, len(patients))
    if not any(explanation.features for explanation in trained):
        raise CohortError(_nothing(run))
    return Checks(
        patients=len(patients),
        randomised=resemblance(trained, random),
        faithfulness=_mean(walks),
        tumour=mass_in_tumour(trained),
        drivers=_drivers(cohort, trained),
    )


def world_of_cohort(cohort: Cohort) -> str | None:
    """The world that a synthetic cohort was drawn from; None of any other, or where its truth is not beside it."""
    file = cohort.root.resolve().with_name(f"{cohort.root.resolve().name}.truth") / "world.json"
    try:
        name = json.loads(file.read_text(encoding="utf-8"))["name"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return name if isinstance(name, str) and name in WORLDS else None


def _randomised(explainer: Explainer, patient: str, seed: int) -> list[PatientExplanation]:
    predictor = explainer.run.predictor
    if isinstance(predictor, EnsemblePredictor):
        predictor = predictor.members[0]
    if not isinstance(predictor, NetworkPredictor):
        return []
    found = []
    for copy in range(_COPIES):
        network = NetworkPredictor(shuffled_model(predictor.model, _COPIES * seed + copy))
        other = Explainer(replace(explainer.run, predictor=network), explainer.inputs(patient), explainer.config)
        other.reference = explainer.reference
        found.append(other.explain(patient))
    return found


def _walks(explainer: Explainer, patient: str, seed: int) -> list[Faithfulness]:
    work = explainer.work(patient, explainer.targets, Notes())
    if work is None or not work.players.count:
        return []
    shares, rows = work.shares(), work.rows
    first: Callable[..., np.ndarray] = lambda keep, who: rows(keep, who)[:, :1]  # type: ignore[type-arg]  # noqa: E731
    count = min(_WALKED_AGAINST, len(work.background.numbers))
    return [insertion_deletion(first, shares.values[:, 0], count, np.random.default_rng(seed))]


def _mean(walks: Sequence[Faithfulness]) -> Faithfulness | None:
    if not walks:
        return None
    names = ("deletion", "insertion", "random_deletion", "random_insertion")
    return Faithfulness(*(float(np.mean([getattr(walk, name) for walk in walks])) for name in names))


def _drivers(cohort: Cohort, trained: Sequence[PatientExplanation]) -> tuple[Agreement, ...]:
    world = world_of_cohort(cohort)
    if world is None:
        return ()
    values = feature_values((explanation.patient, explanation.features) for explanation in trained)
    rows = [row for part in values for row in importance(part)]
    targets = dict.fromkeys(row.target for row in rows)
    found = [agreement(world, target, rows) for target in targets]
    return tuple(part for part in found if part.drivers)


def _nothing(run: Run) -> Finding:
    what = "no patient can be explained: the run gives everyone the arm's average, or none of its figures is known."
    todo = "Train on more patients: 20 events of an endpoint in an arm are asked for before figures are personal."
    return Finding(file=Path(run.path), what=what, todo=todo, code="not-personal")
