"""The seam between a cohort and a network: samples, the fitted state and batches."""

from mmcare.inputs.inputs import Inputs, LocatingSegmenter, open_stage, read_inputs
from mmcare.inputs.samples import Kept, Progress, Samples, Stage
from mmcare.inputs.volumes import SegmenterVolumes

__all__ = [
    "Inputs",
    "Kept",
    "LocatingSegmenter",
    "Progress",
    "Samples",
    "SegmenterVolumes",
    "Stage",
    "open_stage",
    "read_inputs",
]
