"""JSON and other small text files: keys that name what they hold, and values that look like it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from mmcare.cohort.deidentify.checks.looks import looks_like

__all__ = ["in_json", "in_text"]

_MOST_BYTES = 20 << 20
_DEEPEST = 50
_DICOM = """
    patientname patientid patientbirthdate otherpatientids accessionnumber institutionname institutionaddress
    referringphysicianname performingphysicianname operatorsname studydate seriesdate acquisitiondate
    acquisitiondatetime contentdate studyid stationname deviceserialnumber
"""
_KEYS = frozenset(_DICOM.split())
"""As sidecars of converters name elements of DICOM."""
_NEW = ("2.25.", "P-")
"""How ids begin that `mmcare` made."""


def in_json(path: Path) -> Iterator[tuple[str, str]]:
    """Values (key path, what they look like) that tell of a person or of an original object.

    Raises:
        ValueError: It is no JSON, or too large to be looked into.
    """
    yield from _in_value(json.loads(_read(path)), (), 0)


def _in_value(value: object, keys: tuple[str, ...], depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _in_value(part, (*keys, str(key)), depth + 1)
    elif isinstance(value, list):
        for part in value:
            yield from _in_value(part, keys, depth + 1)
    elif isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
        kind = _kind(keys[-1] if keys else "", str(value))
        if kind:
            yield ".".join(keys), kind


def _kind(key: str, text: str) -> str:
    from mmcare.cohort.identifiers import identifying  # reads cohorts, and so imports torch

    bare = key.casefold().replace("_", "").replace("-", "").replace(" ", "")
    if bare in _KEYS and not text.startswith(_NEW):
        return f"what DICOM has as {key}"
    return identifying(key) or looks_like(text, eight_digits="date" in bare)


def in_text(path: Path) -> Iterator[tuple[str, str]]:
    """Lines (number, what they look like) of a text file with a person's name, a mail address or a date.

    Raises:
        ValueError: It is too large to be looked into.
    """
    for number, line in enumerate(_read(path).splitlines(), start=1):
        if kind := looks_like(line, eight_digits=False):
            yield f"line {number}", kind


def _read(path: Path) -> str:
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} has more than {_MOST_BYTES} bytes")
    return path.read_text(encoding="utf-8", errors="replace")
