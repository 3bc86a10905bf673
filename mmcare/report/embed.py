"""Putting text into HTML where no text can become markup: JSON in a script element, and digests for the policy."""

from __future__ import annotations

import base64
import hashlib

from markupsafe import Markup

__all__ = ["json_in_html", "policy", "script_digest"]

_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def json_in_html(text: str) -> Markup:
    """JSON that can stand in a `script` element: the characters that HTML would read are escaped as JSON escapes."""
    for character, escape in _ESCAPED.items():
        text = text.replace(character, escape)
    return Markup(text)  # noqa: S704 -- nothing that HTML would read is left in it


def script_digest(script: str) -> str:
    """The source expression by which a Content-Security-Policy allows this script and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def policy(scripts: tuple[str, ...]) -> str:
    """The Content-Security-Policy of a page that asks nobody for anything and runs these scripts alone."""
    allowed = " ".join(map(script_digest, scripts))
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
