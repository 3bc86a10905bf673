"""Where the files come from: a folder, or an archive that is unpacked beside the cohort and removed at the end."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmcare.errors import CohortError, Finding
from mmcare.formats.archive import is_archive, unpack
from mmcare.formats.digest import key_of

__all__ = ["opened_source", "staging_folder"]


@contextmanager
def opened_source(source: Path, cohort: Path) -> Iterator[Path]:
    """The folder of a source's files.

    An archive that a killed import had unpacked is not unpacked again.

    Raises:
        CohortError: There is no such source, it holds the cohort, or the archive is refused.
    """
    if source.is_dir():
        if cohort.resolve().is_relative_to(source.resolve()):
            what = f"holds the cohort {cohort}: what is written would be read."
            raise CohortError(Finding(file=source, what=what, todo="Write elsewhere.", code="same-place"))
        yield source
        return
    if not source.exists():
        what = "there is no such file or folder."
        raise CohortError(Finding(file=source, what=what, todo="Name a folder or an archive.", code="no-source"))
    if not is_archive(source):
        what = "is neither a folder nor an archive (.zip, .tar, .tar.gz, .tar.xz, .tar.bz2)."
        raise CohortError(Finding(file=source, what=what, todo="Name one of these.", code="no-source"))
    with staging_folder(source, cohort, "unpacked") as folder:
        if not folder.exists():
            unpack(source, folder)
        yield folder


@contextmanager
def staging_folder(source: Path, cohort: Path, purpose: str) -> Iterator[Path]:
    """A name beside the cohort, of its own for each source; what is there is removed at the end, but not by a kill."""
    stat = source.stat()
    key = key_of(str(source.resolve()), stat.st_size, stat.st_mtime_ns)[:12]
    folder = cohort.resolve().parent / f".{cohort.resolve().name[:20]}.{key}.{purpose}"
    _clear(folder)
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    """First under the name of something half: killed in the middle, it would pass for a whole archive."""
    doomed = folder.with_name(f".{folder.name[:40]}.{secrets.token_hex(6)}")
    try:
        folder.rename(doomed)
    except FileNotFoundError:
        return  # the archive was refused
    except OSError:
        doomed = folder  # patients' files shall not stay
    shutil.rmtree(doomed, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Half an archive that a killed import left."""
    left = re.compile(re.escape(f".{folder.name[:40]}.") + "[0-9a-f]{12}")
    for path in folder.parent.iterdir() if folder.parent.is_dir() else ():
        if left.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)
