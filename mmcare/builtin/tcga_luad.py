"""The recipe `tcga-luad`: one table of survival, mutations, copy numbers and expression."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmcare.builtin.cbioportal.recipe import write_network
from mmcare.builtin.cbioportal.samples import some
from mmcare.builtin.plugin import TcgaLuadConfig
from mmcare.builtin.published import package_text, the_file
from mmcare.components import CohortWriter, Counts, Recipe
from mmcare.errors import CohortError, Finding, Severity
from mmcare.formats.rows import counted, first_lines
from mmcare.formats.table import LONGEST_CELL

__all__ = ["TcgaLuad"]

_FILES = ("tcga_luad_all_clean.csv.zip", "tcga_luad_all_clean.csv")
_NEEDED = ("case_id", "slide_id", "age", "site", "survival_months", "censorship", "is_female", "train")
_PATIENTS, _DEATHS = 453, 158
_OF_SLIDE = {"", "Unnamed: 0", "slide_id"}
_PANEL = "table"
_CLASS = "Unspecified"
_SEX = {"1": "female", "0": "male"}


@dataclass(frozen=True, slots=True)
class _Slides:
    """The published table: a row a slide, and of each patient the first."""

    file: Path
    columns: tuple[str, ...]
    first: Mapping[str, Mapping[str, str]]
    counts: Counts

    def genes(self, suffix: str) -> list[str]:
        return [name.removesuffix(suffix) for name in self.columns if name.endswith(suffix)]


class TcgaLuad(Recipe[TcgaLuadConfig]):
    """453 patients with lung adenocarcinoma; 158 deaths.

    The published table has a row a slide and a column `censorship` in which 1 stands for censored and 0 for a death: it
    is turned round into `os_event`. Mutations come as 0 or 1 a gene, without a class; copy numbers are discrete;
    expression comes as z-scores with values of some thousands, which the gene graph cuts or ranks.

    Source:
        Chen et al., Cancer Cell 2022, 10.1016/j.ccell.2022.07.004; data: TCGA Research Network via cBioPortal.
    """

    def make(self, source: Path, writer: CohortWriter) -> Mapping[str, Counts]:
        """Read the published table, write the cohort."""
        slides = _read(the_file(source, _FILES, "table of TCGA-LUAD"))
        _check_deaths(slides)
        network = self.config.network is not None
        counts = {"slides": slides.counts}
        writer.table("patients.csv", _HEADER, [_patient(row) for row in slides.first.values()])
        counts |= {"mutations": _write_mutations(slides, writer)}
        for name, suffix in (("copy_number", "_cnv"), ("expression", "_rnaseq")):
            counts[f"genes of {name.replace('_', ' ')}"] = _write_matrix(slides, name, suffix, writer)
        if self.config.network is not None:
            counts["network"] = write_network(self.config.network, writer)
        writer.finding(_turned_round(slides))
        text = package_text("tcga_luad.yaml")
        writer.dictionary(text if network else text.replace(", network: network.tsv", ""))
        writer.provenance(package_text("tcga_luad.md"))
        return counts


_HEADER = ("patient_id", "os_months", "os_event", "age", "sex", "site", "published_split")


def _patient(row: Mapping[str, str]) -> list[str | None]:
    return [
        row["case_id"],
        row["survival_months"],
        _death(row),
        row["age"].removesuffix(".0") or None,
        _SEX.get(_digit(row["is_female"])),
        row["site"],
        {"1": "training", "0": "test"}.get(_digit(row["train"])),
    ]


def _digit(cell: str) -> str:
    return cell.strip().removesuffix(".0")


def _death(row: Mapping[str, str]) -> str | None:
    """`censorship` turned round: 0 is a death."""
    return {"0": "1", "1": "0"}.get(_digit(row["censorship"]))


def _read(file: Path) -> _Slides:
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.DictReader(io.StringIO(_text(file), newline=""))
    try:
        columns, rows = tuple(reader.fieldnames or ()), list(reader)
    except csv.Error as error:
        what = f"is no table separated by commas, or damaged ({error})."
        raise CohortError(Finding(file=file, what=what, todo="Download it again.", code="not-readable")) from error
    absent = [name for name in _NEEDED if name not in columns]
    if absent:
        what = f"the table lacks the columns {', '.join(absent)}."
        todo = "Name the folder of the published table `tcga_luad_all_clean.csv.zip`."
        raise CohortError(Finding(file=file, line=1, what=what, todo=todo, code="no-column"))
    short = sum(None in row or None in row.values() for row in rows)
    if short:
        what = f"{counted(short, 'row')} without the header's {len(columns)} cells."
        raise CohortError(Finding(file=file, what=what, todo="Download the table again.", code="ragged-row"))
    first: dict[str, Mapping[str, str]] = {}
    differing = [row["case_id"] for row in rows if _differs(row, first.setdefault(row["case_id"], row))]
    if differing:
        what = (
            f"{counted(len(differing), 'slide')} with other values than the patient's first ({first_lines(differing)})."
        )
        raise CohortError(Finding(file=file, what=what, todo="Download the table again.", code="slides-differ"))
    further = some("a further slide of the patient", len(rows) - len(first))
    return _Slides(file, columns, first, Counts(len(rows), len(first), further))


def _text(file: Path) -> str:
    """The table; the published archive holds one file, whose name says that it were an archive itself."""
    try:
        if not zipfile.is_zipfile(file):
            return file.read_text(encoding="utf-8")
        with zipfile.ZipFile(file) as archive:
            (member,) = archive.namelist()
            return archive.read(member).decode("utf-8")
    except (ValueError, OSError, zipfile.BadZipFile, EOFError, RuntimeError, zlib.error) as error:
        what = "is no archive of one table, nor a table in UTF-8, or is damaged."
        raise CohortError(Finding(file=file, what=what, todo="Download it again.", code="not-readable")) from error


def _differs(row: Mapping[str, str], first: Mapping[str, str]) -> bool:
    return any(row[name] != first[name] for name in row if name not in _OF_SLIDE)


def _check_deaths(slides: _Slides) -> None:
    """The whole table has 158 deaths; another number means that `censorship` is coded otherwise in this copy."""
    deaths = sum(_death(row) == "1" for row in slides.first.values())
    if len(slides.first) == _PATIENTS and deaths != _DEATHS:
        what = (
            f"censorship is 0 for {deaths} of {_PATIENTS} patients; the published table has 0 for the {_DEATHS} deaths."
        )
        todo = "Take the published table: in this copy the column is coded otherwise."
        raise CohortError(Finding(file=slides.file, key="censorship", what=what, todo=todo, code="deaths"))


def _turned_round(slides: _Slides) -> Finding:
    deaths = sum(_death(row) == "1" for row in slides.first.values())
    what = f"1 stands for censored ({len(slides.first) - deaths} patients) and 0 for a death ({deaths}): turned round "
    what += "into `os_event`, in which 1 is a death."
    return Finding(
        file=slides.file, key="censorship", what=what, severity=Severity.NOTE, code="censorship-turned-round"
    )


def _write_mutations(slides: _Slides, writer: CohortWriter) -> Counts:
    """A row a mutated gene of a patient; the cells that are 0 were looked at, so the genes make up one panel."""
    genes = slides.genes("_mut")
    cells = [(gene, p, row[f"{gene}_mut"]) for p, row in slides.first.items() for gene in genes]
    mutated = [(gene, p) for gene, p, cell in cells if _digit(cell) == "1"]
    wild = sum(_digit(cell) == "0" for _, _, cell in cells)
    columns = ["Hugo_Symbol", "Tumor_Sample_Barcode", "Variant_Classification", "HGVSp_Short"]
    writer.table("mutations.maf", columns, [(gene, patient, _CLASS, None) for gene, patient in mutated])
    writer.table("panels.tsv", ["SAMPLE_ID", "mutations"], [(patient, _PANEL) for patient in slides.first])
    writer.table("panel_genes.tsv", ["panel", "gene"], [(_PANEL, gene) for gene in genes])
    left_out = {**some("not mutated", wild), **some("neither 0 nor 1", len(cells) - wild - len(mutated))}
    return Counts(len(cells), len(mutated), left_out)


def _write_matrix(slides: _Slides, name: str, suffix: str, writer: CohortWriter) -> Counts:
    genes = slides.genes(suffix)
    patients: Sequence[Mapping[str, str]] = list(slides.first.values())
    rows = ([gene, *(row[f"{gene}{suffix}"] for row in patients)] for gene in genes)
    writer.table(f"{name}.tsv", ["Hugo_Symbol", *slides.first], rows)
    return Counts(len(genes), len(genes), {})
