"""The gene-graph modality: the panel's genes as nodes, with what was measured of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor

from mmcare.components import (
    JSON,
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
from mmcare_genomic.channels import (
    Scale,
    expression,
    fit_ranks,
    fit_scale,
    markers,
    rank,
    read_copy_number,
    read_expression,
    read_markers,
    read_mutations,
    require_markers,
)
from mmcare_genomic.gene_matrix import read_matrix
from mmcare_genomic.networks import graph_edges
from mmcare_genomic.plugin import Channel, GeneGraphConfig
from mmcare_genomic.tumour_genomes import read_genomes

__all__ = ["GeneGraph"]

MARKER = "marker"
_STAND_IN = 13


class GeneGraph(Modality[GeneGraphConfig]):
    """What assays say of genes, over a gene network that all patients share.

    Nodes are the genes of the cohort's panels (or those named), not those of the edge table: a gene without an edge is
    an isolated node. A gene outside a patient's panel is not measured; it is not wild type. Scalar markers (PD-L1,
    TMB) are nodes of their own, measured in a channel that genes do not have.

    Channels: `mutation` is 1 where mutated, else 0; `copy-number` is half the discrete copy number, in [-1, 1];
    `expression` and `marker` are scaled by median and spread of the training patients, and cut at 5.
    """

    def read(self, source: Source, patient: str) -> Prepared | Absent:
        """What the chosen channels and markers hold of the patient; absent where they hold nothing at all."""
        values: dict[str, JSON] = {}
        arrays: dict[str, np.ndarray] = {}
        reasons: list[str] = []
        for channel in self.config.channels:
            part = self._channel(channel, source, patient)
            if isinstance(part, Absent):
                reasons.append(part.reason)
            else:
                values.update(part.values)
                arrays.update(part.arrays)
        if self.config.markers:
            known = read_markers(source, patient, self.config.markers)
            if values or any(value is not None for value in known.values()):
                values["markers"] = dict(known)
        return Prepared(values, arrays) if values else Absent("; ".join(reasons))

    def _channel(self, channel: Channel, source: Source, patient: str) -> Prepared | Absent:
        match channel:
            case "copy-number":
                return read_copy_number(source, patient, self.config.classes)
            case "expression":
                return read_expression(source, patient, self.config.expression_log2)
        return read_mutations(source, patient, self.config.classes)

    def prepare(self, raw: Prepared, region: Region | None) -> Prepared:
        """As read."""
        return raw

    def fit(self, source: Source, training: Iterable[Prepared]) -> Fitted:
        """The nodes, the edges between them, and the scales of expression and markers."""
        require_markers(source, self.config.markers)
        items = list(training)
        nodes = (*self._genes(items), *self.config.markers)
        place = {node: i for i, node in enumerate(nodes)}
        found = graph_edges(source, self.config, frozenset(nodes))
        edges = {(min(place[a], place[b]), max(place[a], place[b])): weight for (a, b), weight in found.items()}
        pairs = np.array(sorted(edges), dtype=np.int64).reshape(-1, 2)
        weights = np.array([edges[a, b] for a, b in pairs.tolist()], dtype=np.float64)
        values: dict[str, JSON] = {"nodes": list(nodes)}
        if self.config.markers:
            values["units"] = {name: source.columns[name].unit for name in self.config.markers}
        arrays = {"edges": np.ascontiguousarray(pairs.T), "weights": weights, **self._scales(items, nodes)}
        return Fitted(values, arrays)

    def _scales(self, items: Sequence[Prepared], nodes: Sequence[str]) -> dict[str, np.ndarray]:
        """(V, 2) centre and spread of each node; empty where no channel is scaled."""
        if "expression" not in self.config.channels and not self.config.markers:
            return {}
        measured: dict[str, list[float]] = {node: [] for node in nodes}
        for item in items:
            known = {n: v for n, v in markers(item).items() if v is not None}
            for node, value in {**expression(item, nodes), **known}.items():
                if node in measured:
                    measured[node].append(value)
        scales = [fit_scale(measured[node]) for node in nodes]
        arrays = {"scales": np.array([[scale.centre, scale.spread] for scale in scales])}
        if self.config.expression_scale == "rank" and "expression" in self.config.channels:
            arrays["ranks"] = np.array([fit_ranks(measured[node]) for node in nodes])
        return arrays

    def _genes(self, items: Sequence[Prepared]) -> tuple[str, ...]:
        if self.config.genes is not None:
            return self.config.genes
        counts = Counter(gene for item in items for gene in _names(item, "mutated"))
        for assay in ("covered", "copy_number", "expression_genes"):
            covered = {gene for item in items for gene in _names(item, assay)}
            if covered:
                least = self.config.min_mutated if assay == "covered" else 0
                return tuple(sorted(gene for gene in covered if counts[gene] >= least))
        return ()

    @property
    def _channels(self) -> tuple[str, ...]:
        return (*self.config.channels, *((MARKER,) if self.config.markers else ()))

    def layout(self, fitted: Fitted | None) -> GraphLayout:
        """The graph; V stand-ins without data."""
        if fitted is None:
            nodes = tuple(f"gene {i}" for i in range(_STAND_IN))
            return GraphLayout(
                nodes=nodes,
                channels=self._channels,
                edges=np.zeros((2, 0), dtype=np.int64),
                weights=np.zeros(0),
                letters={_STAND_IN: "V"},
            )
        return GraphLayout(
            nodes=_nodes(fitted),
            channels=self._channels,
            edges=cast("np.ndarray", fitted.arrays["edges"]),
            weights=cast("np.ndarray", fitted.arrays["weights"]),
        )

    def collate(self, items: Sequence[Prepared], rows: Tensor, fitted: Fitted) -> GraphBatch:
        """(b, V, C): each channel's value, 0 where it was not measured."""
        nodes = _nodes(fitted)
        values = torch.zeros(len(items), len(nodes), len(self._channels))
        measured = torch.zeros(values.shape, dtype=torch.bool)
        place = {node: i for i, node in enumerate(nodes)}
        for row, item in enumerate(items):
            for column, channel in enumerate(self._channels):
                known = {n: v for n, v in _measured(item, channel, fitted, place).items() if n in place}
                where = [place[node] for node in known]
                measured[row, where, column] = True
                values[row, where, column] = torch.tensor(list(known.values()), dtype=torch.float32)
        return GraphBatch(rows=rows, values=values, measured=measured)

    def features(self, fitted: Fitted) -> tuple[Feature, ...]:
        """A player a node."""
        units = cast("Mapping[str, str]", fitted.values.get("units", {}))
        levels = ("wild type", "mutated") if self.config.channels == ("mutation",) else ()
        return tuple(Feature(n, units[n]) if n in units else Feature(n, levels=levels) for n in _nodes(fitted))

    def raw_values(self, item: Prepared, fitted: Fitted) -> tuple[float | str | None, ...]:
        """A marker's number; of a gene `mutated` or `wild type`, then copy number and expression where measured.

        None where nothing of it was measured.
        """
        nodes = _nodes(fitted)
        said = _in_words(item, nodes)
        return tuple(markers(item).get(node) if node in self.config.markers else said(node) for node in nodes)

    def read_back(self, batch: ModalityBatch, fitted: Fitted) -> tuple[tuple[float | str | None, ...], ...]:
        """Of mutations alone: `mutated` or `wild type`; ranks and scales of other channels are not undone."""
        if self._channels != ("mutation",):
            return ()
        own = cast(GraphBatch, batch)
        return tuple(
            tuple(None if not m else "mutated" if v else "wild type" for v, m in zip(values, measured, strict=True))
            for values, measured in zip(own.values[..., 0].tolist(), own.measured[..., 0].tolist(), strict=True)
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
        found: list[Finding] = []
        if "copy-number" in self.config.channels:
            found += read_matrix(source, "copy_number").findings
        if "expression" in self.config.channels:
            found += read_matrix(source, "expression").findings
        if "mutation" not in self.config.channels:
            return found
        return [*self._check_mutations(source), *found]

    def _check_mutations(self, source: Source) -> list[Finding]:
        genomes = read_genomes(source, self.config.classes)
        classes = ", ".join(f"{count} {name}" for name, count in sorted(genomes.rows.items(), key=lambda kv: -kv[1]))
        what = f"{sum(genomes.rows.values())} mutation rows: {classes}."
        note = Finding(file=source.file("mutations"), what=what, severity=Severity.NOTE, code="mutation-rows")
        return [*genomes.findings, note]

    def findings(self, items: Mapping[str, Prepared], fitted: Fitted) -> list[Finding]:
        """Nodes without an edge, mutated genes that are no node, and markers that the cohort has no column of."""
        nodes = _nodes(fitted)
        linked = set(np.unique(fitted.arrays["edges"]).tolist())
        mutated = [gene for item in items.values() for gene in _names(item, "mutated")]
        lost = Counter(gene for gene in mutated if gene not in nodes)
        alone = len(nodes) - len(linked)
        found = []
        if alone:
            what = f"{alone} of {len(nodes)} genes have no edge in the network; each is a node of its own."
            found.append(Finding(what=what, severity=Severity.NOTE, code="isolated"))
        if lost:
            some = ", ".join(gene for gene, _ in lost.most_common(5))
            share = 100 * sum(lost.values()) / len(mutated)
            what = (
                f"{sum(lost.values())} of {len(mutated)} mutated genes of patients ({share:.0f} %) lie in {len(lost)} "
            )
            what += f"genes that are no node of the graph ({some})."
            found.append(Finding(what=what, severity=Severity.WARNING, code="outside-graph"))
        for name in self.config.markers:
            if items and not any(name in markers(item) for item in items.values()):
                what = f"the cohort has no column `{name}`: the marker counts as not measured for everyone."
                found.append(Finding(key=name, what=what, severity=Severity.WARNING, code="column-absent"))
        return found


def _nodes(fitted: Fitted) -> tuple[str, ...]:
    return tuple(cast("list[str]", fitted.values["nodes"]))


def _names(item: Prepared, name: str) -> Sequence[str]:
    return list(cast("Iterable[str]", item.values.get(name, ())))


def _measured(item: Prepared, channel: str, fitted: Fitted, place: Mapping[str, int]) -> Mapping[str, float]:
    """A channel's values by node, measured ones only."""
    match channel:
        case "mutation":
            mutated = set(_names(item, "mutated"))
            return {gene: float(gene in mutated) for gene in _names(item, "covered")}
        case "copy-number":
            return {gene: value / 2 for gene, value in _copy_numbers(item).items()}
        case "expression":
            raw = expression(item, place)
            if "ranks" in fitted.arrays:
                ranks = cast("np.ndarray", fitted.arrays["ranks"])
                return {node: rank(value, ranks[place[node]]) for node, value in raw.items() if node in place}
        case _:
            raw = {name: value for name, value in markers(item).items() if value is not None}
    scales = fitted.arrays["scales"]
    return {n: Scale(*cast("np.ndarray", scales)[place[n]].tolist())(v) for n, v in raw.items() if n in place}


def _copy_numbers(item: Prepared) -> Mapping[str, float]:
    return cast("Mapping[str, float]", item.values.get("copy_number", {}))


def _in_words(item: Prepared, nodes: Sequence[str]) -> Callable[[str], str | None]:
    covered, mutated = set(_names(item, "covered")), set(_names(item, "mutated"))
    copies, expressed = _copy_numbers(item), expression(item, nodes)

    def say(gene: str) -> str | None:
        words = []
        if gene in covered:
            words.append("mutated" if gene in mutated else "wild type")
        if gene in copies:
            words.append(f"copy number {copies[gene]:+g}")
        if gene in expressed:
            words.append(f"expression {expressed[gene]:.3g}")
        return ", ".join(words) or None

    return say
