"""The contract of a classical baseline: a model outside torch that is fitted in one call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, TypeVar

from mmcare.components.batches import Batch
from mmcare.components.layouts import InputLayout
from mmcare.components.network import Split
from mmcare.components.outcomes import OutcomeLayout
from mmcare.components.prognosis import Prognosis
from mmcare.components.record import State
from mmcare.registry import BaselineConfig

__all__ = ["Baseline"]

ConfigT = TypeVar("ConfigT", bound=BaselineConfig)


class Baseline(ABC, Generic[ConfigT]):
    """A classical model of the modalities' batches.

    Args:
        config: Its keys in the spec.
        layouts: Layout of each modality by the spec's key.
        outcomes: Arms, endpoints, horizons.
    """

    def __init__(self, config: ConfigT, layouts: Mapping[str, InputLayout], outcomes: OutcomeLayout) -> None:
        self.config = config
        self.layouts = layouts
        self.outcomes = outcomes

    @abstractmethod
    def fit(self, batch: Batch, split: tuple[Split, ...]) -> None:
        """Fit on the batch's training and validation patients, labelled by `split`; outcomes are in the batch."""

    @abstractmethod
    def predict(self, batch: Batch) -> Prognosis:
        """The prognosis under all arms."""

    @abstractmethod
    def state(self) -> State:
        """All that `restore` needs; no pickle."""

    @abstractmethod
    def restore(self, state: State) -> None:
        """Make this baseline the fitted one."""
