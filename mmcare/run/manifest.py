"""What a run folder says of itself in `run.json`: format, versions, and a digest of every file."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mmcare.errors import Finding, RunError
from mmcare.run.json_file import read_json, wrong_values

__all__ = ["FORMAT", "NAME", "FileRecord", "Manifest", "PluginRecord", "file_record", "read_manifest"]

FORMAT = 1
NAME = "run.json"


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts:
        raise ValueError("a file of the run is named relative to its folder, such as `members/00/weights.safetensors`")
    return name


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FileRecord(_Model):
    """A file's size and digest."""

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


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
    members: int = Field(1, ge=1)
    device: str = "cpu"
    precision: str = "fp32"
    epochs: int = 0
    best_epoch: int = -1
    files: Mapping[Annotated[str, AfterValidator(_inside)], FileRecord] = Field(default_factory=dict)

    @property
    def counted_epochs(self) -> str:
        """`1 epoch`, `12 epochs`."""
        return f"{self.epochs} epoch{'' if self.epochs == 1 else 's'}"

    def as_json(self) -> str:
        """The text of `run.json`."""
        return self.model_dump_json(indent=1) + "\n"


def file_record(path: Path) -> FileRecord:
    """Size and digest of a file, read once in pieces."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileRecord(bytes=file.tell(), sha256=digest)


def read_manifest(path: Path) -> Manifest:
    """What `run.json` says.

    Raises:
        RunError: It is no manifest (all that is wrong with it), or of a newer format.
    """
    data = read_json(path)
    said = data.get("mmcare_run") if isinstance(data, dict) else None
    if isinstance(data, dict) and isinstance(said, int) and said > FORMAT:
        raise RunError(_newer(path, said, data.get("versions")))
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunError(wrong_values(path, error)) from error


def _newer(path: Path, said: int, versions: object) -> Finding:
    made = versions.get("mmcare", "?") if isinstance(versions, dict) else "?"
    return Finding(
        file=path,
        what=f"the run has format {said} (made by mmcare {made}); this is mmcare {version('mmcare')}, which reads"
        f" format {FORMAT}.",
        todo="Upgrade: pip install --upgrade mmcare",
        code="newer",
    )
