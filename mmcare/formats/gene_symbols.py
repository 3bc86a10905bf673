"""Gene symbols that were renamed since the assays of a data set named them."""

from __future__ import annotations

from typing import Final

__all__ = ["current_symbol"]

# Previous symbols (HGNC, genenames.org) that occur in MSK-IMPACT's published mutations and copy numbers beside, or
# instead of, the symbol of the assay's gene list; the two transcripts of CDKN2A are reported there as if genes.
_RENAMED: Final = {
    "CDKN2AP14ARF": "CDKN2A",
    "CDKN2AP16INK4A": "CDKN2A",
    "FAM123B": "AMER1",
    "MLL": "KMT2A",
    "MLL2": "KMT2D",
    "MLL3": "KMT2C",
    "MLL4": "KMT2B",
    "MRE11A": "MRE11",
    "MYCL1": "MYCL",
    "PAK7": "PAK5",
    "SETD8": "KMT5A",
}


def current_symbol(symbol: str) -> str:
    """The symbol under which a gene is known in the gene lists, without surrounding spaces."""
    symbol = symbol.strip()
    return _RENAMED.get(symbol.upper(), symbol)
