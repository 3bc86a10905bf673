"""Make the two tables that the synthetic cohort ships: variants by gene, and edges of the gene network.

python docs/scripts/make_synthetic_data.py DATA

DATA holds `msk-luad-2020/data_mutations.txt` (Caso et al., J Thorac Oncol 2020, from cBioPortal; ODbL 1.0) and
`networks/string_nsclc_interactions.tsv` (STRING, CC BY 4.0).
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path

from mmcare.formats import current_symbol, read_edges, read_maf
from mmcare.synthetic.genome import GENES

OUT = Path(__file__).parents[2] / "mmcare" / "synthetic" / "data"
SILENT = {"Silent", "Intron", "5'UTR", "3'UTR", "RNA", "5'Flank"}
PARENT_SCORE = 0.7


def main(data: Path) -> None:
    write_variants(data / "msk-luad-2020" / "data_mutations.txt")
    write_network(data / "networks" / "string_nsclc_interactions.tsv")


def write_variants(file: Path) -> None:
    """Distinct protein changes of the 24 genes with their counts, in the order of genes, counts, names."""
    names = [gene.name for gene in GENES]
    counts: Counter[tuple[str, str, str]] = Counter()
    for mutation in read_maf(file):
        gene = current_symbol(mutation.gene)
        if gene in names and mutation.classification not in SILENT and mutation.protein_change:
            counts[gene, mutation.protein_change, mutation.classification] += 1
    rows = sorted(counts.items(), key=lambda item: (names.index(item[0][0]), -item[1], item[0]))
    header = "# MSK-IMPACT resected lung adenocarcinoma (Caso et al. 2020, PMID 32791233), via cBioPortal; ODbL 1.0.\n"
    write("variants.tsv", header, ["gene", "protein_change", "class", "count"], ((*key, n) for key, n in rows))


def write_network(file: Path) -> None:
    """STRING's edges among the 24 genes, and the causal model's own parents."""
    names = {gene.name for gene in GENES}
    edges = {
        tuple(sorted((current_symbol(e.gene_a), current_symbol(e.gene_b)))): e.score
        for e in read_edges(file)
        if {current_symbol(e.gene_a), current_symbol(e.gene_b)} <= names
    }
    for gene in GENES:
        for parent in gene.parents:
            edges.setdefault(tuple(sorted((gene.name, parent))), PARENT_SCORE)
    header = (
        "# STRING (string-db.org), CC BY 4.0; edges of score 0.7 that STRING lacks are the causal model's parents.\n"
    )
    write("network.tsv", header, ["gene_a", "gene_b", "score"], ((a, b, s) for (a, b), s in sorted(edges.items())))


def write(name: str, header: str, columns: list[str], rows) -> None:
    with (OUT / name).open("w", newline="", encoding="utf-8") as file:
        file.write(header)
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
