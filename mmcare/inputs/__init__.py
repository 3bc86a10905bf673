"""The seam between a cohort and a network: samples, the fitted state and batches."""

from mmcare.inputs.inputs import Inputs, LocatingSegmenter, read_inputs
from mmcare.inputs.samples import Progress, Samples, Stage
from mmcare.inputs.volumes import SegmenterVolumes

__all__ = ["Inputs", "LocatingSegmenter", "Progress", "Samples", "SegmenterVolumes", "Stage", "read_inputs"]
