"""What became of each plugin that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mmcare.errors import Finding
from mmcare.registry.component import Component
from mmcare.registry.provider import Provider

__all__ = ["PluginResult", "PluginState", "Refused"]

PluginState = Literal["ready", "faulty", "broken", "other-api"]
"""`ready`; `faulty`: some components are refused; `broken`: none can be had; `other-api`: made for another core."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that breaks a rule, and which."""

    kind: str
    name: str
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginResult:
    """One plugin: what it offers, or why it offers nothing.

    Attributes:
        provider: Its distribution and entry point.
        state: Whether it can be used.
        error: Why it is broken or of another API; None otherwise.
        import_seconds: Time that the import of its light module took; None where it was imported before.
        components: The records that keep the rules.
        refused: The records that do not.
        warnings: What works but should not stay so.
        traceback: The whole traceback of a broken plugin.
    """

    provider: Provider
    state: PluginState
    error: Finding | None = None
    import_seconds: float | None = None
    components: tuple[Component, ...] = ()
    refused: tuple[Refused, ...] = ()
    warnings: tuple[Finding, ...] = ()
    traceback: str = ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that is wrong with it."""
        error = (self.error,) if self.error is not None else ()
        return (*error, *(r.finding for r in self.refused), *self.warnings)
