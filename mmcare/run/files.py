"""Size and digest of a run's files, and what is said where they are not those of the manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from mmcare.errors import Finding, RunError
from mmcare.run.json_file import RESTORE
from mmcare.run.manifest import NAME, FileRecord, file_record

__all__ = ["UNFINISHED", "check_files", "file_record", "files_of", "outside"]

UNFINISHED = "unfinished.json"
_NOT_LISTED = ("resume", "logs", NAME, UNFINISHED)
_READ_FOLDERS = ("members", "preprocessing", "local", "reference", "starting", "decision")
_READ_FILES = ("spec.yaml", "outcomes.json", "splits.csv", "cohort.json")
_SHOWN = 12
"""Digits of a digest in a message."""


def files_of(root: Path) -> Iterator[str]:
    """Names of the files that a manifest lists: all but what is hidden, the logs, and what only resuming needs."""
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if parts[0] not in _NOT_LISTED and not any(part.startswith(".") for part in parts) and path.is_file():
            yield "/".join(parts)


def check_files(root: Path, listed: Mapping[str, FileRecord]) -> None:
    """Compare every listed file with its size and digest, and refuse what the run would read and does not list.

    Raises:
        RunError: All files that are missing, cut, changed, links to outside, or of another run.
    """
    wrong = [found for name, record in listed.items() if (found := _differs(root, name, record)) is not None]
    wrong += [_stranger(root, name) for name in files_of(root) if name not in listed and _is_read(name)]
    if wrong:
        raise RunError(wrong)


def outside(root: Path, path: Path) -> Finding | None:
    """What is said of a link that leads out of the run folder."""
    target = path.resolve()
    if target.is_relative_to(root.resolve()):
        return None
    what = f"is a link to {target}, outside the run folder; a run holds its own files."
    return Finding(file=path, what=what, todo="Put the file itself in the link's place.", code="link")


def _differs(root: Path, name: str, record: FileRecord) -> Finding | None:
    path = root / name
    if (link := outside(root, path)) is not None:
        return link
    if not path.is_file():
        what = "is no file." if path.exists() else "is missing; the run's manifest lists it."
        return Finding(file=path, what=what, todo=RESTORE, code="missing")
    size = path.stat().st_size
    if size == record.bytes and file_record(path).sha256 == record.sha256:
        return None
    return _changed(root, name, record, size)


def _changed(root: Path, name: str, record: FileRecord, size: int) -> Finding:
    path, digest = root / name, file_record(root / name).sha256
    digests = f"its SHA-256 is {digest[:_SHOWN]}…, and was {record.sha256[:_SHOWN]}…"
    if (owner := _owner(root, digest)) is not None:
        what = f"is the file of another run, {owner}: {digests} in this one."
        return Finding(file=path, what=what, todo="Put this run's own file back, or use that run.", code="other-run")
    if name.startswith("local/"):
        what = f"this plugin file changed since training: {digests}; nothing of it was run."
        todo = "Put it back as it was; to use it as it is now, train again with `--plugin`."
        return Finding(file=path, what=what, todo=todo, code="digest")
    if size != record.bytes:
        what = f"has {size:,} bytes, the run's manifest says {record.bytes:,}: it was cut or changed since training."
        return Finding(file=path, what=what, todo=RESTORE, code="size")
    return Finding(file=path, what=f"changed since training: {digests}.", todo=RESTORE, code="digest")


def _is_read(name: str) -> bool:
    return name in _READ_FILES or name.partition("/")[0] in _READ_FOLDERS


def _stranger(root: Path, name: str) -> Finding:
    owner = _owner(root, file_record(root / name).sha256)
    whose = f"it belongs to another run, {owner}." if owner is not None else "it belongs to no part of this run."
    what = f"is not in the run's manifest: {whose}"
    return Finding(file=root / name, what=what, todo="Take it out of the folder.", code="other-run")


def _owner(root: Path, sha256: str) -> Path | None:
    """The run beside this one that lists a file of that digest."""
    for manifest in sorted(root.resolve().parent.glob(f"*/{NAME}")):
        if manifest.parent != root.resolve() and sha256 in manifest.read_text(encoding="utf-8", errors="replace"):
            return root.parent / manifest.parent.name
    return None
