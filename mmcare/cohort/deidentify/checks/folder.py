"""All files of a cohort folder, asked for what of a person they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mmcare.cohort.deidentify.checks.headers import in_dicom
from mmcare.cohort.deidentify.checks.looks import looks_like
from mmcare.cohort.deidentify.checks.nifti import in_nifti, in_nrrd
from mmcare.cohort.deidentify.checks.tables import LONG_IDS, TABLES, in_table
from mmcare.cohort.deidentify.checks.texts import in_json, in_text
from mmcare.cohort.deidentify.key import KEY_MARK
from mmcare.cohort.deidentify.quiet import quiet
from mmcare.cohort.deidentify.reading import is_dicom
from mmcare.errors import Finding, Severity
from mmcare.formats.dicom_headers import files_below
from mmcare.formats.rows import counted

__all__ = ["check_identifiers"]

_NO_PERSON = (".npy", ".npz", ".safetensors", ".fasta", ".fa", ".gmt", ".md", ".html", ".png", ".yml", ".yaml")
_TEXTS = (".txt", ".log", ".xml")
_CURES = {
    "dicom": "De-identify the originals: `mmcare cohort deidentify`.",
    "table": "Take the column out of the table; of a date, keep the time from the treatment decision.",
    "image": "Clear the texts of the header, or write the image anew.",
    "text": "Take it out.",
    "name": "Rename the file, and what names it.",
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """Where one kind of thing was seen: the first file, and in how many."""

    files: dict[tuple[str, str], list[Path]] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)

    def add(self, cure: str, what: str, path: Path) -> None:
        self.files.setdefault((cure, what), []).append(path)


def check_identifiers(folder: Path, *, named_already: Collection[Path] = ()) -> list[Finding]:
    """What of a person the files of a cohort folder hold: a finding for each kind of thing, with the number of files.

    Looked at are DICOM headers (nested sequences too), tables by the names of their columns and by their cells, texts
    in the headers of NIfTI and NRRD files, JSON and text files, and names of files. What pixels show is not looked at,
    and a name that stands alone is not known as one. No finding quotes what it found.

    Args:
        folder: The cohort folder.
        named_already: Tables the names of whose columns were looked at before.

    Returns:
        Warnings; an error where a key lies in the folder; notes on what may hold anything.
    """
    seen, findings, links = _Seen(), list[Finding](), list[Finding]()
    for path in files_below(folder, links):
        if path.is_file():
            findings += _key(path)
            try:
                with quiet():
                    _look(path, folder, seen, path not in named_already)
            # One file that cannot be read must not end the pass: what is wrong with it is said by those who read it.
            except Exception:
                seen.others[f"{path.suffix.lower()} (not readable)"] += 1
    return [*findings, *_as_findings(seen, folder)]


def _look(path: Path, folder: Path, seen: _Seen, by_name: bool) -> None:
    if kind := looks_like(path.relative_to(folder).as_posix()):
        seen.add("name", f"{kind} in the name of the file", path)
    for cure, what in _inside(path, by_name, seen):
        seen.add(cure, what, path)


def _inside(path: Path, by_name: bool, seen: _Seen) -> Iterator[tuple[str, str]]:
    name = path.name.lower()
    if is_dicom(path):
        yield from (("dicom", element) for element in in_dicom(path))
    elif name.endswith(TABLES):
        yield from (("table", f"{what} in column `{column}`") for column, what in in_table(path, by_name))
    elif name.endswith((".nii", ".nii.gz")):
        yield from (("image", f"{what} in `{place}`") for place, what in in_nifti(path))
    elif name.endswith((".nrrd", ".nhdr")):
        yield from (("image", f"{what} in `{place}`") for place, what in in_nrrd(path))
    elif name.endswith(".json"):
        yield from (("text", f"{what} under `{place}`") for place, what in in_json(path))
    elif name.endswith(_TEXTS):
        yield from (("text", f"{what} in {place}") for place, what in in_text(path))
    elif not name.endswith(_NO_PERSON):
        seen.others[path.suffix.lower() or path.name] += 1


def _key(path: Path) -> list[Finding]:
    try:
        with path.open("rb") as file:
            if file.read(len(KEY_MARK)) != KEY_MARK.encode():
                return []
    except OSError:
        return []
    what = "the key of a de-identification lies in the cohort: who gets both can tell which patient is which."
    return [Finding(file=path, what=what, todo="Move it elsewhere.", code="key-in-cohort")]


def _as_findings(seen: _Seen, folder: Path) -> Iterator[Finding]:
    for (cure, what), paths in seen.files.items():
        more = f" (and {counted(len(paths) - 1, 'more file')})" if len(paths) > 1 else ""
        text = f"holds {what}{more}: that may tell who a patient is."
        # A text that looks like nothing, or long ids, are in many a good file: worth a look, no more.
        severity = Severity.NOTE if what.startswith(("a text in", LONG_IDS)) else Severity.WARNING
        yield Finding(file=paths[0], what=text, todo=_CURES[cure], severity=severity, code="identifier")
    if seen.others:
        listed = ", ".join(f"{n} {suffix}" for suffix, n in sorted(seen.others.items()))
        what = f"not looked into for names of persons: {counted(seen.others.total(), 'file')} ({listed})."
        yield Finding(file=folder, what=what, severity=Severity.NOTE, code="not-looked-into")
