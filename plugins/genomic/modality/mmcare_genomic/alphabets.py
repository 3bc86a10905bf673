"""The letters of sequences: residues or bases, and the codes for one that is not sure."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ALPHABETS"]

ALPHABETS: Mapping[str, str] = {
    "protein": "ACDEFGHIKLMNPQRSTVWYUOBZX",
    "dna": "ACGTNRYSWKMBDHV",
    "rna": "ACGUNRYSWKMBDHV",
}
"""IUPAC's one-letter codes, most used first for nucleotides."""
