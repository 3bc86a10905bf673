"""Training on Lightning's Trainer: batches as a partition of the epoch, callbacks, resuming."""

from mmcare.training.best import weights_bytes
from mmcare.training.device import Place, choose_place
from mmcare.training.dropout import modalities_to_keep, rates_of
from mmcare.training.finish import encode_patients, finish, score
from mmcare.training.partition import EpochPartition, strata_of
from mmcare.training.segmentation import train_segmenter
from mmcare.training.train import Loop, Trained, train

__all__ = [
    "EpochPartition",
    "Loop",
    "Place",
    "Trained",
    "choose_place",
    "encode_patients",
    "finish",
    "modalities_to_keep",
    "rates_of",
    "score",
    "strata_of",
    "train",
    "train_segmenter",
    "weights_bytes",
]
