"""Base classes of component configs, and the part types by which a config names a nested component.

The keys that the framework itself reads (`use`, `optional`, `from`, `pooled`, `weights`, `freeze`) stand here
once; a component's own config may not declare them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from mmcare.errors import Finding

__all__ = [
    "BaselineConfig",
    "BaselinePart",
    "Config",
    "EncoderConfig",
    "EncoderPart",
    "FusionConfig",
    "FusionPart",
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
]


@dataclass(frozen=True, slots=True)
class Kind:
    """Marks a config field as a nested part of that kind: `Annotated[Part, Kind("encoder")]`."""

    name: str


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The other parts of a spec, for checks that need more than one: config by key path (`modalities.ct.encoder`)."""

    configs: Mapping[str, Config] = field(default_factory=dict)


class Config(BaseModel):
    """What a component reads from a spec. Unknown keys are refused, a config never changes.

    Give every field a description (with its unit) and a default where one makes sense: help, schema and
    documentation are made from them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())

    def check(self, neighbours: Neighbours) -> list[Finding]:
        """What is wrong with this part among its neighbours; `spec check` runs it. Keys relative to this part."""
        return []


class Part(BaseModel):
    """A nested component as a spec names it: `use: NAME`, and that component's own keys.

    The keys are checked against the named component's config by the spec layer, not here.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    use: str = Field(description="Name of the component, or `distribution/name`.")


ModalityPart = Annotated[Part, Kind("modality")]
SegmenterPart = Annotated[Part, Kind("segmenter")]
EncoderPart = Annotated[Part, Kind("encoder")]
FusionPart = Annotated[Part, Kind("fusion")]
HeadPart = Annotated[Part, Kind("head")]
BaselinePart = Annotated[Part, Kind("baseline")]


class NetworkConfig(Config):
    """Base of the configs of parts that have weights.

    A config lists in `paths` its other keys that may name a file or folder. What is there, seen from the spec's file,
    reaches the component as an absolute path; anything else, such as a name on a hub, as it is written.
    """

    paths: ClassVar[tuple[str, ...]] = ()

    weights: str | None = Field(None, description="Where the weights start from: a weights file or a run folder.")
    freeze: bool = Field(False, description="Keep the weights as they are while training.")


class ModalityConfig(Config):
    """Base of modality configs: how one kind of input is read and prepared."""

    model_config = ConfigDict(populate_by_name=True)

    optional: bool = Field(False, description="Whether a cohort may lack this modality altogether.")
    from_: str | None = Field(
        None, alias="from", description="Key of the cohort's modality to read; by default the same key as here."
    )
    encoder: EncoderPart | None = Field(None, description="The encoder that turns this modality into tokens.")


class SegmenterConfig(NetworkConfig):
    """Base of segmenter configs."""

    model_config = ConfigDict(populate_by_name=True)

    freeze: bool = Field(
        True, description="As a `roi`: keep the weights as they are; `false` trains them on with the model."
    )
    from_: str = Field(
        "ct", alias="from", description="As a spec of its own: the cohort's modality whose volumes and masks it reads."
    )
    spacing_mm: float | None = Field(
        None, gt=0, description="Spacing in mm at which the segmenter sees the volume; by default the volume's own."
    )
    fallback: Literal["none", "whole"] = Field(
        "none", description="Where no tumour is found: `none`, the modality is absent; `whole`, the whole volume."
    )


class EncoderConfig(NetworkConfig):
    """Base of encoder configs.

    An encoder whose `published_weights` can fetch weights lists the words for them in `published`: in `weights:` they
    are no paths (a file of such a name is `./NAME`).
    """

    published: ClassVar[tuple[str, ...]] = ()

    pooled: bool = Field(False, description="Give one token for the whole modality instead of a set.")


class FusionConfig(NetworkConfig):
    """Base of fusion configs."""


class HeadConfig(NetworkConfig):
    """Base of head configs. A head declares `endpoints`, a non-empty mapping whose first entry leads."""


class BaselineConfig(Config):
    """Base of the configs of classical baselines."""
