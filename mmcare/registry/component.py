"""The record by which a plugin announces a component."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from mmcare.registry.config import Config

__all__ = ["API_VERSION", "GIVES", "KINDS", "Component", "ComponentKind", "Gives"]

API_VERSION = 1
"""Version of the contract between core and plugins; a plugin states it as `MMCARE_API`."""

ComponentKind = Literal["modality", "segmenter", "encoder", "fusion", "head", "baseline", "recipe"]
KINDS: tuple[ComponentKind, ...] = get_args(ComponentKind)

Gives = Literal["volume", "table", "graph", "sequence", "tokens"]
GIVES: tuple[Gives, ...] = get_args(Gives)


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part that a spec can name.

    Args:
        kind: What it is.
        name: Its name in a spec, kebab-case, unique in its kind.
        summary: One line for lists.
        config: The pydantic model of its keys in a spec; stands in the plugin's light module.
        target: `package.module:Class`, imported when a spec uses the component. A class is accepted for
            components registered in a notebook.
        takes: For an encoder: the kind of batch it reads (`volume`, `table`, `graph`, `sequence`, `tokens`).
        gives: For a modality: the kind of batch it gives.

    Example:
        >>> from mmcare.registry import Component, EncoderConfig
        >>> Component(kind="encoder", name="mean", summary="Mean of a table.", config=EncoderConfig,
        ...           target="mmcare_mean.encoder:Mean", takes="table").name
        'mean'
    """

    kind: ComponentKind
    name: str
    summary: str
    config: type[Config]
    target: str | type
    takes: Gives | None = None
    gives: Gives | None = None
