"""De-identification: an allow-list after DICOM PS3.15, one key, and a check of what was written."""

from mmcare.cohort.deidentify.checks.folder import check_identifiers
from mmcare.cohort.deidentify.cohort_tables import deidentify_cohort_tables
from mmcare.cohort.deidentify.deidentifier import Deidentifier, file_bytes
from mmcare.cohort.deidentify.folder import FileRecord, FolderSummary, deidentify_folder
from mmcare.cohort.deidentify.held_back import HeldBack
from mmcare.cohort.deidentify.key import new_key, read_key
from mmcare.cohort.deidentify.provenance import deidentified_record
from mmcare.cohort.deidentify.report import write_report
from mmcare.cohort.deidentify.table_file import deidentify_table_file
from mmcare.cohort.deidentify.tables import deidentified_table

__all__ = [
    "Deidentifier",
    "FileRecord",
    "FolderSummary",
    "HeldBack",
    "check_identifiers",
    "deidentified_record",
    "deidentified_table",
    "deidentify_cohort_tables",
    "deidentify_folder",
    "deidentify_table_file",
    "file_bytes",
    "new_key",
    "read_key",
    "write_report",
]
