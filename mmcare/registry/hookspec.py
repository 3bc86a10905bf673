"""The one hook that a plugin implements."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from mmcare.registry.component import Component

__all__ = ["PROJECT", "hookimpl", "hookspec"]

PROJECT = "mmcare"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def mmcare_components() -> Iterable[Component]:
    """Yield a record for every component that the plugin offers.

    The shortest plugin that works: a module named by an entry point of group `mmcare`, light enough to be
    imported for a listing (pluggy, pydantic and `mmcare.registry` only). The class behind `target` is imported
    when a spec uses the component; here it is the core's own reader of ready-made tokens.

        from mmcare.registry import Component, EncoderConfig, hookimpl

        MMCARE_API = 1

        @hookimpl
        def mmcare_components():
            yield Component(
                kind="encoder",
                name="my-tokens",
                summary="Hands ready-made tokens on as they are.",
                config=EncoderConfig,
                target="mmcare.builtin.precomputed:PassTokens",
                takes="tokens",
            )
    """
    raise NotImplementedError  # a specification: pluggy never calls it
