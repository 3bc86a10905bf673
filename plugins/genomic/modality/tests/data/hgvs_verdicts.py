"""Writes hgvs_verdicts.tsv: what the package `hgvs` makes of each protein change of MSK-IMPACT's 2020 study.

`hgvs` needs a compiler and libpq to install, so its verdicts are kept as a table. In an environment of its own:

    pip install hgvs==1.5.7
    python hgvs_verdicts.py data_mutations.txt > hgvs_verdicts.tsv

Columns: the change as the study writes it, how many rows have it, and how hgvs writes it with three letters a residue
once parsed; empty where hgvs refuses it.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter

import hgvs
import hgvs.parser
from hgvs.exceptions import HGVSParseError

SOURCE = "MSK-IMPACT resected lung adenocarcinoma (Caso et al. 2020, PMID 32791233), via cBioPortal; ODbL 1.0."


def verdict(parser: hgvs.parser.Parser, change: str) -> str:
    """hgvs' own writing of the change; empty where it cannot be parsed."""
    try:
        return str(parser.parse_hgvs_variant(f"NP_000000.1:{change}").posedit)
    except HGVSParseError:
        return ""


def main() -> None:
    """From the mutation file named on the command line to the table on standard output."""
    with open(sys.argv[1], newline="") as file:
        changes = Counter(row["HGVSp_Short"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    parser = hgvs.parser.Parser()
    print(f"# {SOURCE} Verdicts of hgvs {hgvs.__version__}; see hgvs_verdicts.py.")
    print("protein_change\trows\thgvs")
    for change, rows in sorted(changes.items()):
        if change:
            print(f"{change}\t{rows}\t{verdict(parser, change)}")


if __name__ == "__main__":
    main()
