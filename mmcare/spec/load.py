"""From a file to a resolved spec, or to all that is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmcare.errors import Finding, MMCareError, PluginError, Severity, SpecError
from mmcare.registry import LocalPlugin, Registry, allow_local, discover, read_local
from mmcare.spec.layers import Layered, read_layers
from mmcare.spec.problems import finding_at
from mmcare.spec.reader import SpecReader
from mmcare.spec.spec import Spec

__all__ = ["check_spec", "load_spec"]


def load_spec(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    registry: Registry | None = None,
    plugins: Sequence[Path] = (),
    allow_local_code: bool = False,
) -> Spec:
    """Read, check and resolve a spec.

    Args:
        path: The spec's file.
        overrides: Changes such as `training.lr=3e-4`; their order does not matter.
        registry: Where components are looked up; by default what is installed.
        plugins: Single-file plugins; naming them here is the consent to run them.
        allow_local_code: Whether plugin files that the spec itself names may run.

    Raises:
        SpecError: All errors of the spec, each with file, line and column.
        PluginError: The spec names a plugin file that was not allowed, or that is broken.

    Example:
        >>> import mmcare
        >>> spec = mmcare.load_spec("examples/mm-care.yaml", ["fusion.use=concat"])  # doctest: +SKIP
    """
    layered = read_layers(Path(path), overrides)
    given, named = [read_local(file) for file in plugins], _named_plugins(layered)
    allow_local(_others(named, given), allowed=allow_local_code)
    files = _each_once([*given, *named])
    reader = SpecReader(layered, registry or discover(files), files)
    spec = reader.read()
    errors = [finding for finding in reader.findings if finding.severity is Severity.ERROR]
    if errors or spec is None:
        raise SpecError(_in_order(errors))
    return spec


def check_spec(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    registry: Registry | None = None,
    plugins: Sequence[Path] = (),
) -> tuple[Spec | None, list[Finding]]:
    """The spec, where it can be resolved, and all that is wrong with it or worth a word; raises for nothing.

    Runs no code that the spec brings along: parts from its `plugins` are reported as not checked, unless the same
    file is named in `plugins` here.
    """
    try:
        layered = read_layers(Path(path), overrides)
        given = [read_local(file) for file in plugins]
        unread = tuple(str(file.path) for file in _others(_named_plugins(layered), given))
        reader = SpecReader(layered, registry or discover(given), _each_once(given), unread)
    except MMCareError as error:
        return None, list(error.findings)
    spec = reader.read()
    return spec, _in_order(reader.findings)


def _in_order(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: (str(f.file), f.line or 0, f.column or 0))


def _each_once(files: Sequence[LocalPlugin]) -> tuple[LocalPlugin, ...]:
    found = {file.sha256: file for file in files}
    named: dict[str, LocalPlugin] = {}
    for file in found.values():
        if (other := named.setdefault(file.path.name, file)) is not file:
            what = f"has the file name of {other.path}, another plugin of this spec; a run keeps both in one folder."
            raise PluginError(Finding(file=file.path, what=what, todo="Give one of them another name."))
    return tuple(found.values())


def _others(named: Sequence[LocalPlugin], given: Sequence[LocalPlugin]) -> list[LocalPlugin]:
    """The files that the spec names and the user did not."""
    digests = {file.sha256 for file in given}
    return [file for file in named if file.sha256 not in digests]


def _named_plugins(layered: Layered) -> list[LocalPlugin]:
    named = layered.data.get("plugins", ())
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        return []  # said by the validation of the document
    return [_named_plugin(layered, index, name) for index, name in enumerate(named)]


def _named_plugin(layered: Layered, index: int, name: str) -> LocalPlugin:
    key = ("plugins", index)
    path = layered.origin(key).folder / name
    try:
        return read_local(path)
    except PluginError as error:
        said = error.findings[0]
        raise PluginError(finding_at(layered, key, f"{path}: {said.what}", said.todo, said.code)) from error
