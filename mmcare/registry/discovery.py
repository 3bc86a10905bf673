"""Every plugin that is installed, looked at one by one."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from mmcare.registry.hookspec import PROJECT
from mmcare.registry.local import LocalPlugin, notebook_result, read_local, run_local
from mmcare.registry.plugins import look_at
from mmcare.registry.provider import normal_name
from mmcare.registry.registry import Registry
from mmcare.registry.result import PluginResult

__all__ = ["discover", "installed_entry_points"]


def installed_entry_points() -> tuple[EntryPoint, ...]:
    """The entry points of group `mmcare`, each once, by distribution and name; imports nothing.

    Two distributions may choose the same name: both are seen.
    """
    points = {_identity(point): point for point in entry_points(group=PROJECT)}
    return tuple(point for _, point in sorted(points.items()))


def _identity(point: EntryPoint) -> tuple[str, str, str]:
    return (normal_name(point.dist.name) if point.dist is not None else "", point.name, point.value)


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
    installed = _installed()
    notebook = notebook_result()
    plugins = (*installed, *((notebook,) if notebook is not None else ()), *local)
    return Registry(plugins, files)


def _each_once(local_files: Sequence[Path | LocalPlugin]) -> tuple[LocalPlugin, ...]:
    read: Iterator[LocalPlugin] = (f if isinstance(f, LocalPlugin) else read_local(f) for f in local_files)
    return tuple({file.sha256: file for file in read}.values())


@functools.cache
def _installed() -> tuple[PluginResult, ...]:
    return tuple(look_at(point) for point in installed_entry_points())
