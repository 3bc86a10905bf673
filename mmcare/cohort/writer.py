"""Where recipes write a cohort: a folder that appears whole, or not at all."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mmcare.errors import Finding
from mmcare.formats.atomic import new_folder, write_text

__all__ = ["FolderWriter", "Images", "write_cohort_folder"]

PROVENANCE = "PROVENANCE.md"


@dataclass(frozen=True, slots=True)
class Images:
    """CTs to import: a folder or archive of DICOM files, and the names of the region that makes the mask."""

    source: Path
    rois: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FolderWriter:
    """Writes the files of one cohort into a folder.

    Attributes:
        folder: The folder.
        findings: What the recipe has to say.
        image_sources: CTs that are to be imported once the folder is there.
    """

    folder: Path
    findings: list[Finding] = field(default_factory=list)
    image_sources: list[Images] = field(default_factory=list)

    def dictionary(self, text: str) -> None:
        """The cohort's `cohort.yaml`."""
        write_text(self.folder / "cohort.yaml", text)

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table: `.tsv` with tabs, else with commas. None is an empty cell; floats keep their full precision."""
        text = io.StringIO()
        writer = csv.writer(text, delimiter="\t" if name.endswith((".tsv", ".maf")) else ",", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
        write_text(self.folder / name, text.getvalue())

    def copy(self, name: str, source: Path) -> None:
        """A file as it is."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)

    def provenance(self, text: str) -> None:
        """Where the data come from and under which licence."""
        write_text(self.folder / PROVENANCE, text)

    def finding(self, finding: Finding) -> None:
        """What whoever makes the cohort should know."""
        self.findings.append(finding)

    def images(self, source: Path, rois: Sequence[str]) -> None:
        """CTs to import once the tables are there."""
        self.image_sources.append(Images(source, tuple(rois)))

    def add_to_provenance(self, text: str) -> None:
        """A further part of `PROVENANCE.md`, after what the recipe wrote."""
        path = self.folder / PROVENANCE
        before = path.read_text(encoding="utf-8").rstrip() if path.exists() else "# Provenance"
        write_text(path, f"{before}\n\n{text}")


@contextmanager
def write_cohort_folder(path: Path) -> Iterator[FolderWriter]:
    """A writer of a new cohort folder, which appears when the block ends well.

    Raises:
        MMCareError: The folder exists and is not empty, or cannot be written.
    """
    with new_folder(path) as folder:
        yield FolderWriter(folder)
