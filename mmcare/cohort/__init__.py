"""A cohort on disk: data dictionary, tables, splits, findings."""

from mmcare.cohort.cohort import ALL, Cohort
from mmcare.cohort.dictionary import Dictionary
from mmcare.cohort.labelled_volumes import LabelledVolumes, labelled_volumes
from mmcare.cohort.read import check_cohort, read_cohort
from mmcare.cohort.split import split_patients
from mmcare.cohort.writer import FolderWriter, write_cohort_folder

__all__ = [
    "ALL",
    "Cohort",
    "Dictionary",
    "FolderWriter",
    "LabelledVolumes",
    "check_cohort",
    "labelled_volumes",
    "read_cohort",
    "split_patients",
    "write_cohort_folder",
]
