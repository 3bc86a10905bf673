"""The list of original files and what became of each, for those who hold the originals."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from mmcare.cohort.deidentify.folder import FolderSummary
from mmcare.formats.atomic import write_text

__all__ = ["write_report"]


def write_report(summary: FolderSummary, path: Path) -> None:
    """Write a row a file: its name, what it is, what became of it, and why.

    Raises:
        MMCareError: It cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file", "kind", "outcome", "reason"))
    writer.writerows((str(r.file), r.kind, r.outcome, r.reason) for r in summary.files)
    write_text(path, text.getvalue())
