"""The options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmcare.cli.complete import complete_kind

__all__ = ["AllowLocalCode", "AsJson", "KindName", "Overrides", "PluginFiles"]

PluginFiles = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="A single-file plugin to use; may be given several times."),
]
"""Use as `plugin: PluginFiles = None`."""

AllowLocalCode = Annotated[
    bool,
    typer.Option("--allow-local-code", help="Let plugin files run that a spec or a run folder brings along."),
]
"""Use as `allow_local_code: AllowLocalCode = False`."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""Use as `json: AsJson = False`."""

Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the spec; may be given several times."),
]
"""Use as `set_: Overrides = None`."""

KindName = Annotated[
    str | None,
    typer.Option("--kind", metavar="KIND", help="Only components of this kind.", autocompletion=complete_kind),
]
"""Use as `kind: KindName = None`."""
