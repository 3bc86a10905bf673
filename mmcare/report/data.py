"""All that a report says of one patient, typed; `model_dump_json` gives the JSON that the page embeds."""

from __future__ import annotations

from mmcare.report.attends import Attention
from mmcare.report.card import ModelCard
from mmcare.report.choice import Choice
from mmcare.report.curves import Curve
from mmcare.report.figures import Arm, EndpointLabel, Probability, UtilityFigure, UtilityRule
from mmcare.report.imaging import ImageView
from mmcare.report.inputs import ModalityInputs
from mmcare.report.part import Missing, Part
from mmcare.report.similar import Similar
from mmcare.report.tripod import TripodItem
from mmcare.report.what_if import FeatureDetail
from mmcare.report.why import Why

__all__ = ["FORMAT", "Made", "ReportData"]

FORMAT = 2


class Made(Part):
    """By what and when the report was made.

    Attributes:
        run: Name of the run folder. spec: Name of its spec. run_created: ISO time of training.
        mmcare: Version that made the report. at: ISO time of the report.
        cohort: Name of the cohort's folder.
    """

    run: str
    spec: str
    run_created: str
    mmcare: str
    at: str
    cohort: str


class ReportData(Part):
    """One patient's report.

    Attributes:
        format: Version of this form.
        patient: Id. split: Of the run that the patient was in: `training`, `validation`, `test`; None, in none.
        arms: In the run's order. endpoints: The leading one first.
        probabilities: The figures of `mmcare predict`. utilities: Likewise. rule: Of the utility.
        curves: A curve for each endpoint and arm. inputs: By modality.
        choice: The advice, or why there is none. why: The explanation.
        details: Of each feature, its place among the training patients and what another value would change.
        attention: Between the tokens of the modalities; None of a model without attention.
        images: That the patient has. similar: What became of the training patients most alike.
        card: Of the model. tripod: The items of TRIPOD+AI.
        notes: What is worth saying of the inputs.
    """

    format: int = FORMAT
    made: Made
    patient: str
    split: str | None
    arms: tuple[Arm, ...]
    endpoints: tuple[EndpointLabel, ...]
    probabilities: tuple[Probability, ...]
    utilities: tuple[UtilityFigure, ...]
    rule: UtilityRule
    curves: tuple[Curve, ...]
    inputs: tuple[ModalityInputs, ...]
    choice: Choice | Missing
    why: Why | Missing
    details: tuple[FeatureDetail, ...] | Missing
    attention: Attention | None
    images: tuple[ImageView, ...]
    similar: Similar | Missing
    card: ModelCard
    tripod: tuple[TripodItem, ...]
    notes: tuple[str, ...] = ()
