"""What survives of a CT image, a structure set and a segmentation: these elements, and nothing else.

The Basic Application Level Confidentiality Profile of DICOM PS3.15, edition 2024e, table E.1-1, names what must go.
Here it is turned round: an element that is not listed below goes, whether the table names it or not; so do private
elements, overlays, curves, icons, and every nested sequence that is not listed. Of the elements that the table names,
those below are replaced (actions Z, D and U), or cleaned by a closed list of words (Clean Descriptors Option), or moved
by the patient's days (Retain Longitudinal Temporal Information Modified Dates Option). A test holds the two against
each other.
"""

from __future__ import annotations

from collections.abc import Mapping

from mmcare.cohort.deidentify.allowed_common import CT_CLASS, LABEL_MAP_CLASS, RTSTRUCT_CLASS, SEG_CLASS
from mmcare.cohort.deidentify.allowed_ct import CT
from mmcare.cohort.deidentify.allowed_rtstruct import RTSTRUCT
from mmcare.cohort.deidentify.allowed_seg import SEGMENTATION
from mmcare.cohort.deidentify.rules import Allowed

__all__ = ["ALLOWED", "EDITION"]

EDITION = "DICOM PS3.15 2024e, table E.1-1"
ALLOWED: Mapping[str, tuple[Allowed, ...]] = {
    CT_CLASS: CT,
    RTSTRUCT_CLASS: RTSTRUCT,
    SEG_CLASS: SEGMENTATION,
    LABEL_MAP_CLASS: SEGMENTATION,
}
"""The list of each SOP class (CT Image, RT Structure Set, Segmentation, Label Map Segmentation Storage)."""
