"""What the core offers; light, for listings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from mmcare.registry import Component, Config, EncoderConfig, ModalityConfig, hookimpl

__all__ = ["MskLuadConfig", "PassTokensConfig", "PrecomputedConfig"]

MMCARE_API = 1


class PrecomputedConfig(ModalityConfig):
    """Keys of ready-made tokens."""

    standardize: bool = Field(
        True, description="Bring each dimension to mean 0 and SD 1 of the training patients' tokens."
    )


class PassTokensConfig(EncoderConfig):
    """Keys of the encoder that hands tokens on."""


class MskLuadConfig(Config):
    """Keys of the recipe."""

    network: Path | None = Field(
        None, description="Edges between genes to take into the cohort: STRING's export, or `gene_a, gene_b, score`."
    )


@hookimpl
def mmcare_components() -> Iterator[Component]:
    """Ready-made tokens, the encoder that hands them on, and the recipes."""
    yield Component(
        kind="modality",
        name="precomputed",
        summary="Tokens made elsewhere: an .npy array a patient, or one table for all.",
        config=PrecomputedConfig,
        target="mmcare.builtin.precomputed:Precomputed",
        gives="tokens",
    )
    yield Component(
        kind="encoder",
        name="precomputed",
        summary="Hands ready-made tokens on as they are.",
        config=PassTokensConfig,
        target="mmcare.builtin.precomputed:PassTokens",
        takes="tokens",
    )
    yield Component(
        kind="recipe",
        name="msk-luad-2020",
        summary="604 resected lung adenocarcinomas with MSK-IMPACT, recurrence-free survival (Caso et al. 2020).",
        config=MskLuadConfig,
        target="mmcare.builtin.msk_luad_2020:MskLuad2020",
    )
