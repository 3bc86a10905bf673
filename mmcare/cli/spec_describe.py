"""`mmcare spec describe`: the parts of a spec, the shapes between them, their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import AllowLocalCode, Overrides, PluginFiles

if TYPE_CHECKING:
    from mmcare.model import Description
    from mmcare.spec import Spec

__all__ = ["describe"]

WITHOUT_COHORT = "Parameters that depend on the data's sizes are counted for small ones; `--cohort DIR` gives its own."


def describe(
    file: Annotated[Path, typer.Argument(help="The spec.")],
    *,
    cohort: Annotated[
        Path | None, typer.Option("--cohort", metavar="DIR", help="A cohort; sizes that it decides become numbers.")
    ] = None,
    set_: Overrides = None,
    plugin: PluginFiles = None,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Show the parts of a spec in the order of a patient's way, the shapes between them, and their parameters.

    Nothing is trained and no weights are made. Without a cohort, sizes that the data decide are letters.

    Example:

        mmcare spec describe examples/mm-care.yaml
        mmcare spec describe examples/mm-care.yaml --set fusion.use=concat
    """
    from mmcare.spec import load_spec

    spec = load_spec(file, set_ or (), plugins=plugin or (), allow_local_code=allow_local_code)
    if spec.kind == "network":
        _print_network(_described(spec, cohort))
        if cohort is None:
            print(WITHOUT_COHORT)
    else:
        _print_parts(spec)


def _described(spec: Spec, cohort: Path | None) -> Description:
    if cohort is None:
        from mmcare.model import describe as describe_network

        return describe_network(spec)
    from mmcare.cohort import read_cohort
    from mmcare.workflow.describe import describe_with_cohort

    return describe_with_cohort(spec, read_cohort(cohort))


def _print_network(found: Description) -> None:
    rows = [
        (part.path, part.component, part.takes, part.gives, _parameters(part.parameters, part.trainable))
        for part in found.parts
    ]
    _print_table(("part", "component", "takes", "gives", "parameters"), rows)
    shapes = " ".join(f"{part.takes} {part.gives}" for part in found.parts)
    used = {letter: said for letter, said in found.letters.items() if _stands_in(letter, shapes)}
    print(f"\n{found.name}: {found.parameters:,} parameters")
    print("; ".join(f"{letter}, {said}" for letter, said in used.items()))


def _stands_in(letter: str, shapes: str) -> bool:
    import re

    return re.search(rf"\b{letter}\b", shapes) is not None


def _parameters(count: int, trainable: int) -> str:
    return f"{count:,}" if trainable == count else f"{count:,} ({trainable:,} trained)"


def _print_parts(spec: Spec) -> None:
    """A baseline or a segmenter: its parts, without shapes."""
    from mmcare.spec import ResolvedPart

    def row(part: ResolvedPart) -> tuple[str, ...]:
        return part.path, part.entry.qualified, part.entry.component.gives or "", part.entry.component.summary

    _print_table(("part", "component", "gives", "what it is"), [row(part) for part in spec.parts()])
    print(f"\n{spec.name}: a {spec.kind}")


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table

    from mmcare.cli.show import printable, table_console

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", justify="right" if column == "parameters" else "left")
    for row in rows:
        table.add_row(*map(printable, row))
    table_console().print(table)
