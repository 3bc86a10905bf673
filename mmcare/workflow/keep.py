"""Figures are kept in the run that they are of."""

from __future__ import annotations

from pydantic import BaseModel

from mmcare.errors import Finding, MMCareError, Severity
from mmcare.run import RunFolder

__all__ = ["keep_metrics"]


def keep_metrics(folder: RunFolder, metrics: BaseModel) -> list[Finding]:
    """Write `metrics.json`. A run that cannot be written is worth a word: the figures are there to be read."""
    file = folder.metrics
    try:
        folder.add(file.name, metrics.model_dump_json(indent=1) + "\n")
    except MMCareError as error:
        return [f.at(file=file, what=f"is not kept: it {f.what}", severity=Severity.WARNING) for f in error.findings]
    return []
