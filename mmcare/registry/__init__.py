"""Components: how a plugin announces them, and how they are found. Knows no torch."""

from mmcare.registry.component import API_VERSION, GIVES, KINDS, Component, ComponentKind, Gives
from mmcare.registry.config import (
    BaselinePart,
    Config,
    EncoderConfig,
    EncoderPart,
    FusionConfig,
    FusionPart,
    HeadConfig,
    HeadPart,
    Kind,
    ModalityConfig,
    ModalityPart,
    Neighbours,
    NetworkConfig,
    Part,
    SegmenterConfig,
    SegmenterPart,
)
from mmcare.registry.hookspec import PROJECT, hookimpl

__all__ = [
    "API_VERSION",
    "GIVES",
    "KINDS",
    "PROJECT",
    "BaselinePart",
    "Component",
    "ComponentKind",
    "Config",
    "EncoderConfig",
    "EncoderPart",
    "FusionConfig",
    "FusionPart",
    "Gives",
    "HeadConfig",
    "HeadPart",
    "Kind",
    "ModalityConfig",
    "ModalityPart",
    "Neighbours",
    "NetworkConfig",
    "Part",
    "SegmenterConfig",
    "SegmenterPart",
    "hookimpl",
]
