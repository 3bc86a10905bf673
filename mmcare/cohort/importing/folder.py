"""The cohort's folder while images are imported: made where there is none, completed where there is one, locked."""

from __future__ import annotations

import csv
import fcntl
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mmcare.cohort.deidentify.cohort_tables import deidentify_cohort_tables
from mmcare.cohort.dictionary import Dictionary, PatientsEntry
from mmcare.errors import CohortError, Finding, MMCareError, Severity
from mmcare.formats import read_patients_table
from mmcare.formats.atomic import write_bytes, write_text
from mmcare.formats.region_names import listed
from mmcare.formats.rows import counted
from mmcare.yaml_file import read_yaml

if TYPE_CHECKING:
    from mmcare.cohort.deidentify import Deidentifier

__all__ = ["FILES", "MASK", "CohortFolder", "open_cohort_folder", "read_dictionary"]

FILES, MASK = "ct/{patient}.nii.gz", "ct/{patient}_gtv.nii.gz"
DICTIONARY, TABLE, ID = "cohort.yaml", "patients.csv", "patient_id"
_NEW = f"""\
mmcare_cohort: 1
patients: {{file: {TABLE}, id: {ID}}}
# Complete the table {TABLE} with what is known of the patients, and name its columns, arms and endpoints here.
"""
_LEFT_BY_A_KILLED_WRITE = re.compile(r"\..+\.[0-9a-f]{12}")
_TEXT = (".csv", ".tsv", ".txt")


@dataclass(slots=True)
class CohortFolder:
    """A cohort's folder that is being completed.

    Attributes:
        root: The folder.
        dictionary: Its dictionary; None while there is none.
        patients: Ids that the table has.
    """

    root: Path
    dictionary: Dictionary | None
    patients: list[str]

    def add(self, patient: str, *, has_mask: bool) -> None:
        """Complete dictionary and table by an imported patient; what is there is not touched.

        Raises:
            MMCareError: They cannot be written.
        """
        if self.dictionary is None:  # the table first: a dictionary without its table is refused
            write_text(self.root / TABLE, f"{ID}\n{_row([ID], ID, patient, ',')}")
            self.patients = [patient]
            write_text(self.root / DICTIONARY, _completed(_NEW, _entry(has_mask)))
            self.dictionary = read_dictionary(self.root)
            return
        self._complete_dictionary(self.dictionary, has_mask)
        if patient not in self.patients and self._append(self.dictionary.patients, patient):
            self.patients.append(patient)

    def deidentify(self, deidentifier: Deidentifier) -> list[Finding]:
        """Give the rows of the tables that are there the ids of the de-identified images.

        Raises:
            CohortError: It cannot be done; nothing is changed.
            MMCareError: A table cannot be written.
        """
        if self.dictionary is None:
            return []
        findings = deidentify_cohort_tables(self.root, self.dictionary, deidentifier)
        self.patients = _ids(self.root, self.dictionary.patients)
        return findings

    def findings(self, imported: Sequence[str]) -> list[Finding]:
        """Patients whose images are there while the table, which only its own program writes, lacks them."""
        lacking = [patient for patient in imported if patient not in self.patients]
        if not lacking or self.dictionary is None:
            return []
        what = f"the table lacks {counted(len(lacking), 'imported patient')}: {listed(lacking)}; it is not completed "
        todo = "Add a row for each with the program that made the table."
        table = self.root / self.dictionary.patients.file
        return [Finding(file=table, what=f"{what}here.", todo=todo, severity=Severity.WARNING, code="not-in-table")]

    def _complete_dictionary(self, dictionary: Dictionary, has_mask: bool) -> None:
        wanted = _entry(has_mask)
        if wanted.items() <= dictionary.modalities.get("ct", {}).items():
            return
        path = self.root / DICTIONARY
        write_text(path, _completed(path.read_text(encoding="utf-8"), wanted))
        self.dictionary = read_dictionary(self.root)

    def _append(self, entry: PatientsEntry, patient: str) -> bool:
        """Add a row whose other cells are empty; False where the table is no plain text."""
        path = self.root / entry.file
        encoding = entry.encoding or "utf-8"
        if path.suffix.lower() not in _TEXT or encoding.lower().replace("-", "").startswith("utf16"):
            return False
        content = path.read_bytes()
        header = content.decode(encoding, errors="replace").splitlines()[0].removeprefix("\ufeff")
        separator = entry.separator or ("\t" if "\t" in header else ",")
        columns = [name.strip() for name in next(csv.reader([header], delimiter=separator))]
        end = b"" if content.endswith(b"\n") else b"\n"
        write_bytes(path, content + end + _row(columns, entry.id, patient, separator).encode(encoding))
        return True


