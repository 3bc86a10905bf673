"""The seam between a cohort and a network: samples, the fitted state and batches."""

from mmcare.inputs.inputs import Inputs, LocatingSegmenter, read_inputs
from mmcare.inputs.samples import Progress, Samples, Stage

__all__ = ["Inputs", "LocatingSegmenter", "Progress", "Samples", "Stage", "read_inputs"]
