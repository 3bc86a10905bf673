"""Components: how a plugin announces them, and how they are found. Knows no torch."""

from mmcare.registry.component import (
    API_VERSION,
    GIVES,
    KINDS,
    Component,
    ComponentKind,
    Gives,
)
from mmcare.registry.config import (
    BaselineConfig,
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
from mmcare.registry.describe import Key, as_yaml, fields_of, snippet
from mmcare.registry.discovery import discover, listing, look_again
from mmcare.registry.hookspec import PROJECT, hookimpl
from mmcare.registry.index import ListedComponent, ListedPlugin, index_file
from mmcare.registry.local import (
    LocalPlugin,
    allow_local,
    component,
    load_local,
    read_local,
)
from mmcare.registry.provider import LOCAL, Entry, Provider
from mmcare.registry.registry import Registry
from mmcare.registry.result import PluginResult, PluginState, Refused

__all__ = [
    "API_VERSION",
    "GIVES",
    "KINDS",
    "LOCAL",
    "PROJECT",
    "BaselineConfig",
    "BaselinePart",
    "Component",
    "ComponentKind",
    "Config",
    "EncoderConfig",
    "EncoderPart",
    "Entry",
    "FusionConfig",
    "FusionPart",
    "Gives",
    "HeadConfig",
    "HeadPart",
    "Key",
    "Kind",
    "ListedComponent",
    "ListedPlugin",
    "LocalPlugin",
    "ModalityConfig",
    "ModalityPart",
    "Neighbours",
    "NetworkConfig",
    "Part",
    "PluginResult",
    "PluginState",
    "Provider",
    "Refused",
    "Registry",
    "SegmenterConfig",
    "SegmenterPart",
    "allow_local",
    "as_yaml",
    "component",
    "discover",
    "fields_of",
    "hookimpl",
    "index_file",
    "listing",
    "load_local",
    "look_again",
    "read_local",
    "snippet",
]
