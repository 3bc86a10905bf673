"""What the shell offers at the press of Tab; answered from the index, no plugin is imported."""

from __future__ import annotations

__all__ = ["complete_component", "complete_kind"]


def complete_component(incomplete: str) -> list[tuple[str, str]]:
    """Names of installed components, with their summaries."""
    from mmcare.registry import listing

    names = {c.name: c.summary for plugin in listing() for c in plugin.components}
    return [(name, summary) for name, summary in sorted(names.items()) if name.startswith(incomplete)]


def complete_kind(incomplete: str) -> list[str]:
    """The kinds of component."""
    from mmcare.registry import KINDS

    return [kind for kind in KINDS if kind.startswith(incomplete)]
