"""The contracts of the parts that have weights: segmenter, encoder, fusion, head.

Each is an `nn.Module` made from its config and what it must know of its neighbours, and nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, Literal, TypeVar

import torch
from torch import Tensor, nn

from mmcare.components.adapted import Adapted
from mmcare.components.attention_map import AttentionMap
from mmcare.components.batches import ModalityBatch
from mmcare.components.layouts import InputLayout, TokenLayout
from mmcare.components.modality import Absent
from mmcare.components.outcomes import OutcomeLayout, Outcomes
from mmcare.components.prognosis import Losses, Prognosis, Scores
from mmcare.components.region import Mask
from mmcare.components.tokens import Representation, Tokens
from mmcare.formats import Volume
from mmcare.registry import EncoderConfig, FusionConfig, HeadConfig, SegmenterConfig

__all__ = ["Encoder", "Fusion", "Head", "Segmenter", "Split", "split_labels"]

SegmenterConfigT = TypeVar("SegmenterConfigT", bound=SegmenterConfig)
EncoderConfigT = TypeVar("EncoderConfigT", bound=EncoderConfig)
FusionConfigT = TypeVar("FusionConfigT", bound=FusionConfig)
HeadConfigT = TypeVar("HeadConfigT", bound=HeadConfig)
Split = Literal["training", "validation", "test"]


def split_labels(training: int, validation: int) -> tuple[Split, ...]:
    """Labels of rows of which the first `training` are training patients, the others validation patients."""
    first: list[Split] = ["training"] * training
    then: list[Split] = ["validation"] * validation
    return (*first, *then)


class Segmenter(nn.Module, ABC, Generic[SegmenterConfigT]):
    """Finds the tumour in a volume.

    One without weights only locates. One that learns is an `nn.Module` from HU (B, 1, D, H, W) to logits of the same
    shape, and has `resample`, `draw` and `loss` too.
    """

    def __init__(self, config: SegmenterConfigT) -> None:
        super().__init__()
        self.config = config

    @property
    def learns(self) -> bool:
        """Whether it has weights."""
        return any(True for _ in self.parameters())

    @abstractmethod
    def locate(self, volume: Volume) -> Mask | Absent:
        """The tumour's mask on the volume's grid; all True where the segmenter bounds nothing; or why there is none."""

    def resample(self, volume: Volume) -> Volume:
        """The volume and its mask on the grid at which the network sees them; what training keeps of a patient."""
        return volume

    def draw(self, volume: Volume, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """What a training step sees of a resampled volume: HU (n, 1, D, H, W) and mask (n, 1, D, H, W) in {0, 1}."""
        raise NotImplementedError(f"{type(self).__name__} has nothing to learn")

    def loss(self, logits: Tensor, mask: Tensor) -> Tensor:
        """The loss of logits against masks, both (n, 1, D, H, W); a scalar."""
        raise NotImplementedError(f"{type(self).__name__} has nothing to learn")


class Encoder(nn.Module, ABC, Generic[EncoderConfigT]):
    """Turns the rows of one modality into tokens.

    Attributes:
        dim: D, the width of its tokens.
        tokens: What each token stands for; a single one where `config.pooled`.
    """

    dim: int
    tokens: TokenLayout

    def __init__(self, config: EncoderConfigT, layout: InputLayout) -> None:
        super().__init__()
        self.config = config

    @abstractmethod
    def forward(self, batch: ModalityBatch) -> Tokens:
        """Tokens of the batch's own b rows: values (b, N, D), mask (b, N)."""

    def saliency_layer(self) -> nn.Module | None:
        """The layer for Grad-CAM, whose output is (b, C, d, h, w); None where there is none."""
        return None

    def adapt(self, tensors: Mapping[str, Tensor]) -> Adapted:
        """The tensors that `weights:` names, fitted to this encoder; by default as they are, which must match exactly.

        Raises:
            SpecError: They are of another network.
        """
        return Adapted(tensors)

    @classmethod
    def published_weights(cls, config: EncoderConfigT, word: str) -> Mapping[str, Tensor]:
        """The tensors that a word of `config.published` stands for, under the names of whoever published them.

        Raises:
            SpecError: They cannot be had, as in a closed network; says which file to bring.
        """
        raise NotImplementedError(f"{cls.__name__} publishes no weights as `{word}`")


class Fusion(nn.Module, ABC, Generic[FusionConfigT]):
    """Makes one representation, or one a modality, of the tokens of all modalities.

    Attributes:
        dim: D, the width of the representation.
        paths: `("joint",)`, or the names of the modalities whose paths stay apart.
    """

    dim: int
    paths: tuple[str, ...]

    def __init__(self, config: FusionConfigT, layouts: Mapping[str, TokenLayout], dims: Mapping[str, int]) -> None:
        super().__init__()
        self.config = config

    @abstractmethod
    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """The representation (B, P, D) of B patients; `tokens` holds every modality, masked where absent."""

    def recording(self) -> AbstractContextManager[Mapping[str, AttentionMap]]:
        """Within the context, forward fills the mapping with attention maps by name (`step0.ct<-genomic`)."""
        return nullcontext({})


class Head(nn.Module, ABC, Generic[HeadConfigT]):
    """Turns a representation into scores, a loss and a prognosis for every arm and endpoint.

    The order of calls: `fit` once, `forward` and `loss` in training, `finish` once, `predict`.
    """

    def __init__(self, config: HeadConfigT, dim: int, outcomes: OutcomeLayout) -> None:
        super().__init__()
        self.config = config
        self.outcomes = outcomes

    @abstractmethod
    def fit(self, outcomes: Outcomes) -> None:
        """Before the first step, on the training patients: intervals, censoring weights, biases at the arm's curve."""

    @abstractmethod
    def forward(self, r: Tensor) -> Scores:
        """Scores of representations (B, D)."""

    @abstractmethod
    def loss(self, scores: Scores, outcomes: Outcomes) -> Losses:
        """Factual loss: a patient adds to the loss of the arm received and to no other; computed in fp32."""

    @abstractmethod
    def risk(self, scores: Scores) -> Tensor:
        """(B, A, E), larger is worse; valid before `finish`."""

    @abstractmethod
    def finish(self, scores: Scores, outcomes: Outcomes, split: tuple[Split, ...]) -> None:
        """After the last step, on training and validation patients labelled by `split`: slope, baseline hazard."""

    @abstractmethod
    def predict(self, scores: Scores) -> Prognosis:
        """The prognosis under all arms; differentiable."""
