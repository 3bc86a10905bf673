"""What this distribution offers; light, for listings."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from mmcare.registry import Component, ModalityConfig, hookimpl

__all__ = ["GeneGraphConfig"]

MMCARE_API = 1


class GeneGraphConfig(ModalityConfig):
    """Keys of the gene graph."""

    genes: tuple[str, ...] | None = Field(
        None, description="Nodes, by HGNC symbol; by default the genes of the cohort's panels."
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
        ),
        description="MAF's Variant_Classification values that count as a mutation of the gene.",
    )


@hookimpl
def mmcare_components() -> Iterator[Component]:
    """The modality."""
    yield Component(
        kind="modality",
        name="gene-graph",
        summary="Mutations of the sequenced genes over a gene network; outside the panel is missing, not wild type.",
        config=GeneGraphConfig,
        target="mmcare_genomic.gene_graph:GeneGraph",
        gives="graph",
    )
