"""What the core offers; light, for listings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from mmcare.registry import Component, Config, EncoderConfig, ModalityConfig, hookimpl

__all__ = [
    "CbioportalConfig",
    "Lung1Config",
    "MskLuadConfig",
    "NlstConfig",
    "PassTokensConfig",
    "PrecomputedConfig",
    "RadiogenomicsConfig",
    "TcgaLuadConfig",
]

MMCARE_API = 1


class PrecomputedConfig(ModalityConfig):
    """Keys of ready-made tokens."""

    standardize: bool = Field(
        True, description="Bring each dimension to mean 0 and SD 1 of the training patients' tokens."
    )


class PassTokensConfig(EncoderConfig):
    """Keys of the encoder that hands tokens on."""


class CbioportalConfig(Config):
    """Keys of the door for cBioPortal studies."""

    panel_genes: Path | None = Field(
        None,
        description="Genes of panels that the study folder lacks: a file `data_gene_panel_*.txt`, a folder of them, or "
        "a table `panel`, `gene`.",
    )
    expression: str | None = Field(
        None, description="Expression profile to take, by its `stable_id`; by default the first that is no z-score."
    )
    network: Path | None = Field(
        None, description="Edges between genes to take into the cohort: STRING's export, or `gene_a, gene_b, score`."
    )


class Lung1Config(Config):
    """Keys of the recipe."""

    early_stage: bool = Field(False, description="Take stages I and II alone.")
    images: Path | None = Field(
        None, description="Folder or archive of the DICOM files; by default those that lie beside the tables."
    )


class NlstConfig(Config):
    """Keys of the recipe."""


class RadiogenomicsConfig(Config):
    """Keys of the recipe."""

    images: Path | None = Field(
        None, description="Folder or archive of the DICOM files; by default those that lie beside the tables."
    )


class TcgaLuadConfig(Config):
    """Keys of the recipe."""

    network: Path | None = Field(
        None, description="Edges between genes to take into the cohort: STRING's export, or `gene_a, gene_b, score`."
    )


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
        name="cbioportal",
        summary="Any study folder in cBioPortal's file formats.",
        config=CbioportalConfig,
        target="mmcare.builtin.cbioportal.recipe:Cbioportal",
    )
    yield Component(
        kind="recipe",
        name="lung1",
        summary="NSCLC-Radiomics: 422 patients after (chemo)radiotherapy, with CT or radiomics (Aerts et al. 2014).",
        config=Lung1Config,
        target="mmcare.builtin.lung1:Lung1",
    )
    yield Component(
        kind="recipe",
        name="nlst",
        summary="Lung cancers of the National Lung Screening Trial; untested on the original files.",
        config=NlstConfig,
        target="mmcare.builtin.nlst:Nlst",
    )
    yield Component(
        kind="recipe",
        name="nsclc-radiogenomics",
        summary="211 surgical patients with clinical data, expression and radiomics (Bakr et al. 2018).",
        config=RadiogenomicsConfig,
        target="mmcare.builtin.radiogenomics:Radiogenomics",
    )
    yield Component(
        kind="recipe",
        name="tcga-luad",
        summary="453 lung adenocarcinomas of TCGA: mutations, copy numbers, expression (Chen et al. 2022).",
        config=TcgaLuadConfig,
        target="mmcare.builtin.tcga_luad:TcgaLuad",
    )
    yield Component(
        kind="recipe",
        name="msk-luad-2020",
        summary="604 resected lung adenocarcinomas with MSK-IMPACT, recurrence-free survival (Caso et al. 2020).",
        config=MskLuadConfig,
        target="mmcare.builtin.msk_luad_2020:MskLuad2020",
    )
