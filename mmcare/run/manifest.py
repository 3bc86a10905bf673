"""What a run folder says of itself: format, versions, and a digest of every file."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mmcare.errors import Finding, RunError
from mmcare.registry import Provider

__all__ = ["FORMAT", "FileRecord", "Manifest", "PluginRecord", "file_record"]

FORMAT = 1
NAME = "run.json"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileRecord(_Model):
    """A file's size and digest."""

    bytes: int
    sha256: str


class PluginRecord(_Model):
    """A distribution that the run's parts come from, and its version at training."""

    distribution: str
    version: str


class Manifest(_Model):
    """`run.json`: written last, so a folder that has one is whole."""

    mmcare_run: int = FORMAT
    id: str = Field(default_factory=lambda: uuid.uuid4().hex)
    name: str
    kind: Literal["network", "baseline", "segmenter"]
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    versions: Mapping[str, str] = Field(default_factory=lambda: {p: version(p) for p in ("mmcare", "torch", "numpy")})
    plugins: tuple[PluginRecord, ...] = ()
    members: int = 1
    device: str = "cpu"
    precision: str = "32-true"
    epochs: int = 0
    best_epoch: int = -1
    files: Mapping[str, FileRecord] = Field(default_factory=dict)


def file_record(path: Path) -> FileRecord:
    """Size and digest of a file."""
    data = path.read_bytes()
    return FileRecord(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def check_file(root: Path, name: str, record: FileRecord) -> None:
    """Refuse a file that is not what the manifest says.

    Raises:
        RunError: It is absent, a link to outside, of another size, or was changed since training.
    """
    path = root / name
    if not path.exists():
        raise RunError(Finding(file=path, what="is missing; the run's manifest lists it.", todo=_RESTORE))
    if not path.resolve().is_relative_to(root.resolve()):
        what = f"is a link to {path.resolve()}, outside the run folder; a run holds its own files."
        raise RunError(Finding(file=path, what=what, todo="Replace the link by the file."))
    size = path.stat().st_size
    if size != record.bytes:
        what = f"has {size:,} bytes, the run's manifest says {record.bytes:,}: it was cut or changed since training."
        raise RunError(Finding(file=path, what=what, todo=_RESTORE, code="size"))
    if file_record(path).sha256 != record.sha256:
        what = "changed since training: its digest is not the one in the run's manifest."
        raise RunError(Finding(file=path, what=what, todo=_RESTORE, code="digest"))


_RESTORE = "Restore it from a copy of the run, or train again."


def plugin_records(providers: Iterable[Provider]) -> tuple[PluginRecord, ...]:
    """The distinct distributions among the providers of a spec's parts."""
    found = {(p.distribution, p.version) for p in providers}
    return tuple(PluginRecord(distribution=d, version=v) for d, v in sorted(found))


def check_plugins(root: Path, plugins: Iterable[PluginRecord], installed: Mapping[str, str]) -> list[Finding]:
    """What keeps a run from loading with the distributions installed now: one that is gone, older, or of another line.

    Versions of one line (the same major number, under 1.0 the same minor one) read each other's runs forwards.
    """
    found = []
    for plugin in plugins:
        now = installed.get(plugin.distribution)
        if plugin.distribution == "local" or (now is not None and _reads(now, plugin.version)):
            continue
        have = f"version {now} is installed" if now is not None else "it is not installed"
        found.append(
            Finding(
                file=root,
                what=f"the run was made with {plugin.distribution} {plugin.version}; {have}.",
                todo=f"Install it: pip install '{plugin.distribution}=={plugin.version}'",
                code="plugin-version",
            )
        )
    return found


def _reads(now: str, then: str) -> bool:
    new, old = _numbers(now), _numbers(then)
    line = 2 if old[0] == 0 else 1
    return new[:line] == old[:line] and new >= old


def _numbers(text: str) -> tuple[int, ...]:
    numbers = [int("".join(c for c in part if c.isdigit()) or 0) for part in text.split("+")[0].split(".")[:3]]
    return tuple([*numbers, 0, 0, 0][:3])
