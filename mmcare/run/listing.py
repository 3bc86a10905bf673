"""What runs there are in a folder; reads manifests alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmcare.errors import RunError
from mmcare.run.files import UNFINISHED
from mmcare.run.folder import RunFolder
from mmcare.run.manifest import NAME

__all__ = ["Listed", "list_runs"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One run in a list; `state` is finished, unfinished, or why it cannot be read."""

    path: Path
    kind: str
    created: str
    state: str
    has_metrics: bool

    def as_json(self) -> dict[str, str | bool]:
        """For `--json`."""
        return {
            "path": str(self.path),
            "kind": self.kind,
            "created": self.created,
            "state": self.state,
            "has_metrics": self.has_metrics,
        }


def list_runs(folder: Path) -> list[Listed]:
    """The runs in a folder, by name; a damaged manifest is said, not raised."""
    if not folder.is_dir():
        return []
    return [listed for path in sorted(folder.iterdir()) if (listed := _listed(path)) is not None]


def _listed(path: Path) -> Listed | None:
    """None where it is no run; a folder that this user may not enter could be one."""
    try:
        if not (path / NAME).exists():
            return Listed(path, "", "", "unfinished", False) if (path / UNFINISHED).exists() else None
    except PermissionError as error:
        return Listed(path, "", "", f"cannot be read: {error.strerror}", False)
    try:
        manifest = RunFolder(path).manifest()
    except RunError as error:
        first = error.findings[0]
        return Listed(path, "", "", f"cannot be read: {f'{first.key}: ' if first.key else ''}{first.what}", False)
    return Listed(path, manifest.kind, manifest.created, "finished", RunFolder(path).metrics.name in manifest.files)
