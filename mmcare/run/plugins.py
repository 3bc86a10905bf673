"""The distributions that a run's parts come from, and whether those installed now can read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.version import InvalidVersion, Version

from mmcare.errors import Finding
from mmcare.registry import Provider, discover
from mmcare.run.manifest import PluginRecord

__all__ = ["check_plugins", "installed_versions", "plugin_records"]


def plugin_records(providers: Iterable[Provider]) -> tuple[PluginRecord, ...]:
    """The distinct distributions among the providers of a spec's parts."""
    found = {(p.distribution, p.version) for p in providers}
    return tuple(PluginRecord(distribution=d, version=v) for d, v in sorted(found))


def installed_versions() -> Mapping[str, str]:
    """Version of every distribution that offers components."""
    return {plugin.provider.distribution: plugin.provider.version for plugin in discover().plugins}


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
    try:
        new, old = Version(now), Version(then)
    except InvalidVersion:  # of a private build: only itself is known to read it
        return now == then
    line = slice(0, 2 if old.major == 0 else 1)
    return new.release[line] == old.release[line] and new >= old
