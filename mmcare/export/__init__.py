"""What a run says of one patient, in the formats of hospital systems: DICOM onto the original series, and FHIR."""
