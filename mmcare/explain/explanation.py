"""What an explanation of one patient holds, as arrays and words; knows no algorithm and no page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mmcare.components import Feature

__all__ = [
    "AttentionFigure",
    "FeatureAttribution",
    "ModalityAttribution",
    "PatientExplanation",
    "Saliency",
    "Target",
]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Target:
    """The output that is explained: a probability of no event by a horizon, or the difference of two arms' ones.

    Attributes:
        endpoint: Key. horizon: Years. arm: Key.
        minus: Key of the arm whose probability is subtracted; None, the probability under `arm` itself.
    """

    endpoint: str
    horizon: float
    arm: str
    minus: str | None = None

    @property
    def key(self) -> str:
        """Such as `os@3:sbrt` or `os@3:surgery-sbrt`; unique within a run."""
        arms = self.arm if self.minus is None else f"{self.arm}-{self.minus}"
        return f"{self.endpoint}@{self.horizon:g}:{arms}"


@dataclass(frozen=True, slots=True)
class FeatureAttribution:
    """Shapley values of all features of one modality for one target (Eq. 21).

    Attributes:
        target: What is explained.
        modality: Key.
        features: F players.
        raw: Each one's value as a person would write it; None where it was not measured.
        values: (F,), in the target's unit (a probability).
        standard_error: (F,), of the sampling; 0 where `exact`.
        baseline: Mean of the target over the background. prediction: The target for the patient. They differ by the
            sum over all modalities' values.
        exact: Whether all coalitions were computed.

    A modality that is one player, such as an image, has a single feature of its own name, whose raw value is `present`.
    """

    target: Target
    modality: str
    features: tuple[Feature, ...]
    raw: tuple[float | str | None, ...]
    values: Floats
    standard_error: Floats
    baseline: float
    prediction: float
    exact: bool


@dataclass(frozen=True, slots=True)
class ModalityAttribution:
    """Exact Shapley values of whole modalities (present or withheld) for one target.

    Attributes:
        target: What is explained. modalities: M keys of those that the patient has. values: (M,).
        baseline: The target with the background patients' modalities in all places. prediction: For the patient.
    """

    target: Target
    modalities: tuple[str, ...]
    values: Floats
    baseline: float
    prediction: float


@dataclass(frozen=True, slots=True)
class Saliency:
    """Where in a volume the model looked, for one target.

    Attributes:
        target: What is explained. modality: Key.
        values: (D, H, W) float32 in [0, 1], evidence for the target, on the prepared volume's grid.
        scale: The maximum of both maps before, in the target's unit a unit of feature map; 0, nothing was found.
        affine: (4, 4), voxel (i, j, k) to mm, RAS+.
        method: `grad-cam` (Eq. 19-20), or `occlusion` where the encoder names no layer.
        in_tumour: Share of the map's mass inside the tumour's mask; None without a mask.
        against: (D, H, W) float32, evidence against the target, divided by the same `scale`: Eq. 20 of its opposite.
            A tumour mostly speaks against survival.
        against_in_tumour: As `in_tumour`, of that map.
        tumour_share: Share of the volume inside the mask: what an even map would have; None without a mask.
    """

    target: Target
    modality: str
    values: npt.NDArray[np.float32]
    scale: float
    affine: Floats
    method: str
    in_tumour: float | None
    against: npt.NDArray[np.float32] | None = None
    against_in_tumour: float | None = None
    tumour_share: float | None = None


@dataclass(frozen=True, slots=True)
class AttentionFigure:
    """Attention of one direction between two modalities, mean over heads.

    Attributes:
        name: `step0.ct<-genomic`: messages to `ct` from `genomic`.
        queries: N names. keys: M names. weights: (N, M), rows sum to 1.
    """

    name: str
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    weights: Floats


@dataclass(frozen=True)
class PatientExplanation:
    """All that was computed for one patient.

    Attributes:
        patient: Id.
        background: Ids or running numbers of the training patients that stand for "not known", and how many.
        features: Shapley values, by target and modality. modalities: By target.
        saliency: By target and image modality. attention: None but for fusions that record it.
        gradients: Integrated gradients as a second opinion, same shape as `features`; standard errors are 0.
        notes: In words: what was not computed and why, what was approximated.
    """

    patient: str
    background: tuple[str, ...]
    features: tuple[FeatureAttribution, ...] = ()
    modalities: tuple[ModalityAttribution, ...] = ()
    saliency: tuple[Saliency, ...] = ()
    attention: tuple[AttentionFigure, ...] = ()
    gradients: tuple[FeatureAttribution, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
