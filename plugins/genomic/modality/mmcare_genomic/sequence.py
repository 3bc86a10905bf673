"""The sequence modality: a FASTA file a patient, a slot a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
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
from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats import read_fasta
from mmcare_genomic.alphabets import ALPHABETS
from mmcare_genomic.plugin import SequenceConfig
from mmcare_genomic.slots import Cell, replaced, sequence_batch

__all__ = ["SequenceModality"]

_STAND_IN = 17


class SequenceModality(Modality[SequenceConfig]):
    """Sequences as a pipeline wrote them: proteins, DNA or RNA. A slot without a record was not tested."""

    def files(self, source: Source, patient: str) -> tuple[Path, ...]:
        """The patient's file."""
        path = self._path(source, patient)
        return (path,) if path.exists() else ()

    def read(self, source: Source, patient: str) -> Prepared | Absent:
        """The records by name.

        Raises:
            CohortError: A record is of no use, or holds a letter outside the alphabet.
        """
        path = self._path(source, patient)
        if not path.exists():
            return Absent("no FASTA file")
        records = read_fasta(path)
        if records.findings:
            raise CohortError([finding.at(patient=patient) for finding in records.findings])
        wrong = [f for r in records if (f := self._check(path, patient, r.line, r.name, r.sequence)) is not None]
        if wrong:
            raise CohortError(wrong)
        return Prepared({"sequences": {record.name: record.sequence for record in records}})

    def _path(self, source: Source, patient: str) -> Path:
        path = source.path("files", patient)
        return path if path is not None else source.file("files")  # which says what the entry lacks

    def _check(self, path: Path, patient: str, line: int, name: str, sequence: str) -> Finding | None:
        letters = ALPHABETS[self.config.alphabet]
        place = next((i for i, letter in enumerate(sequence) if letter not in letters), None)
        if place is None:
            return None
        what = f"the record '{cut(name, 40)}' holds '{sequence[place]}' at position {place + 1} of {len(sequence)}, "
        what += f"which is no letter of {self.config.alphabet}; allowed are {letters}."
        todo = "Set `alphabet` in the spec to what the file holds, or mend the record."
        return Finding(file=path, line=line, patient=patient, what=what, todo=todo, code="letter")

    def prepare(self, raw: Prepared, region: Region | None) -> Prepared:
        """As read."""
        return raw

    def fit(self, source: Source, training: Iterable[Prepared]) -> Fitted:
        """The slots: those named, or the records of the training patients."""
        names = {name for item in training for name in _sequences(item)}
        return Fitted({"slots": list(self.config.slots or sorted(names))})

    def layout(self, fitted: Fitted | None) -> SequenceLayout:
        """The slots; N stand-ins without data."""
        letters = ALPHABETS[self.config.alphabet]
        if fitted is None:
            slots = self.config.slots or tuple(f"record {i}" for i in range(_STAND_IN))
            return SequenceLayout(slots=slots, alphabet=letters, letters={len(slots): "N"})
        return SequenceLayout(slots=_slots(fitted), alphabet=letters)

    def collate(self, items: Sequence[Prepared], rows: Tensor, fitted: Fitted) -> SequenceBatch:
        """(b, N, 1): each slot's sequence."""
        cells = []
        for item in items:
            known = _sequences(item)
            cells.append([Cell(((n, known[n]),)) if n in known else None for n in _slots(fitted)])
        return sequence_batch(rows, cells)

    def features(self, fitted: Fitted) -> tuple[Feature, ...]:
        """A player a slot."""
        return tuple(Feature(name) for name in _slots(fitted))

    def raw_values(self, item: Prepared, fitted: Fitted) -> tuple[str | None, ...]:
        """The length of each sequence, in letters; None where there is none."""
        known = _sequences(item)
        return tuple(f"{len(known[name]):,} letters" if name in known else None for name in _slots(fitted))

    def replace(self, batch: ModalityBatch, keep: Tensor, background: ModalityBatch) -> SequenceBatch:
        """Slots that are not kept come from the background."""
        return replaced(cast(SequenceBatch, batch), keep, cast(SequenceBatch, background))

    def findings(self, items: Mapping[str, Prepared], fitted: Fitted) -> list[Finding]:
        """Records that are no slot."""
        slots = set(_slots(fitted))
        lost = sorted({name for item in items.values() for name in _sequences(item)} - slots)
        if not lost:
            return []
        what = f"{len(lost)} records are no slot of the model, such as {cut(lost[0], 40)}: they are not used."
        return [Finding(what=what, severity=Severity.WARNING, code="outside-slots")]


def _slots(fitted: Fitted) -> tuple[str, ...]:
    return tuple(cast("Sequence[str]", fitted.values["slots"]))


def _sequences(item: Prepared) -> Mapping[str, str]:
    return cast("Mapping[str, str]", item.values["sequences"])
