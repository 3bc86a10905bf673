"""Components without a package: a single file, or a class decorated in a notebook.

A plugin is code, a spec is data. A file is read and its digest compared before anything of it runs, and what runs is
exactly the text that was read. Code that a spec or a run folder brings along needs an explicit yes.
"""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.util
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from mmcare.errors import Finding, PluginError, cut
from mmcare.registry.component import API_VERSION, Component, ComponentKind, Gives
from mmcare.registry.config import Config
from mmcare.registry.guard import guarded
from mmcare.registry.plugins import result_of
from mmcare.registry.provider import LOCAL, Provider
from mmcare.registry.result import PluginResult
from mmcare.registry.rules import broken_rule

__all__ = ["LocalPlugin", "allow_local", "component", "load_local", "notebook_result", "read_local", "run_local"]

MODULE_PREFIX = "mmcare_local_"

_declared: dict[str, dict[tuple[str, str], Component]] = {}
"""What `@component` has declared in this process, by module; a cell that runs again replaces its component."""

C = TypeVar("C", bound=type)


@dataclass(frozen=True, slots=True)
class LocalPlugin:
    """A single-file plugin: where it was, the SHA-256 of its bytes, and its text (UTF-8, as it stands in the file)."""

    path: Path
    sha256: str
    source: str

    @property
    def module(self) -> str:
        """Name of the module that it becomes; the same text has the same name in every process."""
        return f"{MODULE_PREFIX}{self.sha256[:16]}"

    @property
    def provider(self) -> Provider:
        """The distribution `local`, the digest as version, the path as entry point."""
        return Provider(LOCAL, self.sha256[:12], str(self.path), self.module)


def component(
    *,
    kind: ComponentKind,
    name: str,
    config: type[Config],
    summary: str | None = None,
    takes: Gives | None = None,
    gives: Gives | None = None,
) -> Callable[[C], C]:
    """Register the decorated class as a component of the distribution `local`.

    For a notebook or a single file (`--plugin FILE`); a package uses the hook instead.

    Args:
        kind: What it is.
        name: Its name in a spec, kebab-case.
        config: The pydantic model of its keys in a spec.
        summary: One line for lists; by default the first line of the class's docstring.
        takes: For an encoder: the kind of batch it reads.
        gives: For a modality: the kind of batch it gives.

    Raises:
        PluginError: The record breaks a rule.

    Example:
        >>> from mmcare.registry import EncoderConfig, component
        >>> @component(kind="encoder", name="my-mean", takes="table", config=EncoderConfig)
        ... class Mean:
        ...     "Mean of a table."
    """

    def register(cls: C) -> C:
        record = Component(
            kind=kind,
            name=name,
            summary=summary or _first_line(cls),
            config=config,
            target=cls,
            takes=takes,
            gives=gives,
        )
        if (rule := broken_rule(record)) is not None:
            what = f"{kind} {name!r} ({cls.__module__}.{cls.__qualname__}) is refused: {rule}"
            raise PluginError(Finding(what=what, code="refused-component"))
        _declared.setdefault(cls.__module__, {})[kind, name] = record
        return cls

    return register


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0] or cls.__name__


