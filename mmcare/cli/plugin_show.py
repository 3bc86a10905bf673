"""`mmcare plugin show`: one component's keys, and YAML to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.complete import complete_component
from mmcare.cli.options import AsJson, KindName, PluginFiles

if TYPE_CHECKING:
    from mmcare.registry import Entry

__all__ = ["show"]


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A component's name, or `distribution/name`.", autocompletion=complete_component
        ),
    ],
    *,
    kind: KindName = None,
    json: AsJson = False,
    plugin: PluginFiles = None,
) -> None:
    """Show a component: what it is, its keys with type, default and unit, and a piece of a spec that uses it.

    A name that several kinds or distributions use shows each of them.

    Example:

        mmcare plugin show precomputed
    """
    from mmcare.registry import discover

    entries = discover(plugin or ()).named(name, kind)
    if json:
        _print_json(entries)
        return
    for n, entry in enumerate(entries):
        print("\n" if n else "", end="")
        _print_entry(entry)


def _print_entry(entry: Entry) -> None:
    from rich.table import Table

    from mmcare.cli.show import printable, table_console
    from mmcare.registry import fields_of, snippet

    component, console = entry.component, table_console()
    console.print(f"{component.kind} {component.name}: {printable(component.summary)}", style="bold")
    print(f"from {entry.provider}, {entry.qualified}{_batches(entry)}\n")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("key", "type", "default", "meaning"):
        table.add_column(column, overflow="fold")
    for field in fields_of(component.config):
        table.add_row(field.key, field.type, "(required)" if field.default is None else field.default, field.doc)
    if table.row_count:
        console.print(table)
    print(f"\n{snippet(component)}", end="")


def _batches(entry: Entry) -> str:
    takes, gives = entry.component.takes, entry.component.gives
    return (f", takes {takes}" if takes else "") + (f", gives {gives}" if gives else "")


def _print_json(entries: tuple[Entry, ...]) -> None:
    import json
    from dataclasses import asdict

    from mmcare.registry import fields_of, snippet

    shown = [
        {
            "kind": entry.component.kind,
            "name": entry.component.name,
            "qualified": entry.qualified,
            "version": entry.provider.version,
            "summary": entry.component.summary,
            "takes": entry.component.takes,
            "gives": entry.component.gives,
            "fields": [asdict(field) for field in fields_of(entry.component.config)],
            "yaml": snippet(entry.component),
        }
        for entry in entries
    ]
    print(json.dumps(shown, indent=2))
