"""Why the model says what it says: attributions of features, saliency in images, attention between tokens.

The types are light; what computes is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mmcare.explain.explanation import (
    AttentionFigure,
    FeatureAttribution,
    ModalityAttribution,
    PatientExplanation,
    Saliency,
    Target,
)

if TYPE_CHECKING:
    from mmcare.explain.checks import Checks, check_explanations
    from mmcare.explain.config import ExplainConfig
    from mmcare.explain.explainer import Explainer
    from mmcare.explain.importance import Importance
    from mmcare.explain.targets import all_targets, default_targets, parse_targets

__all__ = [
    "AttentionFigure",
    "Checks",
    "ExplainConfig",
    "Explainer",
    "FeatureAttribution",
    "Importance",
    "ModalityAttribution",
    "PatientExplanation",
    "Saliency",
    "Target",
    "all_targets",
    "check_explanations",
    "default_targets",
    "parse_targets",
]

_HOMES = {
    "Checks": "checks",
    "ExplainConfig": "config",
    "Explainer": "explainer",
    "Importance": "importance",
    "all_targets": "targets",
    "check_explanations": "checks",
    "default_targets": "targets",
    "parse_targets": "targets",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
