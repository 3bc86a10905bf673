"""`mmcare plugin list`: what is installed, without importing it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import AsJson, KindName, PluginFiles

if TYPE_CHECKING:
    from mmcare.registry import ListedPlugin

__all__ = ["check_kind", "list_"]

COLUMNS = ("kind", "name", "distribution", "version", "state", "import")
NO_COMPONENT = "-"


def list_(
    *,
    kind: KindName = None,
    json: AsJson = False,
    plugin: PluginFiles = None,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show the whole traceback of broken plugins.")] = False,
) -> None:
    """List the components that are there, and the plugins that are broken.

    Nothing is imported that was seen before; `import` is the time that a plugin's light module took when it was last
    imported. What is wrong with a plugin stands below the list.

    Example:

        mmcare plugin list
        mmcare plugin list --kind encoder --json
    """
    from mmcare.registry import listing

    if kind is not None:
        check_kind(kind)
    plugins = listing(plugin or ())
    if json:
        _print_json(plugins, kind)
        return
    _print_table(plugins, kind)
    _print_troubles(plugins, with_traceback=traceback)


def check_kind(kind: str) -> None:
    """Refuse a kind that does not exist.

    Raises:
        PluginError: With the nearest kind.
    """
    import difflib

    from mmcare.errors import Finding, PluginError
    from mmcare.registry import KINDS

    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, 1)
        what = f"there is no kind {kind!r}; the kinds are {', '.join(KINDS)}."
        todo = f"Write `--kind {near[0]}`." if near else "Write one of them after `--kind`."
        raise PluginError(Finding(what=what, todo=todo))


def _rows(plugins: Iterable[ListedPlugin], kind: str | None) -> list[tuple[str, ...]]:
    """A row a component, and one for each plugin that offers none, last."""
    from mmcare.registry import KINDS

    order: dict[str, str] = {k: str(n) for n, k in enumerate(KINDS)}
    rows: list[tuple[str, ...]] = []
    for p in plugins:
        tail = (p.distribution, p.version, p.state, _milliseconds(p.import_seconds))
        rows += [(c.kind, c.name, *tail) for c in p.components if kind in (None, c.kind)]
        if not p.components:
            rows.append((NO_COMPONENT, NO_COMPONENT, *tail))
    return sorted(rows, key=lambda row: (order.get(row[0], "z"), row))


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:.0f} ms"


def _print_table(plugins: Sequence[ListedPlugin], kind: str | None) -> None:
    from rich.table import Table

    from mmcare.cli.show import printable, table_console

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in COLUMNS:
        table.add_column(column, overflow="fold", justify="right" if column == "import" else "left")
    for row in _rows(plugins, kind):
        table.add_row(*(printable(cell) for cell in row))
    table_console().print(table)


def _print_troubles(plugins: Iterable[ListedPlugin], *, with_traceback: bool) -> None:
    from mmcare.cli.show import printable

    for p in plugins:
        for label, texts in (("Error", p.error.splitlines()), ("Warning", p.warnings)):
            for text in texts:
                print(f"{label}: {printable(text)}", file=sys.stderr)
        if with_traceback and p.traceback:
            print(p.traceback, file=sys.stderr)


def _print_json(plugins: Iterable[ListedPlugin], kind: str | None) -> None:
    import json

    listed = [
        {
            **p.model_dump(mode="json", exclude={"stamp", "formerly"}),
            "components": [c.model_dump(mode="json") for c in p.components if kind in (None, c.kind)],
        }
        for p in plugins
    ]
    print(json.dumps(listed, indent=2))
