"""The variants modality: the panel's genes as slots, each with the sequences that a patient's changes make."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from torch import Tensor

from mmcare.components import (
    Absent,
    Feature,
    Fitted,
    Modality,
    ModalityBatch,
    Prepared,
    Region,
    SequenceBatch,
    SequenceLayout,
    Source,
)
from mmcare.errors import CohortError, Finding, Severity
from mmcare_genomic.alphabets import ALPHABETS
from mmcare_genomic.plugin import VariantsConfig
from mmcare_genomic.slots import Cell, replaced, sequence_batch
from mmcare_genomic.variant_calls import read_calls

__all__ = ["Variants"]

_STAND_IN = 13
_SHOWN = 8


class Variants(Modality[VariantsConfig]):
    """Protein changes (HGVS p.) applied to reference sequences, a slot a gene.

    A gene outside the patient's panel was not tested. A tested gene without a change, or with a silent one, is as the
    reference. A change that cannot be applied (a splice site, a residue that the reference does not have there, a gene
    without a sequence) is one of unknown effect: the slot says so, and it is counted by patient and gene.
    """

    def read(self, source: Source, patient: str) -> Prepared | Absent:
        """The genes of the patient's panel and what changed."""
        calls = read_calls(source, self.config.shifts)
        panel = calls.genomes.panel.get(patient)
        covered = calls.covered(patient)
        if covered is None:
            return Absent("not sequenced" if panel is None else f"the genes of panel {panel} are not known")
        sequences: dict[str, dict[str, str]] = {}
        unknown: dict[str, dict[str, str]] = {}
        for call in calls.calls.get(patient, ()):
            text = call.change.text or "a mutation"
            if call.effect.sequence is None:
                unknown.setdefault(call.gene, {})[text] = str(call.effect.unknown)
            elif call.effect.sequence != calls.references[call.gene]:
                sequences.setdefault(call.gene, {})[text] = call.effect.sequence
        return Prepared(
            {
                "covered": sorted(covered),
                "sequences": sequences,
                "unknown": unknown,
                "references": {gene: _digest(calls.references[gene]) for gene in sequences},
            }
        )

    def prepare(self, raw: Prepared, region: Region | None) -> Prepared:
        """As read."""
        return raw

    def fit(self, source: Source, training: Iterable[Prepared]) -> Fitted:
        """The slots and their reference sequences."""
        references = read_calls(source, self.config.shifts).references
        covered = {gene for item in training for gene in _covered(item)}
        genes = self.config.genes or tuple(sorted(covered & set(references)))
        if not genes:
            what = f"none of the {len(references)} proteins is of a gene that a panel covers."
            todo = "Name the records of `proteins` by gene symbol (`>EGFR`), or name `genes` in the spec."
            raise CohortError(Finding(file=source.file("proteins"), what=what, todo=todo, code="no-protein"))
        return Fitted({"genes": list(genes), "references": {g: references.get(g, "") for g in genes}})

    def layout(self, fitted: Fitted | None) -> SequenceLayout:
        """The genes and their references; N stand-ins without data."""
        if fitted is None:
            genes = tuple(f"gene {i}" for i in range(_STAND_IN))
            return SequenceLayout(
                slots=genes,
                alphabet=ALPHABETS["protein"],
                references=("M",) * _STAND_IN,
                letters={_STAND_IN: "N"},
            )
        references = cast("Mapping[str, str]", fitted.values["references"])
        genes = _slots(fitted)
        return SequenceLayout(
            slots=genes, alphabet=ALPHABETS["protein"], references=tuple(references[gene] for gene in genes)
        )

    def collate(self, items: Sequence[Prepared], rows: Tensor, fitted: Fitted) -> SequenceBatch:
        """(b, N, K): the sequences of each gene, or whether it was tested.

        Raises:
            CohortError: A gene's reference sequence is not the one in training.
        """
        for item in items:
            _check_references(item, fitted)
        return sequence_batch(rows, [[_cell(item, gene) for gene in _slots(fitted)] for item in items])

    def features(self, fitted: Fitted) -> tuple[Feature, ...]:
        """A player a gene."""
        return tuple(Feature(gene) for gene in _slots(fitted))

    def raw_values(self, item: Prepared, fitted: Fitted) -> tuple[str | None, ...]:
        """The changes as written, `wild type`, or None for a gene that was not tested."""
        return tuple(_in_words(item, gene) for gene in _slots(fitted))

    def replace(self, batch: ModalityBatch, keep: Tensor, background: ModalityBatch) -> SequenceBatch:
        """Genes that are not kept come from the background, with whether they were tested."""
        return replaced(cast(SequenceBatch, batch), keep, cast(SequenceBatch, background))

    def check(self, source: Source) -> list[Finding]:
        """What the readers found, the rows by what they say and by what became of them, unknown effects by gene."""
        calls = read_calls(source, self.config.shifts)
        file = source.file("mutations")
        rows = sum(calls.kinds.values())
        notes = [
            Finding(
                file=file, what=f"{rows:,} mutation rows {how}: {_counted(counts)}.", severity=Severity.NOTE, code=code
            )
            for how, counts, code in (
                ("by what they say", calls.kinds, "change-kinds"),
                ("by what became of them", calls.fates, "change-fates"),
            )
        ]
        return [*calls.findings, *notes]

    def findings(self, items: Mapping[str, Prepared], fitted: Fitted) -> list[Finding]:
        """Changes of unknown effect by patient and gene, and changed genes that are no slot."""
        slots = set(_slots(fitted))
        unknown: Counter[str] = Counter()
        lost: Counter[str] = Counter()
        patients = set()
        for patient, item in items.items():
            for gene, changes in _unknown(item).items():
                if gene in slots:
                    unknown[gene] += len(changes)
                    patients.add(patient)
            changed = {*_unknown(item), *_sequences(item)}
            lost.update(changed - slots)
        found = []
        if unknown:
            what = f"{unknown.total()} changes of {len(patients)} patients are of unknown effect: {_by_gene(unknown)}."
            found.append(Finding(what=what, severity=Severity.NOTE, code="effect-unknown"))
        if lost:
            what = f"{lost.total()} changed genes of patients are no slot, for want of a sequence: {_by_gene(lost)}."
            todo = "Add their sequences to `proteins`, or name them under `genes`: their effect is unknown then."
            found.append(Finding(what=what, todo=todo, severity=Severity.WARNING, code="outside-slots"))
        return found


