"""DICOM files that still say whose they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcare.cohort.deidentify.reading import read_dicom
from mmcare.cohort.deidentify.values import texts

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["in_dicom"]

_ALWAYS = """
    PatientBirthDate PatientBirthTime PatientBirthName PatientMotherBirthName OtherPatientIDs OtherPatientNames
    PatientAddress PatientTelephoneNumbers PatientTelecomInformation CountryOfResidence MedicalRecordLocator
    PatientInsurancePlanCodeSequence ResponsiblePerson ResponsibleOrganization CurrentPatientLocation
    PatientInstitutionResidence InstitutionAddress PersonAddress PersonTelephoneNumbers InsurancePlanIdentification
    OtherPatientIDsSequence ReferringPhysicianAddress ReferringPhysicianTelephoneNumbers
"""
_UNLESS_REMOVED = """
    AccessionNumber StudyID InstitutionName InstitutionalDepartmentName StationName DeviceSerialNumber AdmissionID
    ServiceEpisodeID RequestAttributesSequence PatientComments ImageComments AdditionalPatientHistory
"""
_IN_ANY_CASE, _OTHERWISE = frozenset(_ALWAYS.split()), frozenset(_UNLESS_REMOVED.split())
_DATES = ("DA", "DT")
_EMPTY_NAMES = frozenset({"", "^", "ANONYMOUS", "ANON", "ANONYMIZED", "NONE", "UNKNOWN"})
_TIFF = (b"II*\0", b"MM\0*")


def in_dicom(path: Path) -> Iterator[str]:
    """What of a person the header of a DICOM file holds, as names of elements.

    A file that says of itself that the identity was removed (PatientIdentityRemoved YES) may hold dates, numbers of
    studies and private elements: whoever removed it may have replaced them. Names, dates of birth and addresses may
    not be there in any case.
    """
    dataset = read_dicom(path, pixels=False)
    removed = str(dataset.get("PatientIdentityRemoved", "")) == "YES"
    patient = str(dataset.get("PatientID", "") or "").strip()
    seen = dict.fromkeys(_elements(dataset, removed, patient))
    yield from seen
    preamble = getattr(dataset, "preamble", None) or b""
    if any(preamble) and not preamble.startswith(_TIFF) and not removed:
        yield "a preamble that is not empty"


def _elements(dataset: Dataset, removed: bool, patient: str) -> Iterator[str]:
    for tag in sorted(dataset.keys()):
        if tag.is_private:
            if not removed and not tag.is_private_creator:
                yield "private elements"
            continue
        yield from _element(dataset, tag, removed, patient)


def _element(dataset: Dataset, tag: Any, removed: bool, patient: str) -> Iterator[str]:
    from pydicom.datadict import dictionary_VR, keyword_for_tag

    keyword = keyword_for_tag(tag)
    vr = dictionary_VR(tag) if keyword else dataset.get_item(tag).VR
    if vr not in ("SQ", "PN", *_DATES) and keyword not in _IN_ANY_CASE | _OTHERWISE:
        return
    value = dataset[tag].value
    if not value:
        return
    if vr == "PN":
        if any(name.upper() not in _EMPTY_NAMES and name != patient for name in texts(dataset, keyword)):
            yield keyword
    elif keyword in _IN_ANY_CASE or (not removed and (keyword in _OTHERWISE or vr in _DATES)):
        yield keyword or str(tag)
    elif vr == "SQ":
        for item in value:
            yield from _elements(item, removed, patient)
