"""A folder of DICOM files de-identified into another: each file whole or absent, so that it can be gone on with."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mmcare.cohort.deidentify.allow_list import EDITION
from mmcare.cohort.deidentify.deidentifier import Deidentifier
from mmcare.cohort.deidentify.one_file import FileRecord, Work
from mmcare.cohort.deidentify.quiet import quiet
from mmcare.errors import CohortError, Finding
from mmcare.formats.archive import is_archive
from mmcare.formats.atomic import write_text
from mmcare.formats.dicom_headers import files_below

__all__ = ["SETTINGS", "FileRecord", "FolderSummary", "deidentify_folder"]

Progress = Callable[[str, int, int], None]
SETTINGS = "deidentification.json"
_LEFT_BY_A_KILLED_WRITE = re.compile(r"\..+\.[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class FolderSummary:
    """All files of a folder, each once, and what there is to say of them.

    Attributes:
        files: The files, in the order of their names.
        findings: A finding for each file that is not written.
    """

    files: tuple[FileRecord, ...]
    findings: tuple[Finding, ...]

    def counts(self) -> dict[tuple[str, str, str], int]:
        """Files by kind, outcome and reason; they add up to all files."""
        return dict(sorted(Counter((r.kind, r.outcome, r.reason) for r in self.files).items()))

    @property
    def n_safe(self) -> int:
        """Files whose de-identified form is there now."""
        return sum(record.outcome in ("written", "there already") for record in self.files)


def deidentify_folder(
    source: Path, out: Path, deidentifier: Deidentifier, progress: Progress | None = None
) -> FolderSummary:
    """Write the de-identified form of every CT image, structure set and segmentation below a folder.

    Files land in `out/PATIENT/CLASS-SERIES/UID.dcm`, all new names. What is there already is not written again: run it
    once more to go on after a stop.

    Raises:
        CohortError: There is no such folder, one of the two lies within the other, or `out` holds other things.
        MMCareError: A file cannot be written.
    """
    _check_places(source, out)
    findings: list[Finding] = []
    paths = list(files_below(source, findings))
    _begin(out, deidentifier)
    work, records = Work(out, deidentifier, {}), []
    for done, path in enumerate(paths, start=1):
        with quiet():
            record, finding = work.file(path)
        records.append(record)
        findings += [finding] if finding is not None else []
        if progress is not None:
            progress("De-identifying", done, len(paths))
    return FolderSummary(tuple(records), tuple(findings))


def _check_places(source: Path, out: Path) -> None:
    if not source.is_dir():
        what = "is a file; a folder of DICOM files is due." if source.exists() else "there is no such folder."
        todo = "Unpack it, and name the folder." if is_archive(source) else "Name the folder of the files."
        raise CohortError(Finding(file=source, what=what, todo=todo, code="no-folder"))
    inner, outer = out.resolve(), source.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        what = f"originals ({source}) and what is made of them ({out}) lie one within the other."
        raise CohortError(Finding(file=out, what=what, todo="Write to a folder apart.", code="same-place"))


def _begin(out: Path, deidentifier: Deidentifier) -> None:
    """A new folder, or one that was begun with the same key and settings; what a killed write left is cleared away."""
    settings, file = _settings(deidentifier), out / SETTINGS
    if not file.exists():
        if out.exists() and (out.is_file() or any(out.iterdir())):
            what = f"exists, is not empty and was not begun by this command (it has no {SETTINGS})."
            raise CohortError(Finding(file=out, what=what, todo="Name another folder.", code="exists"))
        write_text(file, json.dumps(settings, indent=1) + "\n")
    _check_same(file, settings)
    for left in _left(out):
        left.unlink(missing_ok=True)


def _settings(deidentifier: Deidentifier) -> dict[str, object]:
    return {
        "profile": f"Basic Application Level Confidentiality Profile as an allow-list ({EDITION})",
        "options": ["Clean Descriptors", "Retain Longitudinal Temporal Information Modified Dates"],
        "key": deidentifier.pseudonyms.label("key", ""),
        "regions": list(deidentifier.regions),
        "release": sorted(deidentifier.release),
    }


def _check_same(file: Path, settings: dict[str, object]) -> None:
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = None
    other = [key for key in settings if not isinstance(before, dict) or before.get(key) != settings[key]]
    if other:
        what = f"the folder was begun with other settings ({', '.join(other)} differ)."
        todo = "Go on with the same key and options, or name another folder."
        raise CohortError(Finding(file=file, what=what, todo=todo, code="other-settings"))


def _left(out: Path) -> Iterator[Path]:
    return (path for path in out.rglob(".*") if _LEFT_BY_A_KILLED_WRITE.fullmatch(path.name) and path.is_file())
