"""From an id to a file name: the one place that decides which ids are safe in a path."""

from __future__ import annotations

import hashlib
import re

from mmcare.errors import Finding, cut

__all__ = ["ALLOWED", "LONGEST_ID", "check_id", "file_name"]

LONGEST_ID = 64
ALLOWED = (
    f"1 to {LONGEST_ID} of the letters A-Z and a-z, digits, '-', '_', '.' and inner spaces, "
    "beginning with a letter or digit, not ending in '.', and no device name of Windows such as CON"
)
_SAFE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._ -]*[A-Za-z0-9_-])?", re.ASCII)
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def check_id(identifier: str) -> Finding | None:
    """None where the id can stand in a path as it is; else a finding that says what is allowed."""
    if _is_safe(identifier):
        return None
    what = f"the id '{cut(identifier, 40)}' ({len(identifier)} characters) cannot be part of a file name; allowed are "
    todo = "Give the patient another id in every file of the cohort."
    short = cut(identifier, 40)
    return Finding(patient=short, value=short, what=f"{what}{ALLOWED}.", todo=todo, code="unsafe-id")


def file_name(identifier: str, suffix: str = "") -> str:
    """A file name for any id: the id itself where it is safe, else its safe letters and a digest of the whole.

    An id that had to be changed carries 12 hexadecimal digits of its SHA-256, so that two such ids do not meet.
    """
    if _is_safe(identifier):
        return identifier + suffix
    letters = re.sub(r"[^A-Za-z0-9]+", "-", identifier).strip("-")[:32] or "id"
    return f"{letters}-{hashlib.sha256(identifier.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}{suffix}"


def _is_safe(identifier: str) -> bool:
    if not (len(identifier) <= LONGEST_ID and _SAFE.fullmatch(identifier)):
        return False
    return identifier.split(".")[0].strip().casefold() not in _DEVICES
