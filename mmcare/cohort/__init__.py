"""A cohort on disk: data dictionary, tables, splits, findings.

Public names are resolved on first use: importing images needs none of what outcomes need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

_MODULES = {
    "cohort": ("ALL", "Cohort"),
    "dictionary": ("Dictionary",),
    "labelled_volumes": ("LabelledVolumes", "labelled_volumes"),
    "read": ("check_cohort", "read_cohort"),
    "split": ("split_patients",),
    "writer": ("FolderWriter", "write_cohort_folder"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(f"{__name__}.{_MODULE_OF[name]}")
    for public in _MODULES[_MODULE_OF[name]]:  # all of them: `labelled_volumes` is a module, too, and the function wins
        globals()[public] = getattr(home, public)
    return getattr(home, name)


def __dir__() -> list[str]:
    return sorted(__all__)
