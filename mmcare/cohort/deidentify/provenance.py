"""Where an image came from, told without telling: a JSON record with no original id, UID, date, text or file name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePath

from mmcare.cohort.deidentify.checks.looks import is_date
from mmcare.cohort.deidentify.deidentifier import Deidentifier
from mmcare.cohort.deidentify.vocabulary import is_kernel, is_model, is_region, maker

__all__ = ["Json", "deidentified_record"]

Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None
_UID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*)){3,}", re.ASCII)
_LONGEST_UID = 64
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
_PLAIN = re.compile(r"-?\d{1,4}(?:\.\d{1,6})?|\d{1,3}(?:\.\d{1,3}){1,2}", re.ASCII)
"""A short number, or a version."""
_MADE = re.compile(r"(?:P-[A-Z2-7]{16}|2\.25\.\d{1,39}|(?:file|text)-[0-9a-f]{16}(?:\.[a-z]{1,5})*)", re.ASCII)
"""What this module made: a record that was de-identified stays as it is."""
_WORDS = """
    CT RTSTRUCT SEG NIfTI NRRD DICOM nifti nrrd dicom rtstruct seg HU mm LPS RAS HFS FFS HFP FFP AXIAL ORIGINAL PRIMARY
    DERIVED LOCALIZER yes no true false none mmcare pydicom highdicom
"""
_KNOWN = frozenset(_WORDS.split())
_ENDS = (".nii.gz", ".dcm", ".nii", ".nrrd", ".csv", ".json", ".zip", ".tar.xz", ".tar.gz", ".tar")


def deidentified_record(record: Json, patient: str, deidentifier: Deidentifier, *, words: Collection[str] = ()) -> Json:
    """A record of provenance in which only what is known to be harmless stays as it is.

    Numbers, versions, short listed words, names of anatomy, kernels, makers and models stay; the patient's id, UIDs and
    dates become the new ones; any other text becomes `text-` or `file-` and a keyed name, so that two that were the
    same still are, and nothing more is told. A digest of an original file is such a text: who holds the original could
    compare it. So is a key that is no plain word, for it may be the name of a file.

    Args:
        record: JSON, as `json.loads` gives it.
        patient: Original id of the patient.
        deidentifier: Made with the key of the cohort.
        words: Further texts that may stay, such as those that the program itself writes.
    """
    if isinstance(record, Mapping):
        return {
            _key(k, deidentifier): deidentified_record(v, patient, deidentifier, words=words) for k, v in record.items()
        }
    if isinstance(record, str):
        return _text(record, patient, deidentifier, words)
    if isinstance(record, Sequence):
        return [deidentified_record(part, patient, deidentifier, words=words) for part in record]
    if isinstance(record, int | float) and not isinstance(record, bool) and _says_a_day(record, patient):
        return _hidden("text", str(record), deidentifier)
    return record


def _says_a_day(number: float, patient: str) -> bool:
    """A number that is a date, or the patient's id."""
    text = str(number)
    return is_date(text, eight_digits=True) or text == patient


def _key(key: str, deidentifier: Deidentifier) -> str:
    return key if _KEY.fullmatch(key) and not is_date(key, eight_digits=True) else _hidden("text", key, deidentifier)


def _text(text: str, patient: str, deidentifier: Deidentifier, words: Collection[str]) -> str:
    bare = text.strip()
    if bare and bare == patient.strip():
        return deidentifier.patient(patient)
    if _MADE.fullmatch(bare) or bare in _KNOWN or bare in words or bare == "":
        return text
    if _UID.fullmatch(bare) and len(bare) <= _LONGEST_UID:
        return deidentifier.uid(bare)
    moved = deidentifier.date(bare, patient)
    if moved is not None:
        return moved
    if _PLAIN.fullmatch(bare) or is_region(bare) or is_kernel(bare) or is_model(bare):
        return text
    if maker(bare) == bare:
        return text
    return _hidden("file" if _is_file(bare) else "text", bare, deidentifier)


def _is_file(text: str) -> bool:
    return "/" in text or "\\" in text or text.lower().endswith(_ENDS)


def _hidden(kind: str, text: str, deidentifier: Deidentifier) -> str:
    """`file-0123456789abcdef.nii.gz`: of a path, the last name counts, and its end stays if it is a usual one."""
    name = PurePath(text.replace("\\", "/")).name if kind == "file" else text
    end = next((end for end in _ENDS if name.lower().endswith(end)), "") if kind == "file" else ""
    return f"{kind}-{deidentifier.pseudonyms.label(kind, name)}{end}"
