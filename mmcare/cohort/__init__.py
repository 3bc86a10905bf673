"""A cohort on disk: data dictionary, tables, splits, findings."""

from mmcare.cohort.cohort import ALL, Cohort
from mmcare.cohort.dictionary import Dictionary
from mmcare.cohort.read import check_cohort, read_cohort
from mmcare.cohort.split import split_patients
from mmcare.cohort.writer import FolderWriter, write_cohort_folder

__all__ = [
    "ALL",
    "Cohort",
    "Dictionary",
    "FolderWriter",
    "check_cohort",
    "read_cohort",
    "split_patients",
    "write_cohort_folder",
]
