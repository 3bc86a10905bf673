"""From a spec and the registry to a network, and nothing else."""

from mmcare.model.build import Tell, Weights, build, build_segmenter
from mmcare.model.describe import Description, describe
from mmcare.model.encoded import Encoded, encoded
from mmcare.model.model import Model, PathScores
from mmcare.model.precision import full_precision

__all__ = [
    "Description",
    "Encoded",
    "Model",
    "PathScores",
    "Tell",
    "Weights",
    "build",
    "build_segmenter",
    "describe",
    "encoded",
    "full_precision",
]