def read_local(path: Path, expected_digest: str | None = None) -> LocalPlugin:
    """Read a single-file plugin and compare its digest; runs nothing of it.

    Args:
        path: The file.
        expected_digest: SHA-256 that it must have, in hexadecimal; None accepts any.

    Raises:
        PluginError: It cannot be read, is not UTF-8, or has another digest.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        is_folder = isinstance(error, IsADirectoryError)
        what = "is a folder; a single-file plugin is one Python file." if is_folder else f"{error.strerror}."
        todo = "Name a `.py` file; a plugin of several files is a package (`mmcare plugin new`)."
        raise PluginError(Finding(file=path, what=what, todo=todo, code="plugin-file")) from error
    digest = hashlib.sha256(data).hexdigest()
    if expected_digest is not None and digest != expected_digest:
        raise PluginError(_edited(path, expected_digest, digest))
    try:
        return LocalPlugin(path, digest, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        what = f"byte {error.start} is not UTF-8."
        raise PluginError(Finding(file=path, what=what, todo="Save the file as UTF-8.", code="plugin-file")) from error


def _edited(path: Path, then: str, now: str) -> Finding:
    return Finding(
        file=path,
        what=f"its SHA-256 is {now[:12]}…, and was {then[:12]}… when it was recorded; nothing of it was run.",
        todo=f"Put the file back as it was, or read it and name it yourself: `--plugin {path}`.",
        code="edited-plugin",
    )


def allow_local(files: Sequence[LocalPlugin], *, allowed: bool) -> None:
    """Let code pass that a spec or a run folder brings along; a file named by `--plugin` needs no such leave.

    Args:
        files: The files, read but not run.
        allowed: Whether the user said `--allow-local-code`.

    Raises:
        PluginError: Not allowed; a finding a file, with its path and digest.
    """
    if files and not allowed:
        raise PluginError(
            Finding(
                file=file.path,
                what=f"this plugin file (SHA-256 {file.sha256[:12]}…) is code, and code runs only with your leave.",
                todo="Read it, then say `--allow-local-code`.",
                code="local-code",
            )
            for file in files
        )


def load_local(path: Path, expected_digest: str | None = None) -> LocalPlugin:
    """Read a single-file plugin and run it; its components are then found by `discover([path])`.

    Raises:
        PluginError: As `read_local`; or the file fails, or declares nothing.
    """
    plugin = read_local(path, expected_digest)
    run_local(plugin)
    return plugin


def run_local(plugin: LocalPlugin) -> PluginResult:
    """Import a plugin that was read (once a process), and give what it declares by hook or decorator.

    Raises:
        PluginError: The file fails, breaks a rule, or declares nothing.
    """
    module = sys.modules.get(plugin.module) or _import(plugin)
    hooked = _hooked(plugin, module)
    declared = tuple(_declared.get(plugin.module, {}).values())
    if not hooked and not declared:
        what = "declares no component."
        todo = "Put `@mmcare.component(kind=..., name=..., config=...)` before a class."
        raise PluginError(Finding(file=plugin.path, what=what, todo=todo, code="plugin-file"))
    return PluginResult(provider=plugin.provider, state="ready", components=(*hooked, *declared))


def _hooked(plugin: LocalPlugin, module: ModuleType) -> tuple[Component, ...]:
    if not hasattr(module, "mmcare_components"):
        return ()
    if not hasattr(module, "MMCARE_API"):
        module.MMCARE_API = API_VERSION  # type: ignore[attr-defined]  # one file: written for this mmcare
    result = result_of(plugin.provider, module)
    if result.error is not None or result.refused:
        raise PluginError([finding.at(file=plugin.path) for finding in result.findings])
    return result.components


def _import(plugin: LocalPlugin) -> ModuleType:
    loader = _Loader(plugin)
    spec = importlib.util.spec_from_loader(plugin.module, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[plugin.module] = module
    try:
        with guarded(f"the plugin file {plugin.path}"):
            loader.exec_module(module)
    except BaseException as error:
        del sys.modules[plugin.module]
        _declared.pop(plugin.module, None)
        if isinstance(error, KeyboardInterrupt):
            raise
        raise PluginError(_failed(plugin, error)) from error
    return module


class _Loader(importlib.abc.ExecutionLoader):
    """Imports the text that was read and digested, not what the file may hold by now."""

    def __init__(self, plugin: LocalPlugin) -> None:
        self.plugin = plugin

    def get_source(self, fullname: str) -> str:
        return self.plugin.source.removeprefix("\ufeff")

    def get_filename(self, fullname: str) -> str:
        return str(self.plugin.path)


def _failed(plugin: LocalPlugin, error: BaseException) -> Finding:
    if isinstance(error, PluginError):
        return error.findings[0].at(file=plugin.path, line=_line(plugin, error))
    said = cut(traceback.format_exception_only(error)[-1].strip().rstrip("."), 200)
    if isinstance(error, SystemExit):
        said = f"it calls `sys.exit({error.code!r})`"
    return Finding(
        file=plugin.path,
        line=_line(plugin, error),
        what=f"the plugin cannot be imported: {said}.",
        todo="Mend it; `--traceback` shows where it failed.",
        code="broken-plugin",
    )


def _line(plugin: LocalPlugin, error: BaseException) -> int | None:
    """The last line of the file itself that the error passed through."""
    if isinstance(error, SyntaxError):
        return error.lineno
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(plugin.path)]
    return lines[-1] if lines else None


def notebook_result() -> PluginResult | None:
    """What `@component` declared outside of plugin files: in a notebook, or in an imported module."""
    found = {
        key: record
        for module, records in _declared.items()
        if not module.startswith(MODULE_PREFIX)
        for key, record in records.items()
    }
    if not found:
        return None
    return PluginResult(provider=Provider(LOCAL, "", "", "__main__"), state="ready", components=tuple(found.values()))
