"""The components that MM-Care's own distributions offer, so that a missing one can be named with its distribution.

A test compares this table with the workspace's plugins.
"""

from __future__ import annotations

from collections.abc import Mapping

from mmcare.registry.component import ComponentKind

__all__ = ["CORE", "KNOWN", "known_distribution", "known_names"]

CORE = "mmcare"

KNOWN: Mapping[str, Mapping[ComponentKind, tuple[str, ...]]] = {
    CORE: {
        "modality": ("precomputed",),
        "encoder": ("precomputed",),
        "recipe": ("cbioportal", "lung1", "msk-luad-2020", "nlst", "nsclc-radiogenomics", "tcga-luad"),
    },
    "mmcare-plugin-imaging": {
        "modality": ("ct",),
        "segmenter": ("unet3d", "mask", "whole"),
        "encoder": ("resnet3d",),
    },
    "mmcare-plugin-clinical": {"modality": ("table",), "encoder": ("mlp",)},
    "mmcare-plugin-genomic": {"modality": ("gene-graph", "sequence", "variants")},
    "mmcare-plugin-gcn": {"encoder": ("gcn",)},
    "mmcare-plugin-esm": {"encoder": ("esm",)},
    "mmcare-plugin-fusion": {"fusion": ("cross-attention", "concat", "weighted-sum", "late")},
    "mmcare-plugin-prognosis": {"head": ("dual-task", "single-task")},
    "mmcare-plugin-baselines": {"baseline": ("cox-ph",)},
}


def known_distribution(kind: str, name: str) -> str | None:
    """The first-party distribution that offers this component; None where none does."""
    return next((dist for dist, kinds in KNOWN.items() if name in kinds.get(kind, ())), None)  # type: ignore[call-overload]


def known_names(kind: str) -> tuple[str, ...]:
    """First-party component names of a kind, installed or not."""
    return tuple(name for kinds in KNOWN.values() for name in kinds.get(kind, ()))  # type: ignore[call-overload]
