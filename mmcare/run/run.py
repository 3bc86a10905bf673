"""A finished run: opened, checked, and asked for predictions. The seam of all verbs that come after training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmcare.cache import Cache
from mmcare.cohort import Cohort, read_cohort
from mmcare.components import Fitted, OutcomeLayout
from mmcare.errors import CohortError, Finding, RunError, Severity
from mmcare.inputs import Inputs, Progress, read_inputs
from mmcare.run.folder import RunFolder, open_run_folder
from mmcare.run.layouts import check_layouts, layouts_of
from mmcare.run.manifest import Manifest
from mmcare.run.plugins import check_plugins, installed_versions
from mmcare.run.prediction import Prediction
from mmcare.run.predictor import Predictor, cat_prognoses, load_predictors
from mmcare.run.starting import segmenters_of
from mmcare.run.store import read_fitted, read_outcome_layout
from mmcare.spec import Spec, load_spec

__all__ = ["Run", "load_run"]

_PATIENTS_AT_ONCE = 64


@dataclass(frozen=True)
class Run:
    """A trained model and all that it needs.

    Attributes:
        folder: Its files.
        manifest: What the run says of itself.
        spec: The resolved spec.
        outcomes: Arms, endpoints and horizons, the only source of codes.
        fitted: What each modality learned from the training patients.
        predictor: The network or baseline.
    """

    folder: RunFolder
    manifest: Manifest
    spec: Spec
    outcomes: OutcomeLayout
    fitted: Mapping[str, Fitted]
    predictor: Predictor = field(repr=False)

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    def inputs(
        self,
        cohort: Cohort,
        patients: Sequence[str] | None = None,
        *,
        with_outcomes: bool = True,
        cache: Cache | None = None,
        progress: Progress | None = None,
    ) -> Inputs:
        """The inputs of a cohort's patients, prepared as in training.

        Raises:
            CohortError: A patient or modality is not there, or files cannot be used.
        """
        chosen = tuple(dict.fromkeys(patients)) if patients is not None else cohort.patients
        for patient in chosen:
            cohort.require(patient)
        read = read_inputs(
            self.spec,
            cohort,
            self.outcomes if with_outcomes else None,
            segmenters=segmenters_of(self.spec, self.folder),
            patients=chosen,
            cache=cache,
            progress=progress,
        )
        return read.with_fitted(self.fitted)

    def predict(
        self, cohort: Cohort | str | Path, patients: Sequence[str] | None = None, progress: Progress | None = None
    ) -> Prediction:
        """What the run says of patients, under every arm, treated or not.

        Args:
            cohort: A cohort or its folder; need not hold outcomes.
            patients: Ids; by default all. One that stands there twice is predicted for once.
            progress: Told how far the reading is.
        """
        if not isinstance(cohort, Cohort):
            cohort = read_cohort(Path(cohort))
        inputs = self.inputs(cohort, patients, with_outcomes=False, progress=progress)
        return self.predict_inputs(inputs)

    def predict_inputs(self, inputs: Inputs) -> Prediction:
        """`predict` of inputs that are read already."""
        ids = inputs.patients
        if not ids:
            raise CohortError("The cohort has no patient to predict for.")
        parts = [
            self.predictor.prognosis(inputs.batch(ids[start : start + _PATIENTS_AT_ONCE], with_outcomes=False))
            for start in range(0, len(ids), _PATIENTS_AT_ONCE)
        ]
        absent = {
            patient: {
                name: samples.absent[patient] for name, samples in inputs.samples.items() if patient in samples.absent
            }
            for patient in ids
        }
        return Prediction(ids, cat_prognoses(parts), self.outcomes, absent, tuple(inputs.findings()))

    def training_cohort(self) -> tuple[Cohort, list[Finding]]:
        """The cohort that the run was trained on, and a warning where it changed since.

        Raises:
            CohortError: It is no longer there.
        """
        record = self.folder.cohort()
        cohort = read_cohort(Path(record.path))
        if cohort.fingerprint() == record.fingerprint:
            return cohort, []
        what = "the cohort changed since training: its fingerprint differs from the run's."
        todo = "Figures may be of other data than the run's; `mmcare train` makes a run of the cohort as it is now."
        return cohort, [Finding(file=cohort.root, what=what, todo=todo, severity=Severity.WARNING, code="changed")]


def load_run(path: str | Path, *, allow_local_code: bool = False) -> Run:
    """Open a finished run.

    Args:
        path: The run folder.
        allow_local_code: Whether code that the run brings along (single-file plugins) may run; name it only for
            runs whose maker you trust.

    Raises:
        RunError: The folder is no run, unfinished, damaged, of a newer version, or needs another plugin version.
        PluginError: A plugin that it needs is missing, or local code was not allowed.

    Example:
        >>> import mmcare
        >>> run = mmcare.load_run("runs/demo-0001")  # doctest: +SKIP
        >>> run.predict("demo/cohort", ["SYN-00001"])  # doctest: +SKIP
    """
    folder, manifest = open_run_folder(Path(path))
    if manifest.kind == "segmenter":
        what = "is a run of a segmenter: it finds tumours and predicts nothing."
        todo = f"`mmcare evaluate` measures it; a model locates with it by `roi: {{use: …, weights: {path}}}`."
        raise RunError(Finding(file=folder.path, what=what, todo=todo, code="kind"))
    wrong = check_plugins(folder.path, manifest.plugins, installed_versions())
    if wrong:
        raise RunError(wrong)
    spec = load_spec(folder.spec, allow_local_code=allow_local_code)
    folder.require_kind(manifest, spec.kind)
    outcomes = read_outcome_layout(folder.outcomes)
    fitted = {name: read_fitted(folder.preprocessing, name) for name in spec.modalities}
    layouts = layouts_of(spec, fitted, folder.preprocessing)
    members = [folder.member(number) for number in range(manifest.members)]
    for member in members:
        check_layouts(member, layouts, folder.preprocessing)
    predictor = load_predictors(spec, layouts, outcomes, members)
    return Run(folder, manifest, spec, outcomes, fitted, predictor)
