"""The plugin in the hook's docstring is one that works."""

from __future__ import annotations

import inspect
import textwrap
from pathlib import Path
from typing import Any

from mmcare.registry import discover, hookspec


def test_the_plugin_in_the_docstring_works(site: Path, install: Any) -> None:
    doc = inspect.getdoc(hookspec.mmcare_components) or ""
    source = textwrap.dedent(doc[doc.index("    from mmcare.registry") :])
    install("acme-shortest", source)
    (result,) = [p for p in discover().plugins if p.provider.distribution == "acme-shortest"]
    assert (result.state, result.findings) == ("ready", ())
    assert discover().resolve("encoder", "my-tokens").load().__name__ == "PassTokens"
