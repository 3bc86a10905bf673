"""What was seen of each plugin, remembered: so that lists, help and completion import no plugin.

A record holds as long as the distribution's version, the plugin's file and mmcare itself stay the same. One file an
environment; a folder that cannot be written only costs time.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import os
import sys
import tempfile
from importlib.metadata import EntryPoint, version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from mmcare.registry.component import Component
from mmcare.registry.provider import Provider, normal_name
from mmcare.registry.result import PluginResult, PluginState

__all__ = ["Index", "ListedComponent", "ListedPlugin", "index_file", "stamp_of"]

FORMAT = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ListedComponent(_Record):
    """A component as a list shows it: all of its record but config and target."""

    kind: str
    name: str
    summary: str
    takes: str | None = None
    gives: str | None = None


class ListedPlugin(_Record):
    """A plugin as a list shows it.

    `stamp` is the digest of what the record depends on, `formerly` what a plugin offered when it was last seen well.
    """

    distribution: str
    version: str
    entry_point: str
    module: str
    stamp: str
    state: PluginState
    error: str = ""
    traceback: str = ""
    warnings: tuple[str, ...] = ()
    import_seconds: float | None = None
    components: tuple[ListedComponent, ...] = ()
    formerly: tuple[ListedComponent, ...] = ()


class Index(_Record):
    """The records of one environment."""

    format: int = FORMAT
    plugins: tuple[ListedPlugin, ...] = ()

    @classmethod
    def read(cls) -> Index:
        """The index of this environment; empty where there is none, or none that can be read."""
        try:
            index = cls.model_validate_json(index_file().read_bytes())
        except (OSError, ValidationError):
            return cls()
        return index if index.format == FORMAT else cls()

    def write(self) -> bool:
        """Keep the index; whether that was possible. Several processes may write at once: the last one stays."""
        path = index_file()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".plugins.")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self.model_dump_json(indent=1))
            Path(beside).replace(path)
        except OSError:
            return False
        return True

    def record(self, provider: Provider, stamp: str) -> ListedPlugin | None:
        """What was seen of a plugin; None where it changed since, or was broken: the cause may lie elsewhere."""
        seen = self._last(provider)
        return seen if seen is not None and seen.stamp == stamp and seen.state in ("ready", "faulty") else None

    def listed(self, result: PluginResult, stamp: str) -> ListedPlugin:
        """A plugin that was just looked at, with what is still known from before."""
        now, old = _listed(result, stamp), self._last(result.provider)
        if old is None:
            return now
        kept: dict[str, object] = {}
        if now.import_seconds is None:
            kept["import_seconds"] = old.import_seconds
        if now.state in ("broken", "other-api"):
            kept["formerly"] = old.components or old.formerly
        return now.model_copy(update=kept)

    def _last(self, provider: Provider) -> ListedPlugin | None:
        same = (provider.distribution, provider.entry_point, provider.module)
        return next((p for p in self.plugins if (p.distribution, p.entry_point, p.module) == same), None)

    def formerly(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """By distribution: the `(kind, name)` that it offers, or offered when it was last seen well."""
        found: dict[str, tuple[tuple[str, str], ...]] = {}
        for plugin in self.plugins:
            pairs = tuple((c.kind, c.name) for c in (*plugin.components, *plugin.formerly))
            name = normal_name(plugin.distribution)
            found[name] = (*found.get(name, ()), *pairs)
        return found


def index_file() -> Path:
    """Where this environment's index is: below `MMCARE_CACHE`, or in the user's cache folder."""
    folder = os.environ.get("MMCARE_CACHE") or _user_cache()
    environment = hashlib.sha256(f"{sys.prefix} {sys.version}".encode()).hexdigest()[:12]
    return Path(folder) / f"plugins-{environment}.json"


def _user_cache() -> str:
    import platformdirs  # 10 ms: only for who lists or discovers

    return platformdirs.user_cache_dir("mmcare")


def stamp_of(point: EntryPoint, provider: Provider) -> str:
    """Digest of mmcare's version, the plugin's version, and path, size and time of its module; imports nothing."""
    file = _module_file(point.module)
    seen: list[object] = [version("mmcare"), provider.version]
    if file is not None:
        stat = file.stat()
        seen += [str(file), stat.st_size, stat.st_mtime_ns]
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def _module_file(module: str) -> Path | None:
    """The file of a module, found without importing its packages."""
    first, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(first)
        for n, _ in enumerate(rest, 2):
            if spec is None or spec.submodule_search_locations is None:
                return None
            name = ".".join(module.split(".")[:n])
            spec = importlib.machinery.PathFinder.find_spec(name, list(spec.submodule_search_locations))
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin and Path(spec.origin).is_file() else None


def _listed(result: PluginResult, stamp: str) -> ListedPlugin:
    provider = result.provider
    return ListedPlugin(
        distribution=provider.distribution,
        version=provider.version,
        entry_point=provider.entry_point,
        module=provider.module,
        stamp=stamp,
        state=result.state,
        error="\n".join(str(f) for f in result.findings if f.severity == "error"),
        traceback=result.traceback,
        warnings=tuple(str(w) for w in result.warnings),
        import_seconds=result.import_seconds,
        components=tuple(_listed_component(c) for c in result.components),
    )


def _listed_component(record: Component) -> ListedComponent:
    return ListedComponent(
        kind=record.kind, name=record.name, summary=record.summary, takes=record.takes, gives=record.gives
    )
