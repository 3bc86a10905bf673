"""Every plugin that is installed, looked at one by one."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from mmcare.registry.hookspec import PROJECT
from mmcare.registry.index import Index, ListedPlugin, stamp_of
from mmcare.registry.local import LocalPlugin, notebook_result, read_local, run_local
from mmcare.registry.plugins import look_at, provider_of
from mmcare.registry.provider import Provider, normal_name
from mmcare.registry.registry import Registry
from mmcare.registry.result import PluginResult

__all__ = ["discover", "listing", "look_again"]


def discover(local_files: Sequence[Path | LocalPlugin] = ()) -> Registry:
    """The installed plugins, the components of this notebook, and the plugin files named.

    A broken installed plugin is a result; a plugin file is named on purpose, so a broken one is an error. Installed
    plugins are looked at once a process.

    Args:
        local_files: Single-file plugins: paths, or files already read and checked by `read_local`.

    Raises:
        PluginError: A plugin file cannot be read or run.
    """
    files = _each_once(local_files)
    local = [run_local(file) for file in files]
    installed, index = _installed()
    notebook = notebook_result()
    plugins = (*installed, *((notebook,) if notebook is not None else ()), *local)
    return Registry(plugins, files, index.formerly())


def listing(local_files: Sequence[Path | LocalPlugin] = ()) -> tuple[ListedPlugin, ...]:
    """The plugins as a list shows them; imports an installed one only where the index is out of date.

    Raises:
        PluginError: A plugin file cannot be read or run.
    """
    local = [Index().listed(run_local(file), file.sha256) for file in _each_once(local_files)]
    before = Index.read()
    installed = _remember(
        before,
        (
            before.record(provider, stamp) or before.listed(look_at(point), stamp)
            for point, provider, stamp in _stamped()
        ),
    ).plugins
    return (*installed, *local)


def look_again() -> None:
    """Let the next `discover` look at the installed plugins anew: after an installation in a running notebook."""
    _installed.cache_clear()


def _each_once(local_files: Sequence[Path | LocalPlugin]) -> tuple[LocalPlugin, ...]:
    read = [file if isinstance(file, LocalPlugin) else read_local(file) for file in local_files]
    return tuple({file.sha256: file for file in read}.values())


@functools.cache
def _installed() -> tuple[tuple[PluginResult, ...], Index]:
    """Look at every installed plugin, and remember what was seen."""
    before = Index.read()
    results = [(look_at(point), stamp) for point, _, stamp in _stamped()]
    index = _remember(before, (before.listed(result, stamp) for result, stamp in results))
    return tuple(result for result, _ in results), index


def _remember(before: Index, plugins: Iterable[ListedPlugin]) -> Index:
    index = Index(plugins=tuple(plugins))
    if index != before:
        index.write()
    return index


def _stamped() -> list[tuple[EntryPoint, Provider, str]]:
    found = [(point, provider_of(point)) for point in _entry_points()]
    return [(point, provider, stamp_of(point, provider)) for point, provider in found]


def _entry_points() -> tuple[EntryPoint, ...]:
    """The entry points of group `mmcare`, each once; two distributions may choose the same name, both are seen."""
    points = {_identity(provider_of(point)): point for point in entry_points(group=PROJECT)}
    return tuple(point for _, point in sorted(points.items()))


def _identity(provider: Provider) -> tuple[str, str, str]:
    return normal_name(provider.distribution), provider.entry_point, provider.module
