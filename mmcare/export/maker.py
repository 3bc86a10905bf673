"""Who made an exported object: program, version and run, as every format wants it said."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from mmcare.run import Run
from mmcare.run.manifest import NAME, file_record

if TYPE_CHECKING:
    from highdicom import AlgorithmIdentificationSequence

__all__ = ["LONGEST", "MANUFACTURER", "PROGRAM", "RESEARCH", "Maker", "dicom_text", "maker_of"]

MANUFACTURER, PROGRAM = "MM-Care", "mmcare"
RESEARCH = "research use only"
LONGEST = 64
"""Characters of a DICOM value of type LO."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Program and run.

    Attributes:
        version: Of mmcare. run: Name of the run folder. run_id: Of the run.
        digest: SHA-256 of its `run.json`, which holds those of all its files.
    """

    version: str
    run: str
    run_id: str
    digest: str

    def algorithm(self, name: str) -> AlgorithmIdentificationSequence:
        """As DICOM names what made a segment."""
        from highdicom import AlgorithmIdentificationSequence
        from pydicom.sr.codedict import codes

        return AlgorithmIdentificationSequence(
            name=dicom_text(f"{PROGRAM} {name}"),
            family=codes.DCM.ArtificialIntelligence,
            version=self.version,
            source=MANUFACTURER,
            parameters={"run": dicom_text(self.run), "run.json sha256": self.digest},
        )


def maker_of(run: Run) -> Maker:
    """Of what is exported of a run."""
    digest = file_record(run.path / NAME).sha256
    return Maker(version("mmcare"), run.path.resolve().name, run.manifest.id, digest)


def dicom_text(text: str, longest: int = LONGEST) -> str:
    """A text as a single DICOM value: no backslash, which parts values, nothing that cannot be seen, cut."""
    shown = "".join("/" if c == "\\" else " " if unicodedata.category(c)[0] == "C" else c for c in text)
    shown = " ".join(shown.split())
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
