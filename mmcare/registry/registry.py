"""The components that are there, and the look-up of the one that a spec names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mmcare.errors import Finding, PluginError, cut
from mmcare.registry.component import KINDS
from mmcare.registry.known import KNOWN, known_distribution, known_names
from mmcare.registry.local import LocalPlugin
from mmcare.registry.plugins import HEAVY_PLUGIN, taken_name
from mmcare.registry.provider import LOCAL, Entry, normal_name
from mmcare.registry.result import PluginResult
from mmcare.registry.rules import article

__all__ = ["Registry"]

SHOWN = 3
DISTRIBUTION = re.compile(r"[A-Za-z0-9]([\w.-]{0,98}[A-Za-z0-9])?", re.ASCII)
"""A name that may stand in a command that the reader is told to run."""


@dataclass(frozen=True)
class Registry:
    """What was found, plugin by plugin.

    Attributes:
        plugins: A result for every plugin, broken ones too.
        local_files: The single-file plugins among them, with their sources.
        formerly: For plugins that are broken now: the `(kind, name)` that they offered when last seen well,
            by distribution.
    """

    plugins: tuple[PluginResult, ...]
    local_files: tuple[LocalPlugin, ...] = ()
    formerly: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def entries(self, kind: str | None = None) -> tuple[Entry, ...]:
        """All components of a kind, or of all kinds, by kind, name and distribution."""
        found = [
            Entry(record, plugin.provider)
            for plugin in self.plugins
            for record in plugin.components
            if kind is None or record.kind == kind
        ]
        return tuple(sorted(found, key=_order))

    def resolve(self, kind: str, use: str) -> Entry:
        """The component of this kind that a spec calls `use`: `name`, or `distribution/name`.

        Raises:
            PluginError: There is none, or two distributions offer it. Its one finding has no place: the caller
                knows where the name stands.
        """
        distribution, _, name = use.rpartition("/")
        named = [e for e in self.entries(kind) if e.component.name == name and _is_of(e, distribution)]
        if len(named) == 1:
            return named[0]
        raise PluginError(_clash(kind, name, named) if named else self._unknown(kind, distribution, name))

    def named(self, name: str, kind: str | None = None) -> tuple[Entry, ...]:
        """All components called `name` or `distribution/name`, of one kind or of any.

        Raises:
            PluginError: There is none.
        """
        distribution, _, plain = name.rpartition("/")
        found = [e for e in self.entries(kind) if e.component.name == plain and _is_of(e, distribution)]
        if not found:
            raise PluginError(self._unknown(kind, distribution, plain) if kind else self._unheard(distribution, plain))
        return tuple(found)

    def warnings(self, entry: Entry) -> tuple[Finding, ...]:
        """What to warn of when this component is used."""
        plugins = [plugin for plugin in self.plugins if plugin.provider == entry.provider]
        heavy = tuple(w for plugin in plugins for w in plugin.warnings if w.code == HEAVY_PLUGIN)
        taken = taken_name(entry.provider, entry.component)
        return heavy if taken is None else (*heavy, taken)

    def _unknown(self, kind: str, distribution: str, name: str) -> Finding:
        """Why there is no such component, the surest reason first."""
        return (
            self._refused(kind, distribution, name)
            or self._broken(kind, distribution, name)
            or self._not_installed(kind, distribution, name)
            or self._of_another_kind(kind, name)
            or self._misspelt(kind, distribution, name)
        )

    def _unheard(self, distribution: str, name: str) -> Finding:
        """Why there is no such component of any kind."""
        reasons = (
            reason(kind, distribution, name)
            for reason in (self._refused, self._broken, self._not_installed)
            for kind in KINDS
        )
        return next((said for said in reasons if said is not None), None) or self._misspelt("", distribution, name)

    def _refused(self, kind: str, distribution: str, name: str) -> Finding | None:
        refused = [
            r for plugin in self._plugins_of(distribution) for r in plugin.refused if (r.kind, r.name) == (kind, name)
        ]
        return refused[0].finding if refused else None

    def _broken(self, kind: str, distribution: str, name: str) -> Finding | None:
        """The plugin that would have offered the component, were it not broken."""
        for plugin in self._plugins_of(distribution):
            if plugin.error is not None and (distribution or self._offered(plugin, kind, name)):
                what = f"{kind} `{name}` is offered by a plugin that cannot be used: {plugin.error.what}"
                return Finding(what=what, todo=plugin.error.todo, code=plugin.error.code)
        return None

    def _offered(self, plugin: PluginResult, kind: str, name: str) -> bool:
        dist = normal_name(plugin.provider.distribution)
        return known_distribution(kind, name) == dist or (kind, name) in self.formerly.get(dist, ())

    def _not_installed(self, kind: str, distribution: str, name: str) -> Finding | None:
        if distribution and self._plugins_of(distribution):
            return None  # it is installed, and has no such component
        if distribution == LOCAL:
            what = f"{kind} `local/{name}` was not declared by any plugin file or notebook cell."
            return Finding(what=what, todo="Name the file that holds it: `--plugin FILE`.", code="unknown-component")
        if distribution and not DISTRIBUTION.fullmatch(distribution):
            what = f"{cut(distribution)!r} is no name of a distribution."
            return Finding(what=what, todo="Write `NAME`, or `DISTRIBUTION/NAME`.", code="unknown-component")
        missing = distribution or known_distribution(kind, name)
        if missing is None or (not distribution and self._plugins_of(missing)):
            return None
        what = f"{kind} `{cut(name)}` is offered by {missing}, which is not installed."
        todo = f"Install it: `pip install {missing}`."
        if missing not in KNOWN:
            what = f"{kind} `{cut(name)}` of {missing} is asked for, and {missing} is not installed."
            todo = f"Install it, if you trust its authors: `pip install {missing}`."
        return Finding(what=what, todo=todo, code="not-installed")

    def _of_another_kind(self, kind: str, name: str) -> Finding | None:
        kinds = [other for other in KINDS if any(e.component.name == name for e in self.entries(other))]
        if not kinds:
            return None
        what = f"{cut(name)!r} is {article(kinds[0])}, and {article(kind)} is wanted here."
        return Finding(what=what, todo=self._choices(kind), code="wrong-kind")

    def _misspelt(self, kind: str, distribution: str, name: str) -> Finding:
        of = f" of {distribution}" if distribution else ""
        what = f"there is no {kind or 'component'} {cut(name)!r}{of}"
        here = {e.component.name for e in self.entries(kind or None) if _is_of(e, distribution)}
        elsewhere = () if distribution else [n for k in KINDS if kind in ("", k) for n in known_names(k)]
        close = difflib.get_close_matches(name, sorted(here.union(elsewhere)), SHOWN)
        near = " or ".join(self._where_to_find(kind, candidate, here) for candidate in close)
        what += f"; did you mean {near}?" if near else "."
        return Finding(what=what, todo=self._choices(kind), code="unknown-component")

    def _where_to_find(self, kind: str, name: str, here: set[str]) -> str:
        if name in here:
            return f"`{name}`"
        owner = next((o for k in KINDS if kind in ("", k) and (o := known_distribution(k, name))), None)
        return f"`{name}`" if self._plugins_of(owner or "") else f"`{name}` (`pip install {owner}`)"

    def _choices(self, kind: str) -> str:
        return f"`mmcare plugin list{f' --kind {kind}' if kind else ''}` shows what there is."

    def _plugins_of(self, distribution: str) -> Sequence[PluginResult]:
        """The plugins of a distribution; all of them where none is named."""
        return [p for p in self.plugins if not distribution or _same(p.provider.distribution, distribution)]


def _order(entry: Entry) -> tuple[int, str, str]:
    return KINDS.index(entry.component.kind), entry.component.name, entry.provider.distribution


def _same(one: str, other: str) -> bool:
    return normal_name(one) == normal_name(other)


def _is_of(entry: Entry, distribution: str) -> bool:
    return not distribution or _same(entry.provider.distribution, distribution)


def _clash(kind: str, name: str, entries: Iterable[Entry]) -> Finding:
    entries = list(entries)
    providers = " and ".join(_provided_by(e) for e in entries)
    forms = sorted({f"`use: {e.qualified}`" for e in entries})
    what = f"{kind} `{name}` is offered by {providers}."
    todo = f"Write {' or '.join(forms)}." if len(forms) > 1 else "Leave one of them out."
    return Finding(what=what, todo=todo, code="two-providers")


def _provided_by(entry: Entry) -> str:
    if entry.provider.distribution == LOCAL:
        return f"{entry.provider} ({entry.provider.entry_point or 'notebook'})"
    return str(entry.provider)
