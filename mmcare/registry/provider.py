"""Who provides a component, and the component as a spec can use it."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import Any

from mmcare.errors import Finding, MMCareError, PluginError, cut
from mmcare.registry.component import Component
from mmcare.registry.config import Config
from mmcare.registry.guard import guarded

__all__ = ["LOCAL", "Entry", "Provider", "normal_name"]

LOCAL = "local"
"""The distribution under which single files and notebooks register their components."""

_LONGEST_REASON = 200


def normal_name(distribution: str) -> str:
    """The one spelling of a distribution's name: `MMCare_Plugin.GCN` is `mmcare-plugin-gcn`."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


@dataclass(frozen=True, slots=True)
class Provider:
    """One entry point of one installed distribution, or one local file.

    Attributes:
        distribution: Name as the package index spells it; `local` for single files and notebooks.
        version: Version of the distribution; of a local file the first letters of its SHA-256.
        entry_point: Name of the entry point; of a local file its path.
        module: The light module that the entry point names.
    """

    distribution: str
    version: str
    entry_point: str
    module: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".rstrip()


@dataclass(frozen=True, slots=True)
class Entry:
    """A component together with its provider."""

    component: Component
    provider: Provider

    @property
    def qualified(self) -> str:
        """The name that no other distribution can take: `distribution/name`."""
        return f"{self.provider.distribution}/{self.component.name}"

    def load(self) -> type:
        """The class behind the component; imports its module.

        Raises:
            PluginError: The module or the class is not there, or the import fails; the cause is chained.
        """
        target = self.component.target
        if isinstance(target, type):
            return target
        module, _, name = target.partition(":")
        try:
            with guarded(self._named()):
                found: object = importlib.import_module(module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a plugin's module raises, also SystemExit, is said and chained
            raise self._not_loaded(f"`{module}` could not be imported: {_in_words(error)}.") from error
        for part in name.split("."):
            found = getattr(found, part, None)
        if not isinstance(found, type):
            raise self._not_loaded(f"the module `{module}` has no class `{name}`.")
        return found

    def make(self, config: Config, *arguments: object) -> Any:
        """An object of the class, from its config and what its kind is given besides.

        Raises:
            PluginError: As `load`; or its constructor raises, whose error is chained.
        """
        cls = self.load()
        try:
            return cls(config, *arguments)
        except (MMCareError, MemoryError):
            raise
        except Exception as error:  # whatever a plugin's constructor raises is said and chained
            what = f"{self._named()} cannot be made: {cut(_in_words(error), _LONGEST_REASON)}."
            todo = f"`mmcare plugin check {self.component.name}` shows what its contract asks; tell its authors."
            if self.provider.distribution == LOCAL:
                todo = f"Mend {self.provider.entry_point}, or the part's values."
            raise PluginError(Finding(what=what, todo=todo, code="component-not-made")) from error

    def _named(self) -> str:
        return f"{self.component.kind} `{self.component.name}` of {self.provider}"

    def _not_loaded(self, why: str) -> PluginError:
        what = f"{self._named()} cannot be loaded: {why}"
        todo = f"Install {self.provider.distribution} again, or tell its authors."
        if self.provider.distribution == LOCAL:
            todo = f"Mend {self.provider.entry_point}."
        return PluginError(Finding(what=what, todo=todo, code="component-not-loaded"))


def _in_words(error: BaseException) -> str:
    """`ModuleNotFoundError: No module named 'monai'`, without a closing stop."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text}".rstrip(".: ")
