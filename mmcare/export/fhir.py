"""A patient's prediction as FHIR: a RiskAssessment for each endpoint and arm, a prediction for each horizon."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcare.errors import Finding, MMCareError
from mmcare.export.maker import MANUFACTURER, PROGRAM, RESEARCH, Maker, maker_of
from mmcare.formats.atomic import new_folder, write_text
from mmcare.formats.filename import file_name
from mmcare.report.case import Case
from mmcare.report.figures import arms_of
from mmcare.report.words import words_of, years
from mmcare.run import PredictionRow

if TYPE_CHECKING:
    from fhir.resources.R4B.riskassessment import RiskAssessment

__all__ = ["require_fhir", "risk_assessments", "write_fhir"]

_DEVICE = "mmcare"
_UCUM = "http://unitsofmeasure.org"


def require_fhir() -> None:
    """See that `fhir.resources` is there, before anything is computed.

    Raises:
        MMCareError: It is not.
    """
    try:
        import fhir.resources.R4B.riskassessment  # noqa: F401
    except ImportError as error:
        what = "a FHIR RiskAssessment is written by fhir.resources, which is not installed."
        todo = 'Run `pip install "mmcare[fhir]"`.'
        raise MMCareError(Finding(key="--fhir", what=what, todo=todo, code="not-installed")) from error


def write_fhir(case: Case, out: Path) -> None:
    """Write a JSON file for each endpoint and arm, such as `os-sbrt.json`.

    Raises:
        MMCareError: `fhir.resources` is not installed, or the folder cannot be written.
    """
    found = risk_assessments(case)
    with new_folder(out) as folder:
        for (endpoint, arm), resource in found.items():
            write_text(folder / file_name(f"{endpoint}-{arm}", ".json"), _json(resource))


def risk_assessments(case: Case) -> dict[tuple[str, str], RiskAssessment]:
    """The prediction in FHIR R4B, by endpoint and arm; figures are those of `mmcare predict`, digit by digit.

    The status is `preliminary`: nobody has looked at it. The patient is named by the cohort's id alone.

    Raises:
        MMCareError: `fhir.resources` is not installed.

    Source:
        HL7 FHIR R4B, RiskAssessment.
    """
    require_fhir()
    maker, at = maker_of(case.run), datetime.now(UTC).replace(microsecond=0)

    def place(row: PredictionRow) -> tuple[str, str]:
        return row.endpoint, row.arm

    groups = groupby(sorted(case.prediction.rows(), key=place), key=place)
    return {key: _resource(case, maker, list(rows), at) for key, rows in groups}


def _resource(case: Case, maker: Maker, rows: Sequence[PredictionRow], at: datetime) -> RiskAssessment:
    from fhir.resources.R4B.riskassessment import RiskAssessment

    endpoint, arm = rows[0].endpoint, rows[0].arm
    return RiskAssessment.model_validate(
        {
            "resourceType": "RiskAssessment",
            "contained": [_device(maker)],
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid4()}"}],
            "status": "preliminary",
            "method": {"text": f"{MANUFACTURER} {maker.version}, run {maker.run}, {case.run.manifest.kind}"},
            "code": {"text": f"{words_of(endpoint).name} if treated by {_name(case, arm)}"},
            "subject": {"type": "Patient", "identifier": {"value": case.patient}},
            "occurrenceDateTime": at,
            "performer": {"reference": f"#{_DEVICE}"},
            "basis": [{"display": said} for said in _basis(case)],
            "prediction": [_prediction(row) for row in rows],
            "note": [{"text": text} for text in _notes(case, maker)],
        }
    )


def _prediction(row: PredictionRow) -> dict[str, Any]:
    """The chance of no event from the decision to a horizon; where it is not known, why, and no figure."""
    words = words_of(row.endpoint)
    found: dict[str, Any] = {
        "outcome": {"text": f"{words.name}: no {words.event} within {years(row.horizon)}"},
        "whenRange": {"low": _years(0), "high": _years(row.horizon)},
    }
    if row.probability is not None:
        found["probabilityDecimal"] = Decimal(repr(row.probability))
    if row.reason:
        found["rationale"] = row.reason
    return found


def _years(value: float) -> dict[str, Any]:
    return {"value": Decimal(f"{value:g}"), "unit": "years", "system": _UCUM, "code": "a"}


def _device(maker: Maker) -> dict[str, Any]:
    return {
        "resourceType": "Device",
        "id": _DEVICE,
        "manufacturer": MANUFACTURER,
        "deviceName": [{"name": PROGRAM, "type": "model-name"}],
        "version": [{"value": maker.version}],
    }


def _basis(case: Case) -> Iterator[str]:
    """What the prediction rests on."""
    for name in case.run.spec.modalities:
        if name not in case.absent:
            yield f"{name} of the patient"


def _notes(case: Case, maker: Maker) -> Iterator[str]:
    yield f"For {RESEARCH}: not a medical device, not to be used for the care of a patient."
    yield "Probabilities are of no event, from 0 to 1, counted from the treatment decision."
    if len(case.run.outcomes.arms) > 1:
        yield "The treatments were not randomised: figures of two treatments do not show what a treatment does."
    yield f"Run {maker.run}, id {maker.run_id}, SHA-256 of run.json {maker.digest}, {PROGRAM} {maker.version}."
    for name, reason in case.absent.items():
        yield f"Without {name}: {reason}."


def _name(case: Case, arm: str) -> str:
    return next((found.name for found in arms_of(case) if found.key == arm), arm)


def _json(resource: RiskAssessment) -> str:
    return str(resource.model_dump_json(indent=1)) + "\n"
