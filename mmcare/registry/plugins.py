"""One plugin, from its entry point to a result; nothing that it does is raised."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint
from types import ModuleType

import pluggy

from mmcare.errors import Finding, Severity, cut
from mmcare.registry import hookspec
from mmcare.registry.component import API_VERSION, Component
from mmcare.registry.guard import guarded
from mmcare.registry.known import CORE, known_distribution
from mmcare.registry.provider import Provider, normal_name
from mmcare.registry.result import PluginResult, Refused
from mmcare.registry.rules import DOCS, broken_rule

__all__ = ["HEAVY_PLUGIN", "look_at", "provider_of", "result_of", "taken_name"]

UNKNOWN = "unknown"
"""Name of a distribution whose metadata are lost: the rest of a broken installation."""

HEAVY_PLUGIN = "heavy-plugin"
HEAVY = ("torch", "lightning", "monai", "torch_geometric", "transformers", "tensorflow")
"""Packages that a light module must not import."""


def provider_of(entry_point: EntryPoint) -> Provider:
    """Distribution, version, entry point and module."""
    dist = entry_point.dist
    name, version = (dist.name, dist.version) if dist is not None else ("", "")
    return Provider(name or UNKNOWN, version or "", entry_point.name, entry_point.value)


def look_at(entry_point: EntryPoint) -> PluginResult:
    """Import a plugin's light module, ask its hook, and hold its records against the rules."""
    provider = provider_of(entry_point)
    known_before = frozenset(sys.modules)
    try:
        with guarded(f"the plugin {provider} ({provider.module})") as watch:
            module = entry_point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit: a plugin must not end the program
        return _broken(provider, _import_failed(provider, error), error, watch.seconds)
    fresh = provider.module not in known_before
    seconds = watch.seconds if fresh else None
    return result_of(provider, module, seconds, _too_heavy(provider, known_before, watch.seconds))


def result_of(
    provider: Provider, module: ModuleType, seconds: float | None = None, warnings: tuple[Finding, ...] = ()
) -> PluginResult:
    """What an imported module offers."""
    api = getattr(module, "MMCARE_API", None)
    if api != API_VERSION:
        return PluginResult(
            provider=provider, state="other-api", error=_other_api(provider, api), import_seconds=seconds
        )
    try:
        with guarded(f"the components of {provider}"):
            records = list(_records(module))
    except KeyboardInterrupt:
        raise
    except _NotRecordsError as error:
        return PluginResult(
            provider=provider, state="broken", error=_finding(provider, str(error)), import_seconds=seconds
        )
    except BaseException as error:  # a hook is foreign code, too
        return _broken(provider, _hook_failed(provider, error), error, seconds)
    return _sorted_out(provider, records, seconds, warnings)


class _NotRecordsError(Exception):
    """The hook gave something else than records."""


def _records(module: ModuleType) -> Iterator[Component]:
    manager = pluggy.PluginManager(hookspec.PROJECT)
    manager.add_hookspecs(hookspec)
    manager.register(module)
    manager.check_pending()
    implementations = manager.hook.mmcare_components.get_hookimpls()
    if not implementations:
        raise _NotRecordsError("has no function `mmcare_components` marked with `@hookimpl`.")
    for implementation in implementations:
        yield from _checked(implementation.function())


def _checked(given: object) -> Iterator[Component]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise _not_a_record("returned", given)
    for record in given:
        if not isinstance(record, Component):
            raise _not_a_record("yielded", record)
        yield record


def _not_a_record(verb: str, given: object) -> _NotRecordsError:
    return _NotRecordsError(
        f"{verb} {cut(given)} ({type(given).__name__}) from its hook `mmcare_components`; "
        "the hook yields `mmcare.registry.Component` records."
    )