@contextmanager
def open_cohort_folder(root: Path) -> Iterator[CohortFolder]:
    """The folder of a cohort, made where there is none; no other import writes it meanwhile.

    Raises:
        CohortError: There is something else, a dictionary or table that cannot be read, or a `ct` that lies elsewhere.
        MMCareError: It cannot be written, or another import is at work.
    """
    is_new = _make(root)
    handle = os.open(root, os.O_RDONLY)
    try:
        _lock(handle, root)
        _clear(root)
        dictionary = read_dictionary(root) if (root / DICTIONARY).exists() else None
        if dictionary is not None:
            _check_entry(root, dictionary)
        yield CohortFolder(root, dictionary, [] if dictionary is None else _ids(root, dictionary.patients))
    finally:
        os.close(handle)
        if is_new:
            with suppress(OSError):
                root.rmdir()  # only where it is empty: nothing was imported


def read_dictionary(root: Path) -> Dictionary:
    """The dictionary of a cohort, alone.

    Raises:
        CohortError: It cannot be read, or says what no dictionary may say.
    """
    path = root / DICTIONARY
    data = read_yaml(path, CohortError).data
    try:
        return Dictionary.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or None
        todo = f"`mmcare cohort check {root}` says all that is wrong."
        raise CohortError(Finding(file=path, key=key, what=f"{first['msg']}.", todo=todo, code="dictionary")) from error


def _ids(root: Path, entry: PatientsEntry) -> list[str]:
    path = root / entry.file
    if not path.exists():
        what = "the patients' table is not there."
        raise CohortError(Finding(file=path, what=what, todo="Put it there.", code="no-table"))
    try:
        table = read_patients_table(path, entry.form, id_column=entry.id)
    except CohortError as error:
        if all(finding.code == "no-rows" for finding in error.findings):
            return []
        raise
    if entry.id not in table.columns:
        what = f"has no column `{entry.id}`, which holds the patients' ids."
        raise CohortError(Finding(file=path, what=what, todo="Correct `patients.id` in cohort.yaml.", code="no-column"))
    return list(table.column(entry.id))


def _make(root: Path) -> bool:
    """Make the folder; a cohort, and what a killed import left, may be there."""
    if root.is_file():
        what = "is a file; a cohort is a folder."
        raise CohortError(Finding(file=root, what=what, todo="Name another folder with `--cohort`.", code="no-folder"))
    if not root.exists():
        try:
            root.mkdir(parents=True)
        except OSError as error:
            what = f"cannot be made: {error.strerror}."
            raise MMCareError(Finding(file=root, what=what, todo="Write elsewhere.", code="not-written")) from error
        return True
    if (root / DICTIONARY).exists() or all(_is_ours(path) for path in root.iterdir()):
        return False
    what = f"is not empty and holds no {DICTIONARY}."
    todo = "Name a new folder, or write the dictionary first (`mmcare cohort init TABLE` drafts one)."
    raise CohortError(Finding(file=root, what=what, todo=todo, code="no-dictionary"))


def _is_ours(path: Path) -> bool:
    """What an import makes before it has a dictionary."""
    if path.name == TABLE:
        return path.is_file() and path.read_bytes().startswith(f"{ID}\n".encode())
    return path.name == "ct" or _LEFT_BY_A_KILLED_WRITE.fullmatch(path.name) is not None


def _lock(handle: int, root: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        what = "another import is writing this cohort."
        raise MMCareError(Finding(file=root, what=what, todo="Wait for it, or end it.", code="locked")) from error
    except OSError:
        pass  # a disk without locks: every file is whole all the same


def _clear(root: Path) -> None:
    """What a killed write left beside its file."""
    for folder in (root, root / "ct"):
        for path in folder.glob(".*") if folder.is_dir() else ():
            if path.is_file() and _LEFT_BY_A_KILLED_WRITE.fullmatch(path.name):
                path.unlink(missing_ok=True)


def _check_entry(root: Path, dictionary: Dictionary) -> None:
    entry = dictionary.modalities.get("ct", {})
    for key, wanted in _entry(has_mask=True).items():
        if entry.get(key, wanted) != wanted:
            what = f"is `{entry[key]}`; an import writes `{wanted}`."
            todo = "Import into another cohort folder, or rename that modality."
            place = f"modalities.ct.{key}"
            raise CohortError(Finding(file=root / DICTIONARY, key=place, what=what, todo=todo, code="other-files"))


def _entry(has_mask: bool) -> dict[str, str]:
    return {"files": FILES, **({"mask": MASK} if has_mask else {})}


def _row(columns: Sequence[str], id_column: str, patient: str, separator: str) -> str:
    row = io.StringIO()
    cells = [patient if name == id_column else "" for name in columns]
    csv.writer(row, delimiter=separator, lineterminator="\n").writerow(cells)
    return row.getvalue()


def _completed(text: str, wanted: Mapping[str, str]) -> str:
    """The dictionary with the entries of `modalities.ct`; its comments and the rest stay."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    data: Any = yaml.load(text)
    if data.get("modalities") is None:
        data["modalities"] = {}
    if data["modalities"].get("ct") is None:
        data["modalities"]["ct"] = {}
    data["modalities"]["ct"].update(wanted)
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()
