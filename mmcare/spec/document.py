"""The keys of a spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mmcare.errors import cut

__all__ = ["MODALITY_KEY", "VERSION", "SpecDocument", "is_modality_key"]

VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MODALITY_KEY = "^[a-z][a-z0-9-]*$"
"""What the key of a modality looks like: it becomes part of parameter names."""


class SpecDocument(BaseModel):
    """A spec as a map of keys; sections and parts are checked each by its own model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mmcare: Literal[1] = Field(1, description="Version of this format.")
    name: str = Field("model", description="Name; run folders are named after it.")
    extends: str | None = Field(None, description="A spec whose values this one changes, relative to this file.")
    plugins: tuple[str, ...] = Field((), description="Single-file plugins, relative to this file.")
    requires: Mapping[str, object] = Field(default_factory=dict, description="What a cohort must have.")
    modalities: Mapping[str | int, object] = Field(default_factory=dict, description="The inputs, by key.")
    fusion: object = Field(None, description="How the modalities' tokens are fused.")
    head: object = Field(None, description="From the fused representation to a prognosis.")
    baseline: object = Field(None, description="A classical baseline, in place of fusion and head.")
    segmenter: object = Field(None, description="A segmenter, in place of all that.")
    split: Mapping[str, object] = Field(default_factory=dict, description="Training, validation and test patients.")
    training: Mapping[str, object] = Field(default_factory=dict, description="How it is trained.")
    decision: Mapping[str, object] = Field(default_factory=dict, description="How arms are compared.")
    allow_after_decision: tuple[str, ...] = Field(
        (), description="Modalities that may be known only after the treatment decision; for a one-arm prognosis."
    )

    @field_validator("name")
    @classmethod
    def _names_folders(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"`{cut(name)}` cannot name run folders; allowed are up to 64 letters, digits, `.`, `_` and `-`, "
                "a letter or digit first"
            )
        return name


def is_modality_key(key: object) -> bool:
    """Whether a modality can have this key."""
    return isinstance(key, str) and re.fullmatch(MODALITY_KEY, key) is not None
