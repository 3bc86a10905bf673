"""Edges of the gene graph: a network of scored pairs, the pathways of a GMT file, or both joined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations
from pathlib import Path

from mmcare.components import Source
from mmcare.formats import current_symbol, read_gmt
from mmcare_genomic.plugin import GeneGraphConfig
from mmcare_genomic.tumour_genomes import network_edges

__all__ = ["graph_edges", "pathway_edges"]

Pair = tuple[str, str]


def graph_edges(source: Source, config: GeneGraphConfig, nodes: frozenset[str]) -> Mapping[Pair, float]:
    """Weights in (0, 1] by pair of nodes, in the order of their names; a pair that both name has the larger weight.

    Raises:
        CohortError: A file is absent or of no use.
    """
    edges: dict[Pair, float] = {}
    if "network" in config.edges:
        named = network_edges(source, config.least_score)
        edges.update({_ordered(pair): w for pair, w in named.items() if set(pair) <= nodes and pair[0] != pair[1]})
    if "pathways" in config.edges:
        for pair, weight in pathway_edges(source, config.largest_pathway, nodes).items():
            edges[pair] = max(weight, edges.get(pair, 0.0))
    return edges


def pathway_edges(source: Source, largest: int, nodes: frozenset[str]) -> Mapping[Pair, float]:
    """Weights by pair of nodes that share a pathway: the sum of 1 / (n - 1) over shared pathways of n genes, at most 1.

    So a pathway hands each of its genes a total weight of 1, a large one in small shares (the clique expansion of a
    hypergraph). Pathways of more than `largest` genes say too little, and are left out.

    Raises:
        CohortError: The cohort names no `pathways`, or the file is of no use.
    """
    file = source.file("pathways")
    weights: Counter[Pair] = Counter()
    for members in _pathways(file, file.stat().st_mtime_ns if file.exists() else 0):
        if 2 <= len(members) <= largest:
            for pair in combinations(sorted(members & nodes), 2):
                weights[pair] += 1 / (len(members) - 1)  # type: ignore[assignment]
    return {pair: min(1.0, weight) for pair, weight in weights.items()}


@lru_cache(maxsize=2)
def _pathways(file: Path, stamp: int) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(map(current_symbol, pathway.genes)) for pathway in read_gmt(file))


def _ordered(pair: Pair) -> Pair:
    return pair if pair[0] < pair[1] else (pair[1], pair[0])
