"""The gene-graph modality: the panel's genes as nodes, with what was measured of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor

from mmcare.components import (
    Absent,
    Feature,
    Fitted,
    GraphBatch,
    GraphLayout,
    Modality,
    ModalityBatch,
    Prepared,
    Region,
    Source,
)
from mmcare.errors import Finding, Severity
from mmcare_genomic.plugin import GeneGraphConfig
from mmcare_genomic.tumour_genomes import network_edges, read_genomes

__all__ = ["GeneGraph"]

CHANNELS = ("mutation",)
_STAND_IN = 13


class GeneGraph(Modality[GeneGraphConfig]):
    """Mutations over a gene network that all patients share.

    Nodes are the genes of the cohort's panels (or those named), not those of the edge table: a gene without an edge is
    an isolated node. A gene outside a patient's panel is not measured; it is not wild type.
    """

    def read(self, source: Source, patient: str) -> Prepared | Absent:
        """The patient's panel and mutated genes."""
        genomes = read_genomes(source, self.config.classes)
        name = genomes.panel.get(patient)
        covered = genomes.genes.get(name) if name is not None else None
        if covered is None:
            return Absent("not sequenced" if name is None else f"the genes of panel {name} are not known")
        mutated = genomes.mutated.get(patient, frozenset())
        return Prepared({"covered": sorted(covered), "mutated": sorted(mutated)})

    def prepare(self, raw: Prepared, region: Region | None) -> Prepared:
        """As read."""
        return raw

    def fit(self, source: Source, training: Iterable[Prepared]) -> Fitted:
        """The nodes, and the edges between them."""
        nodes = self._nodes(list(training))
        place = {gene: i for i, gene in enumerate(nodes)}
        edges = {
            (min(place[a], place[b]), max(place[a], place[b])): score
            for (a, b), score in network_edges(source, self.config.least_score).items()
            if a in place and b in place and a != b
        }
        pairs = np.array(sorted(edges), dtype=np.int64).reshape(-1, 2)
        weights = np.array([edges[a, b] for a, b in pairs.tolist()], dtype=np.float64)
        return Fitted({"nodes": list(nodes)}, {"edges": np.ascontiguousarray(pairs.T), "weights": weights})

    def _nodes(self, items: Sequence[Prepared]) -> tuple[str, ...]:
        if self.config.genes is not None:
            return self.config.genes
        counts = Counter(gene for item in items for gene in _genes(item, "mutated"))
        covered = {gene for item in items for gene in _genes(item, "covered")}
        return tuple(sorted(gene for gene in covered if counts[gene] >= self.config.min_mutated))

    def layout(self, fitted: Fitted | None) -> GraphLayout:
        """The graph; V stand-ins without data."""
        if fitted is None:
            nodes = tuple(f"gene {i}" for i in range(_STAND_IN))
            return GraphLayout(
                nodes=nodes,
                channels=CHANNELS,
                edges=np.zeros((2, 0), dtype=np.int64),
                weights=np.zeros(0),
                letters={_STAND_IN: "V"},
            )
        return GraphLayout(
            nodes=self._fitted_nodes(fitted),
            channels=CHANNELS,
            edges=cast("np.ndarray", fitted.arrays["edges"]),
            weights=cast("np.ndarray", fitted.arrays["weights"]),
        )

    @staticmethod
    def _fitted_nodes(fitted: Fitted) -> tuple[str, ...]:
        return tuple(cast("list[str]", fitted.values["nodes"]))

    def collate(self, items: Sequence[Prepared], rows: Tensor, fitted: Fitted) -> GraphBatch:
        """(b, V, 1): 1 where mutated; measured where the patient's panel covers the gene."""
        place = {gene: i for i, gene in enumerate(self._fitted_nodes(fitted))}
        values = torch.zeros(len(items), len(place), len(CHANNELS))
        measured = torch.zeros(values.shape, dtype=torch.bool)
        for row, item in enumerate(items):
            measured[row, [place[g] for g in _genes(item, "covered") if g in place]] = True
            values[row, [place[g] for g in _genes(item, "mutated") if g in place]] = 1.0
        return GraphBatch(rows=rows, values=values, measured=measured)

    def features(self, fitted: Fitted) -> tuple[Feature, ...]:
        """A player a gene."""
        return tuple(Feature(gene, levels=("wild type", "mutated")) for gene in self._fitted_nodes(fitted))

    def raw_values(self, item: Prepared, fitted: Fitted) -> tuple[str | None, ...]:
        """`mutated`, `wild type`, or None for a gene that was not tested."""
        covered, mutated = set(_genes(item, "covered")), set(_genes(item, "mutated"))
        return tuple(
            None if gene not in covered else "mutated" if gene in mutated else "wild type"
            for gene in self._fitted_nodes(fitted)
        )

    def replace(self, batch: ModalityBatch, keep: Tensor, background: ModalityBatch) -> GraphBatch:
        """Genes that are not kept come from the background, with whether they were tested."""
        own, other = cast(GraphBatch, batch), cast(GraphBatch, background)
        chosen = keep[..., None]
        return GraphBatch(
            rows=own.rows,
            values=torch.where(chosen, own.values, other.values),
            measured=torch.where(chosen, own.measured, other.measured),
        )

    def check(self, source: Source) -> list[Finding]:
        """What the readers found, and how many rows of the mutation file fell into each class."""
        genomes = read_genomes(source, self.config.classes)
        classes = ", ".join(f"{count} {name}" for name, count in sorted(genomes.rows.items(), key=lambda kv: -kv[1]))
        what = f"{sum(genomes.rows.values())} mutation rows: {classes}."
        note = Finding(file=source.file("mutations"), what=what, severity=Severity.NOTE, code="mutation-rows")
        return [*genomes.findings, note]

    def findings(self, items: Mapping[str, Prepared], fitted: Fitted) -> list[Finding]:
        """Nodes without an edge, and mutated genes that are no node."""
        nodes = self._fitted_nodes(fitted)
        linked = set(np.unique(fitted.arrays["edges"]).tolist())
        lost = Counter(gene for item in items.values() for gene in _genes(item, "mutated") if gene not in nodes)
        alone = len(nodes) - len(linked)
        found = []
        if alone:
            what = f"{alone} of {len(nodes)} genes have no edge in the network; each is a node of its own."
            found.append(Finding(what=what, severity=Severity.NOTE, code="isolated"))
        if lost:
            some = ", ".join(gene for gene, _ in lost.most_common(5))
            what = f"{sum(lost.values())} mutations lie in {len(lost)} genes that are no node of the graph ({some})."
            found.append(Finding(what=what, severity=Severity.WARNING, code="outside-graph"))
        return found


def _genes(item: Prepared, name: str) -> list[str]:
    return cast("list[str]", item.values[name])
