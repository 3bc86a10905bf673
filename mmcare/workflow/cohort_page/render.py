"""The page as one HTML file that loads nothing: style, script and pictures are in it."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from math import isfinite, isinf
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mmcare.errors import Finding, MMCareError
from mmcare.formats.atomic import write_bytes
from mmcare.workflow.cohort_page.page import CohortPage
from mmcare.workflow.cohort_page.thumbnail import GAP, TILE

__all__ = ["render_cohort_page", "require_page_or_nothing", "write_cohort_page"]

_BEGINNING = "<!doctype html>\n<!-- MM-Care: cohort check -->"


def require_page_or_nothing(path: Path) -> None:
    """Raise MMCareError where a page would overwrite a file that is no such page."""
    if path.is_dir():
        raise MMCareError(Finding(file=path, what="is a folder.", todo="Name the HTML file to write.", code="exists"))
    if path.exists() and not _is_page(path):
        what = "is there, and is no page of `mmcare cohort check`; only such a page is overwritten."
        raise MMCareError(Finding(file=path, what=what, todo="Name another file, or remove it.", code="exists"))


def _is_page(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_BEGINNING)) == _BEGINNING.encode()


def write_cohort_page(page: CohortPage, path: Path) -> int:
    """Write the page, whole or not at all.

    Returns:
        Its size in bytes.

    Raises:
        MMCareError: It cannot be written.
    """
    text = render_cohort_page(page).encode(errors="replace")  # a file's name may hold bytes that are no text
    write_bytes(path, text)
    return len(text)


def render_cohort_page(page: CohortPage) -> str:
    """The HTML. Every text of the cohort is escaped; the policy lets no script run but the page's own."""
    style, script = _asset("page.css"), _asset("page.js")
    return (
        _environment()
        .get_template("page.html")
        .render(
            beginning=Markup(_BEGINNING),  # noqa: S704 -- our own words
            page=page,
            style=Markup(style),  # noqa: S704 -- a file of our own
            script=Markup(script),  # noqa: S704 -- a file of our own
            policy=_policy(style, script),
            tile=TILE,
            gap=GAP,
        )
    )


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}"


@cache
def _asset(name: str) -> str:
    return (files("mmcare.workflow.cohort_page") / "html" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("mmcare.workflow.cohort_page", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"percent": _percent, "number": _number, "count": _count, "share": _share}
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if isfinite(share) else "–"


def _share(part: int, whole: int) -> str:
    """`12 (59 %)`; a share that is there and rounds to nothing is `<1 %`."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    return f"{part:,} ({'<1' if 0 < percent < 0.5 else f'{percent:.0f}'} %)"


def _number(value: float) -> str:
    if isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.2f}" if isfinite(value) else "–"


def _count(n: int) -> str:
    return f"{n:,}"
