"""`mmcare spec describe`: the parts of a spec, the shapes between them, their parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import AllowLocalCode, Overrides, PluginFiles

if TYPE_CHECKING:
    from mmcare.model import Description
    from mmcare.spec import Spec

__all__ = ["describe"]
