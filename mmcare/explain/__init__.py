"""Why the model says what it says: attributions of features, saliency in images, attention between tokens."""

from mmcare.explain.explanation import (
    AttentionFigure,
    FeatureAttribution,
    ModalityAttribution,
    PatientExplanation,
    Saliency,
    Target,
)

__all__ = [
    "AttentionFigure",
    "FeatureAttribution",
    "ModalityAttribution",
    "PatientExplanation",
    "Saliency",
    "Target",
]
