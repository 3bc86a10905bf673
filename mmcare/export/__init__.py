"""What a run says of one patient, in the formats of hospital systems: DICOM onto the original series, and FHIR."""

from mmcare.export.dicom import DicomWanted, write_dicom
from mmcare.export.fhir import require_fhir, risk_assessments, write_fhir

__all__ = ["DicomWanted", "require_fhir", "risk_assessments", "write_dicom", "write_fhir"]