def _sorted_out(
    provider: Provider, records: list[Component], seconds: float | None, warnings: tuple[Finding, ...]
) -> PluginResult:
    """Records that keep the rules, records that do not, and what to warn of."""
    good: list[Component] = []
    refused: list[Refused] = []
    for record in records:
        rule = broken_rule(record) or _twice(record, good)
        if rule is None:
            good.append(record)
        else:
            refused.append(Refused(str(record.kind), str(record.name), _refusal(provider, record, rule)))
    taken = tuple(said for record in good if (said := taken_name(provider, record)) is not None)
    return PluginResult(
        provider=provider,
        state="faulty" if refused else "ready",
        import_seconds=seconds,
        components=tuple(good),
        refused=tuple(refused),
        warnings=(*warnings, *taken),
    )


def _twice(record: Component, good: list[Component]) -> str | None:
    if any((other.kind, other.name) == (record.kind, record.name) for other in good):
        return "the same plugin offers this name twice."
    return None


def taken_name(provider: Provider, record: Component) -> Finding | None:
    """A warning where a component bears the name of a first-party one, and comes from elsewhere."""
    owner = known_distribution(record.kind, record.name)
    if owner is None or normal_name(provider.distribution) == owner:
        return None
    return Finding(
        what=f"{record.kind} `{record.name}` belongs to {owner}, and is provided by {provider}.",
        todo=f"If you did not mean this, remove {provider.distribution}, or write `{owner}/{record.name}`.",
        severity=Severity.WARNING,
        code="first-party-name",
    )


def _too_heavy(provider: Provider, known_before: frozenset[str], seconds: float) -> tuple[Finding, ...]:
    heavy = [name for name in HEAVY if name in sys.modules and name not in known_before]
    if not heavy or normal_name(provider.distribution) == CORE:
        return ()
    what = f"the plugin {provider} imports {', '.join(heavy)} in its light module {provider.module}"
    return (
        Finding(
            what=f"{what}, which costs {1000 * seconds:.0f} ms at every start.",
            todo=f"Move the import into the module that `target` names (see {DOCS}).",
            severity=Severity.WARNING,
            code=HEAVY_PLUGIN,
        ),
    )


def _import_failed(provider: Provider, error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"calls `sys.exit({error.code!r})` when {provider.module} is imported."
    if isinstance(error, ModuleNotFoundError) and error.name and f"{provider.module}.".startswith(f"{error.name}."):
        return f"names a module that is not there: {provider.module}."
    return f"cannot be imported: {_last_line(error)}."


def _hook_failed(provider: Provider, error: BaseException) -> str:
    return f"fails in its hook `mmcare_components`: {_last_line(error)}."


def _last_line(error: BaseException) -> str:
    return cut(traceback.format_exception_only(error)[-1].strip().rstrip("."), 200)


def _broken(provider: Provider, what: str, error: BaseException, seconds: float | None = None) -> PluginResult:
    return PluginResult(
        provider=provider,
        state="broken",
        error=_finding(provider, what),
        import_seconds=seconds,
        traceback="".join(traceback.format_exception(error)),
    )


def _finding(provider: Provider, what: str) -> Finding:
    todo = "`mmcare plugin list --traceback` shows all of it; install it again, upgrade it or remove it."
    return Finding(what=f"the plugin {provider} {what}", todo=todo, code="broken-plugin")


def _refusal(provider: Provider, record: Component, rule: str) -> Finding:
    return Finding(
        what=f"{record.kind} `{record.name}` of {provider} is refused: {rule}",
        todo="Tell its authors, or use another component.",
        code="refused-component",
    )


def _other_api(provider: Provider, api: object) -> Finding:
    if not isinstance(api, int):
        what = f"does not say for which plugin API it is made; its module {provider.module} lacks `MMCARE_API`."
        todo = f"Write `MMCARE_API = {API_VERSION}` there."
    else:
        newer = api > API_VERSION
        what = f"is made for plugin API {api}, this mmcare has API {API_VERSION}."
        todo = f"Upgrade {'mmcare' if newer else 'the plugin'}: " + (
            f"`pip install --upgrade {CORE if newer else provider.distribution}`."
        )
    return Finding(what=f"the plugin {provider} {what}", todo=todo, code="other-api")