def _slots(fitted: Fitted) -> tuple[str, ...]:
    return tuple(cast("Sequence[str]", fitted.values["genes"]))


def _covered(item: Prepared) -> Sequence[str]:
    return cast("Sequence[str]", item.values["covered"])


def _sequences(item: Prepared) -> Mapping[str, Mapping[str, str]]:
    return cast("Mapping[str, Mapping[str, str]]", item.values["sequences"])


def _unknown(item: Prepared) -> Mapping[str, Mapping[str, str]]:
    return cast("Mapping[str, Mapping[str, str]]", item.values["unknown"])


def _cell(item: Prepared, gene: str) -> Cell | None:
    if gene not in _covered(item):
        return None
    changes = _sequences(item).get(gene, {})
    return Cell(tuple((f"{gene} {text}", sequence) for text, sequence in changes.items()), gene in _unknown(item))


def _in_words(item: Prepared, gene: str) -> str | None:
    if gene not in _covered(item):
        return None
    unknown = [f"{text} (effect unknown: {why})" for text, why in _unknown(item).get(gene, {}).items()]
    return ", ".join([*_sequences(item).get(gene, {}), *unknown]) or "wild type"


def _check_references(item: Prepared, fitted: Fitted) -> None:
    trained = cast("Mapping[str, str]", fitted.values["references"])
    for gene, digest in cast("Mapping[str, str]", item.values["references"]).items():
        if gene in trained and _digest(trained[gene]) != digest:
            what = f"the reference sequence of {gene} is not the one that the model was trained with."
            todo = "Use the cohort's `proteins` of training: changes of another isoform mean something else."
            raise CohortError(Finding(key=gene, what=what, todo=todo, code="other-reference"))


def _digest(sequence: str) -> str:
    return hashlib.sha256(sequence.encode()).hexdigest()[:16]


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])))


def _by_gene(counts: Counter[str]) -> str:
    more = f" and {len(counts) - _SHOWN} genes more" if len(counts) > _SHOWN else ""
    return ", ".join(f"{gene} {count}" for gene, count in counts.most_common(_SHOWN)) + more
