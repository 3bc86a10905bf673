"""`mmcare cohort cache`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mmcare.cli.options import AllowLocalCode, Overrides, PluginFiles
from mmcare.cli.progress import progress, tell
from mmcare.cli.show import aligned, printable, show_findings
from mmcare.errors import Finding, MMCareError, Severity

if TYPE_CHECKING:
    from mmcare.cache import Cache
    from mmcare.workflow.cohort_cache import Filled

__all__ = ["cache"]

_MOST_SHOWN = 50


def cache(
    spec: Annotated[Path | None, typer.Argument(help="The spec whose samples to prepare.")] = None,
    cohort: Annotated[Path | None, typer.Option("--cohort", metavar="DIR", help="The cohort folder.")] = None,
    workers: Annotated[int, typer.Option("--workers", help="Processes; 0: as many as there are cores.")] = 0,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option("--engine", help="Processes of this machine, or the Ray cluster that RAY_ADDRESS names."),
    ] = "local",
    show: Annotated[bool, typer.Option("--show", help="Say where the cache is, its size and entries.")] = False,
    clear_older: Annotated[
        float | None,
        typer.Option("--clear-older", metavar="DAYS", min=0, help="Remove what was not used for so many days."),
    ] = None,
    set_: Overrides = None,
    plugin: PluginFiles = None,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Prepare a spec's samples of a cohort before training, into the cache; or look after the cache.

    The samples that are there are read and checked; a damaged one is said and prepared again. Run it again to go on
    after a stop; several may run at once. The cache serves all cohorts and specs; `MMCARE_CACHE` says where it is.
    Old entries are cleared first, and the cache is shown last. Ends with 0, or 1 where files cannot be used.

    Example:
        mmcare cohort cache examples/demo.yaml --cohort mmcare-demo/cohort --workers 2
        mmcare cohort cache examples/demo.yaml --cohort /shared/cohort --engine ray
        mmcare cohort cache --show
        mmcare cohort cache --clear-older 30
    """
    from mmcare.cache import Cache

    fill = spec is not None or cohort is not None
    if fill and (spec is None or cohort is None):
        missing = "a spec" if spec is None else "`--cohort DIR`"
        raise MMCareError(f"{missing} is missing: mmcare cohort cache SPEC --cohort DIR.")
    if not fill and not show and clear_older is None:
        raise MMCareError("nothing to do: name SPEC and `--cohort DIR`, or `--show`, or `--clear-older DAYS`.")
    if clear_older is not None:
        _clear(Cache(), clear_older)
    failed = False
    if spec is not None and cohort is not None:
        from mmcare.workflow.cohort_cache import CacheTask, Engine, fill_cache

        task = CacheTask(spec, cohort, tuple(set_ or ()), tuple(plugin or ()), allow_local_code)
        with progress() as advance:
            filled = fill_cache(task, workers, advance, Engine(engine))
        _show_filled(filled)
        failed = bool(filled.findings)
    if show:
        _show_cache(Cache())
    raise typer.Exit(1 if failed else 0)


def _clear(cache: Cache, days: float) -> None:
    from mmcare.formats.rows import counted

    gone = cache.clear_older(days)
    samples = f"{counted(gone.entries, 'prepared sample')} ({_megabytes(gone.entries_bytes)})"
    beside = f"{counted(gone.digests, 'digest')} of files and {counted(gone.abandoned, 'file')} of killed writers"
    tell(f"removed {samples}, {beside}")


def _show_filled(filled: Filled) -> None:
    from mmcare.inputs import Kept

    show_findings(Finding(what=said, severity=Severity.WARNING, code="damaged") for said in filled.damaged)
    show_findings(filled.findings[:_MOST_SHOWN])
    if len(filled.findings) > _MOST_SHOWN:
        tell(f"… and {len(filled.findings) - _MOST_SHOWN} more; `mmcare cohort check` lists all.")
    rows = [("modality", *map(str, Kept))]
    for name, counts in filled.counts.items():
        rows.append((printable(name), *(f"{counts.get(kept, 0):,}" for kept in Kept)))
    for line in aligned(rows, "l" + "r" * len(Kept)):
        print(line)


def _show_cache(cache: Cache) -> None:
    size = cache.size()
    print(cache.folder)
    rows = [
        ("prepared samples", f"{size.entries:,}", _megabytes(size.entries_bytes)),
        ("digests of files", f"{size.digests:,}", ""),
        ("of killed writers", f"{size.abandoned:,}", _megabytes(size.abandoned_bytes)),
    ]
    for line in aligned(rows, "lrr"):
        print(line)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
