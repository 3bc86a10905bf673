"""Columns whose names say that they identify a person: names, dates of birth, record numbers, addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mmcare.cohort.cohort import Cohort
from mmcare.cohort.units import words_of
from mmcare.errors import Finding, Severity

__all__ = ["check_identifiers", "identifying"]

_NAMES: Mapping[str, str] = {
    "names of persons": r"(first|last|sur|family|given|middle|maiden|full|patient|pt)s? ?name|name of (the )?patient"
    r"|initials|(treating|referring|attending) (physician|doctor|surgeon)|surgeon name|vorname|nachname|familienname",
    "dates of birth": r"dob|birth ?(date|day)|date of birth|born|geburts(datum|tag)|birth",
    "record numbers": r"mrn|(medical|hospital|health|social) (record|security|insurance)( (number|no|id))?|ssn"
    r"|nhs( (number|no))?|accession( (number|no))?|fallnummer|versichertennummer",
    "addresses": r"(street )?address|street|zip ?code|post(al)? ?code|postcode|zip|adresse|plz",
    "phone numbers or mail addresses": r"(tele)?phone( number)?|mobile|fax|e ?mail( address)?|telefon",
}
_PATTERNS = {what: re.compile(rf"(?:.* )?(?:{pattern})(?: .*)?") for what, pattern in _NAMES.items()}


def identifying(name: str) -> str:
    """What a column of this name would hold of a person, `dates of birth`; empty where the name does not say so."""
    words = words_of(name)
    return next((what for what, pattern in _PATTERNS.items() if pattern.fullmatch(words)), "")


def check_identifiers(cohort: Cohort) -> Iterator[Finding]:
    """Warnings about columns of the tables that identify persons; who reads them does not matter."""
    tables = [cohort.table] if cohort.outcomes_table is None else [cohort.table, cohort.outcomes_table]
    for table in tables:
        for name in table.columns:
            what = identifying(name)
            if what and any(cell.strip() for cell in table.column(name)):
                yield Finding(
                    file=table.file,
                    line=1,
                    key=name,
                    what=f"holds {what}, by its name: that identifies persons, and no model needs it.",
                    todo="Take the column out of the table; of a date of birth, keep the age at the decision.",
                    severity=Severity.WARNING,
                    code="identifier",
                )
