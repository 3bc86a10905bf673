"""The files of a published data set: found by name, refused in words where they are absent."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from mmcare.errors import CohortError, Finding
from mmcare.formats import Table

__all__ = ["check_once", "find_file", "images_of", "package_text", "the_file"]

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tar.xz", ".tar.bz2", ".tgz")


def find_file(folder: Path, patterns: Sequence[str]) -> Path | None:
    """The one file below `folder` that fits a pattern; None where none does.

    Raises:
        CohortError: Several files fit.
    """
    found = sorted({path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()})
    if len(found) > 1:
        names = ", ".join(path.relative_to(folder).as_posix() for path in found[:5])
        what = f"{len(found)} files could be the one that is looked for ({' or '.join(patterns)}): {names}."
        raise CohortError(Finding(file=folder, what=what, todo="Keep one of them in the folder.", code="several-files"))
    return found[0] if found else None


def the_file(folder: Path, patterns: Sequence[str], what: str) -> Path:
    """The one file below `folder` that fits a pattern.

    Raises:
        CohortError: None fits, or several.
    """
    found = find_file(folder, patterns)
    if found is None:
        said = f"there is no {what} ({' or '.join(patterns)}) in the folder."
        todo = "Name the folder of the published files."
        raise CohortError(Finding(file=folder, what=said, todo=todo, code="no-published-file"))
    return found


def images_of(folder: Path, named: Path | None) -> tuple[Path, ...]:
    """Where the images of a data set lie: as named, else where they are found beside its tables.

    Raises:
        CohortError: The named place is not there.
    """
    if named is None:
        return _find_images(folder)
    if not named.exists():
        what = "there is no such file or folder."
        todo = "Name the folder or archive of the images, or leave the setting out."
        raise CohortError(Finding(file=named, key="images", what=what, todo=todo, code="no-images"))
    return (named,)


def _find_images(folder: Path) -> tuple[Path, ...]:
    """Where DICOM files lie: `folder` itself where one of its folders holds `.dcm` files, and archives beside them."""
    archives = sorted(path for path in folder.iterdir() if path.name.lower().endswith(_ARCHIVES))
    loose = next(folder.rglob("*.dcm"), None) is not None
    return (*((folder,) if loose else ()), *archives)


def check_once(table: Table, key: str) -> None:
    """Check that each id stands in one row.

    Raises:
        CohortError: An id is there twice; a finding each.
    """
    first: dict[str, int] = {}
    findings = []
    for name, line in zip(table.column(key), table.lines, strict=True):
        if name in first:
            what = f"`{name}` is there twice, in lines {first[name]} and {line}."
            findings.append(Finding(file=table.file, line=line, key=key, what=what, todo="Keep one.", code="twice"))
        first.setdefault(name, line)
    if findings:
        raise CohortError(findings)


def package_text(name: str) -> str:
    """A text that comes with the recipes."""
    return files("mmcare.builtin").joinpath(name).read_text(encoding="utf-8")
