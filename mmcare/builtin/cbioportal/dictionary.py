"""The data dictionary of a cohort that was a cBioPortal study."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from mmcare.builtin.cbioportal.clinical import StudyColumn
from mmcare.builtin.cbioportal.endpoints import StudyEndpoint
from mmcare.errors import cut

__all__ = ["dictionary_text"]

_PLAIN = re.compile(r"[a-z][a-z0-9_]*")
_WORDS = {"null", "true", "false"}


def dictionary_text(
    study: Mapping[str, str],
    endpoints: Sequence[StudyEndpoint],
    columns: Sequence[StudyColumn],
    genomic: Mapping[str, str],
) -> str:
    """`cohort.yaml`, each guess marked as one."""
    title = cut(study.get("name") or study.get("cancer_study_identifier") or "A cBioPortal study", 100)
    lines = [f"# {title}. See PROVENANCE.md.", "mmcare_cohort: 1", "patients: {file: patients.csv, id: patient_id}"]
    lines += ["# A study does not say which treatment its patients had: name the arms here, or leave them out."]
    if endpoints:
        lines += [
            "endpoints:  # months as published, counted from what the study does not say",
            *_endpoints(endpoints),
        ]
    if columns:
        lines += [
            "# A study does not say when a column was known. Guessed: what is known of a specimen, `after` the",
            "# treatment decision; all else at it. Check each.",
            "columns:",
            *map(_column, columns),
        ]
    if genomic:
        files = ", ".join(f"{key}: {file}" for key, file in genomic.items())
        lines += ["modalities:", f"  genomic: {{{files}, available_at: after}}  # guessed: of the resected specimen"]
    return "\n".join(lines) + "\n"


def _endpoints(endpoints: Sequence[StudyEndpoint]) -> list[str]:
    return [
        f"  {_name(endpoint.key)}: {{time: {_name(endpoint.time.lower())}, event: {_name(endpoint.event.lower())}, "
        f"unit: months, codes: {{0: censored, 1: event}}, "
        f"horizons: [{', '.join(f'{years:g}' for years in endpoint.horizons)}]}}"
        for endpoint in endpoints
    ]


def _column(column: StudyColumn) -> str:
    keys = [f"type: {column.type}"]
    keys += [] if column.predictor else ["role: other"]
    keys += ["available_at: after"] if column.available_at == "after" else []
    keys += [f"missing: {json.dumps(list(column.missing))}"] if column.missing else []
    said = [text for text in (column.attribute.label, column.attribute.description) if text]
    said = [*dict.fromkeys(said), *([column.why] if column.why else [])]
    comment = cut("; ".join(said), 110)
    return f"  {_name(column.name)}: {{{', '.join(keys)}}}" + (f"  # {comment}" if comment else "")


def _name(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text not in _WORDS else json.dumps(text)
