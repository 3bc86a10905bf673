"""The protein changes of a cohort and what each makes of its gene's reference sequence: read once a cohort."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mmcare.components import Source
from mmcare.errors import Finding, Severity
from mmcare.formats import Mutation, current_symbol, read_fasta, read_maf
from mmcare_genomic.effects import Effect, Unknown, effect_of
from mmcare_genomic.isoforms import suggested_shift
from mmcare_genomic.protein_change import ProteinChange, parse_change
from mmcare_genomic.tumour_genomes import TumourGenomes, read_genomes

__all__ = ["Call", "VariantCalls", "read_calls"]

_OTHER_FRAMES = frozenset({"CDKN2AP14ARF"})
"""Names under which a panel reports another reading frame of a gene as if it were a gene."""
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Call:
    """One change in one patient's tumour; `gene` by its current symbol."""

    patient: str
    gene: str
    change: ProteinChange
    effect: Effect


@dataclass(frozen=True, slots=True)
class VariantCalls:
    """The changes of a cohort.

    Attributes:
        genomes: Panels, and the genes that each covers.
        references: Reference sequence by gene.
        calls: The changes within the patient's panel, by patient; the same change twice counts once.
        kinds: Rows of the mutation file by what they say; they sum to the rows.
        fates: Rows by what became of them; they sum to the rows.
        findings: What the readers said.
    """

    genomes: TumourGenomes
    references: Mapping[str, str]
    calls: Mapping[str, tuple[Call, ...]]
    kinds: Mapping[str, int]
    fates: Mapping[str, int]
    findings: tuple[Finding, ...]

    def covered(self, patient: str) -> frozenset[str] | None:
        """The genes of the patient's panel; None where the patient or the panel is not known."""
        return self.genomes.genes.get(self.genomes.panel.get(patient, ""))


def read_calls(source: Source, shifts: Mapping[str, int]) -> VariantCalls:
    """The changes of a cohort.

    Args:
        source: The cohort; its entry names `mutations`, `panels`, `panel_genes` and `proteins`.
        shifts: By gene: added to the position of a change whose residue is not the reference's as it stands.

    Raises:
        CohortError: A file is absent or of no use.
    """
    genomes = read_genomes(source, ())
    files = [source.file("mutations"), source.file("proteins")]
    stamps = tuple((file, file.stat().st_mtime_ns if file.exists() else 0) for file in files)
    calls, references, kinds, fates, findings = _read(stamps, _Panels(genomes), tuple(sorted(shifts.items())))
    return VariantCalls(genomes, references, calls, kinds, fates, (*genomes.findings, *findings))


class _Panels:
    """A cohort's panels as a key of the cache: `read_genomes` hands out one object for the same files."""

    def __init__(self, genomes: TumourGenomes) -> None:
        self.genomes = genomes

    def __hash__(self) -> int:
        return id(self.genomes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Panels) and other.genomes is self.genomes


_Read = tuple[
    Mapping[str, tuple[Call, ...]], Mapping[str, str], Mapping[str, int], Mapping[str, int], tuple[Finding, ...]
]


@lru_cache(maxsize=4)
def _read(stamps: tuple[tuple[Path, int], ...], panels: _Panels, shifts: tuple[tuple[str, int], ...]) -> _Read:
    mutations, proteins = (file for file, _ in stamps)
    records, maf = read_fasta(proteins), read_maf(mutations)
    references = {current_symbol(record.name): record.sequence for record in records}
    kinds, fates = Counter(maf.left_out), Counter(maf.left_out)
    calls: dict[str, dict[tuple[str, str], Call]] = {}
    wrong: list[tuple[Mutation, Call]] = []
    for mutation in maf:
        call = _call(mutation, references, dict(shifts))
        kinds[str(call.change.kind)] += 1
        fate = _fate(call, panels.genomes)
        fates[fate] += 1
        if not fate.startswith(_OUTSIDE):
            calls.setdefault(mutation.sample, {}).setdefault((call.gene, call.change.text), call)
        if call.effect.unknown in (Unknown.OTHER_RESIDUE, Unknown.BEYOND):
            wrong.append((mutation, call))
    for counts in (kinds, fates):
        if sum(counts.values()) != maf.n_read:
            raise AssertionError(f"{maf.n_read} rows read, {dict(counts)} accounted for")
    findings = (*records.findings, *_mismatches(mutations, wrong, references))
    by_patient = {patient: tuple(found.values()) for patient, found in calls.items()}
    return by_patient, references, dict(kinds), dict(fates), findings


_OUTSIDE = ("of a patient without a panel", "outside the patient's panel")


def _call(mutation: Mutation, references: Mapping[str, str], shifts: Mapping[str, int]) -> Call:
    gene, change = current_symbol(mutation.gene), parse_change(mutation.protein_change)
    effect = effect_of(change, references.get(gene))
    if mutation.gene.upper() in _OTHER_FRAMES:
        effect = Effect(None, Unknown.OTHER_FRAME)
    elif effect.unknown in (Unknown.OTHER_RESIDUE, Unknown.BEYOND) and gene in shifts:
        shifted = effect_of(change, references.get(gene), shifts[gene])
        effect = effect if shifted.unknown in (Unknown.OTHER_RESIDUE, Unknown.BEYOND) else shifted
    return Call(mutation.sample, gene, change, effect)


def _fate(call: Call, genomes: TumourGenomes) -> str:
    panel = genomes.panel.get(call.patient)
    if panel is None:
        return _OUTSIDE[0]
    if call.gene not in genomes.genes.get(panel, frozenset()):
        return _OUTSIDE[1]
    return "applied" if call.effect.unknown is None else f"effect unknown: {call.effect.unknown}"


def _mismatches(
    file: Path, wrong: Iterable[tuple[Mutation, Call]], references: Mapping[str, str]
) -> tuple[Finding, ...]:
    """One finding a gene whose changes do not fit its reference: each change, and a shift that would make them fit."""
    by_gene: dict[str, list[tuple[Mutation, Call]]] = {}
    for mutation, call in wrong:
        by_gene.setdefault(call.gene, []).append((mutation, call))
    return tuple(_mismatch(file, gene, found, references[gene]) for gene, found in by_gene.items())


def _mismatch(file: Path, gene: str, found: list[tuple[Mutation, Call]], reference: str) -> Finding:
    listed = [f"{call.change.text} of {call.patient} ({_there(call.change, reference)})" for _, call in found[:_SHOWN]]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    what = f"{gene}: {len(found)} rows do not fit the reference sequence of {len(reference):,} residues: "
    what += f"{', '.join(listed)}{more}. Their effect counts as unknown."
    shift = suggested_shift([call.change for _, call in found], reference)
    todo = "Bring the sequence of the isoform that the file counts on, as `proteins` of the cohort's entry."
    if shift is not None:
        what += f" With {shift:+d} added to their positions all of them fit: they count on another isoform."
        todo = f"Write `shifts: {{{gene}: {shift}}}` in the spec, or bring that isoform's sequence as `proteins`."
    line = found[0][0].line
    return Finding(file=file, line=line, what=what, todo=todo, severity=Severity.WARNING, code="other-residue")


def _there(change: ProteinChange, reference: str) -> str:
    with_stop = f"{reference}*"
    for position, residue in change.residues:
        if position > len(with_stop):
            return f"position {position} is beyond the protein"
        if with_stop[position - 1] != residue:
            return f"{with_stop[position - 1]} there, not {residue}"
    return f"position {change.end} is beyond the protein"
