"""`mmcare spec new`: a first spec for a cohort."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import PluginFiles
from mmcare.cli.progress import tell

if TYPE_CHECKING:
    from mmcare.cohort import Cohort
    from mmcare.spec import CohortSummary

__all__ = ["new", "summary_of"]


def new(
    *,
    cohort: Annotated[Path, typer.Option("--cohort", metavar="DIR", help="The cohort folder.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The file to write; by default it is printed.")
    ] = None,
    plugin: PluginFiles = None,
) -> None:
    """Write a first spec for a cohort: its modalities by what it holds, its head by its endpoints, a word on each.

    It trains on that cohort as it stands. What the cohort holds and nothing installed can read is named in it.

    Example:

        mmcare spec new --cohort mmcare-demo/cohort
        mmcare spec new --cohort mmcare-demo/cohort --out first.yaml
    """
    from mmcare.cohort import read_cohort
    from mmcare.registry import discover
    from mmcare.spec import draft_spec

    text = draft_spec(summary_of(read_cohort(cohort)), discover(plugin or ()))
    if out is None:
        print(text, end="")
        return
    _write(out, text)
    print(out)
    tell(f"Next: mmcare train {out} --cohort {cohort}")


def _write(out: Path, text: str) -> None:
    from mmcare.errors import Finding, SpecError
    from mmcare.formats.atomic import write_text

    if out.exists():
        raise SpecError(Finding(file=out, what="exists; nothing was written.", todo="Give another `--out`."))
    write_text(out, text)


def summary_of(cohort: Cohort) -> CohortSummary:
    """What a first spec depends on."""
    from mmcare.spec import CohortModality, CohortSummary

    dictionary = cohort.dictionary
    return CohortSummary(
        path=cohort.root,
        arms=cohort.arms if dictionary.arms is not None else (),
        endpoints={name: entry.competing for name, entry in dictionary.endpoints.items()},
        modalities={
            name: CohortModality(frozenset(entry) - {"available_at"}, entry.get("available_at") == "after")
            for name, entry in dictionary.modalities.items()
        },
        predictors=tuple(
            name
            for name, column in dictionary.columns.items()
            if column.role in ("predictor", "genomic") and column.available_at == "decision"
        ),
    )
