"""What this distribution offers; light, for listings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from mmcare.registry import Component, ModalityConfig, hookimpl

__all__ = ["GeneGraphConfig", "SequenceConfig", "VariantsConfig"]

MMCARE_API = 1


Channel = Literal["mutation", "copy-number", "expression"]
ItemT = TypeVar("ItemT")


def _each_once(items: tuple[ItemT, ...]) -> tuple[ItemT, ...]:
    if not items or len(set(items)) < len(items):
        raise ValueError("name at least one, and each once")
    return items


class GeneGraphConfig(ModalityConfig):
    """Keys of the gene graph."""

    channels: Annotated[tuple[Channel, ...], AfterValidator(_each_once)] = Field(
        ("mutation",),
        description="What a node holds, each with whether it was measured: `mutation`; `copy-number`, discrete, from "
        "the cohort's `copy_number`; `expression`, from its `expression`.",
    )
    markers: tuple[str, ...] = Field(
        (),
        description="Number columns of the patients' table that become nodes of their own, such as PD-L1 or TMB. An "
        "edge of the network that names one links it.",
    )
    edges: Annotated[tuple[Literal["network", "pathways"], ...], AfterValidator(_each_once)] = Field(
        ("network",),
        description="Where edges come from: `network`, scored pairs (STRING); `pathways`, genes that share a pathway "
        "of a GMT file (Reactome); both are joined, the larger weight counts.",
    )
    largest_pathway: int = Field(50, ge=2, description="Pathways of more genes give no edges.")
    expression_log2: bool = Field(
        False, description="Take log2(1 + x) of expression first: for counts or TPM, not for z-scores."
    )

    expression_scale: Literal["clip", "rank"] = Field(
        "clip",
        description="How expression is brought to one scale: `clip`, by median and spread of the training patients, "
        "cut at 5; `rank`, by the place among them, from -1.73 to 1.73 (spread 1), for values with extreme outliers.",
    )

    genes: tuple[str, ...] | None = Field(
        None,
        description="Nodes, by HGNC symbol; by default the genes of the cohort's panels; without the channel "
        "`mutation`, those of the copy numbers, else of the expression.",
    )
    min_mutated: int = Field(
        0, ge=0, description="Leave out panel genes mutated in fewer training patients; named genes always stay."
    )
    least_score: float = Field(0.0, ge=0, le=1, description="Edges of a lower combined score (0 to 1) are left out.")
    classes: tuple[str, ...] = Field(
        (
            "Missense_Mutation",
            "Nonsense_Mutation",
            "Frame_Shift_Del",
            "Frame_Shift_Ins",
            "In_Frame_Del",
            "In_Frame_Ins",
            "Splice_Site",
            "Splice_Region",
            "Translation_Start_Site",
            "Nonstop_Mutation",
            "5'Flank",
            "Unspecified",
        ),
        description="MAF's Variant_Classification values that count as a mutation of the gene; `Unspecified` is that "
        "of tables that say mutated or not, without a class.",
    )


class VariantsConfig(ModalityConfig):
    """Keys of the variants."""

    genes: tuple[str, ...] | None = Field(
        None,
        description="Slots, by HGNC symbol; by default the panels' genes that have a reference sequence. A gene named "
        "here without one is a slot whose changes are of unknown effect.",
    )
    shifts: Mapping[str, int] = Field(
        default_factory=dict,
        description="By gene: residues added to the positions of changes that do not fit the reference as they stand, "
        "where the file counts on another isoform.",
    )


class SequenceConfig(ModalityConfig):
    """Keys of the sequences."""

    alphabet: Literal["protein", "dna", "rna"] = Field("protein", description="What the letters are.")
    slots: tuple[str, ...] | None = Field(
        None, description="Names of the records to use; by default those of the training patients."
    )


@hookimpl
def mmcare_components() -> Iterator[Component]:
    """The modalities."""
    yield Component(
        kind="modality",
        name="gene-graph",
        summary="What assays say of genes, over a gene network; outside the panel is missing, not wild type.",
        config=GeneGraphConfig,
        target="mmcare_genomic.gene_graph:GeneGraph",
        gives="graph",
    )
    yield Component(
        kind="modality",
        name="variants",
        summary="Protein changes applied to reference sequences, a slot a gene; what cannot be applied is counted.",
        config=VariantsConfig,
        target="mmcare_genomic.variants:Variants",
        gives="sequence",
    )
    yield Component(
        kind="modality",
        name="sequence",
        summary="Protein, DNA or RNA sequences from a FASTA file a patient, a slot a record.",
        config=SequenceConfig,
        target="mmcare_genomic.sequence:SequenceModality",
        gives="sequence",
    )
