"""The facts that `mmcare doctor` gathers; each function looks at one thing and raises nothing."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from mmcare.errors import Finding, Severity
from mmcare.registry import index_file, listing
from mmcare.registry.provider import normal_name

__all__ = ["CacheState", "cache", "devices", "plugins", "unmet_requirements", "versions"]

SHOWN = ("mmcare", "torch", "lightning", "numpy", "pandas", "pydantic", "pluggy", "typer")


@dataclass(frozen=True, slots=True)
class CacheState:
    """Where the cache is, what it takes, and whether it can be written."""

    folder: str
    bytes: int
    writable: bool


def versions() -> dict[str, str]:
    """Python, system, and the distributions that matter most."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    return found | {name: said for name in SHOWN if (said := _version(name))}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def devices() -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """The devices that torch can use; imports torch."""
    try:
        import torch
    except Exception as error:  # a torch that cannot be imported is what the doctor is there to say
        what = f"torch cannot be imported: {type(error).__name__}: {error}."
        return (), (Finding(what=what, todo="Install it again: `pip install --force-reinstall torch`."),)
    cpu = f"cpu: {os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"
    if not torch.cuda.is_available():
        return (cpu, "no GPU that torch can use"), ()
    count = torch.cuda.device_count()
    return (*(_gpu(torch.cuda.get_device_properties(n), n) for n in range(count)), cpu), ()


def _gpu(properties: object, number: int) -> str:
    name, memory = getattr(properties, "name", "GPU"), getattr(properties, "total_memory", 0)
    return f"cuda:{number}: {name}, {memory / 2**30:.0f} GiB"


def plugins() -> tuple[dict[str, str], tuple[Finding, ...]]:
    """State and number of components of each plugin, and what is wrong with them."""
    listed = listing()
    states = {f"{p.distribution} {p.version}": f"{p.state}, {_components(len(p.components))}" for p in listed}
    errors = [Finding(what=text) for p in listed for text in p.error.splitlines()]
    warnings = [Finding(what=text, severity=Severity.WARNING) for p in listed for text in p.warnings]
    return states, (*errors, *warnings)


def _components(count: int) -> str:
    return f"{count} component{'' if count == 1 else 's'}"


def unmet_requirements() -> tuple[Finding, ...]:
    """What mmcare, its plugins, and all that these need, ask for and do not have."""
    roots = {"mmcare", *(p.distribution for p in listing())}
    return tuple(finding for dist in _needed_by(roots) for finding in _unmet(dist))


def _needed_by(roots: set[str]) -> Iterator[Distribution]:
    """The installed distributions that are reached from the roots by their requirements."""
    waiting, seen = sorted(roots), set[str]()
    while waiting:
        name = normal_name(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            dist = distribution(name)
        except PackageNotFoundError:
            continue
        yield dist
        waiting += [requirement.name for requirement in _requirements(dist)]


def _requirements(dist: Distribution) -> Iterator[Requirement]:
    """What a distribution needs here, without its extras."""
    for text in dist.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # of an old distribution; no installer reads it either
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement


def _unmet(dist: Distribution) -> Iterator[Finding]:
    for requirement in _requirements(dist):
        found = _version(requirement.name)
        if found and requirement.specifier.contains(found, prereleases=True):
            continue
        wanted = f"{requirement.name}{requirement.specifier}"
        has = f"{requirement.name} {found} is installed" if found else "it is not installed"
        yield Finding(
            what=f"{dist.name} {dist.version} needs {wanted}, and {has}.",
            todo=f'Run `pip install "{wanted}"`; where two distributions disagree, upgrade the older one.',
            code="unmet-requirement",
        )


def cache() -> tuple[CacheState, tuple[Finding, ...]]:
    """The cache folder, its size, and whether it can be written."""
    folder = index_file().parent
    trouble = _cannot_write(folder)
    state = CacheState(str(folder), _size_bytes(folder), not trouble)
    if not trouble:
        return state, ()
    what = f"the cache folder cannot be written: {trouble}. Everything works, only slower."
    todo = "Set `MMCARE_CACHE` to a folder that can be written."
    return state, (Finding(file=folder, what=what, todo=todo, severity=Severity.WARNING, code="cache-not-writable"),)


def _cannot_write(folder: Path) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _size_bytes(folder: Path) -> int:
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            try:
                total += (Path(root) / name).lstat().st_size
            except OSError:
                continue  # removed meanwhile, or not ours to look at
    return total
