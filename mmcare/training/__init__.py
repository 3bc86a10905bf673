"""Training on Lightning's Trainer: batches as a partition of the epoch, callbacks, resuming."""

from mmcare.training.callbacks import weights_bytes
from mmcare.training.dropout import modalities_to_keep, rates_of
from mmcare.training.partition import EpochPartition, strata_of
from mmcare.training.train import Trained, choose_device, finish, score, train

__all__ = [
    "EpochPartition",
    "Trained",
    "choose_device",
    "finish",
    "modalities_to_keep",
    "rates_of",
    "score",
    "strata_of",
    "train",
    "weights_bytes",
]
