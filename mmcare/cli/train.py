"""`mmcare train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import AllowLocalCode, Overrides, PluginFiles
from mmcare.cli.progress import on_terminal, progress, tell
from mmcare.errors import MMCareError

if TYPE_CHECKING:
    from mmcare.run import Run

__all__ = ["train"]


def train(
    spec: Annotated[Path | None, typer.Argument(help="The spec; not with --resume.")] = None,
    cohort: Annotated[Path | None, typer.Option("--cohort", metavar="DIR", help="The cohort folder.")] = None,
    set_: Overrides = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="RUN", help="The run folder; by default the next runs/NAME-0001.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="RUN", help="Go on with an unfinished run.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Two batches through train, validate, save, load and predict.")
    ] = False,
    no_reference: Annotated[
        bool, typer.Option("--no-reference", help="Keep no inputs and outcomes of training patients in the run.")
    ] = False,
    plugin: PluginFiles = None,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Train a spec on a cohort.

    Writes a run folder: the resolved spec, the weights, the fitted preprocessing, the split. It is whole at the end;
    an unfinished one is gone on with by --resume, from its last finished epoch.

    Example:
        mmcare train examples/demo.yaml --cohort mmcare-demo/cohort
        mmcare train examples/demo.yaml --cohort mmcare-demo/cohort --set fusion.use=concat --set training.lr=3e-4
        mmcare train --resume runs/demo-0001
    """
    run = _resumed(resume, spec, allow_local_code) if resume is not None else None
    if run is None:
        run = _trained(spec, cohort, set_, out, dry_run, no_reference, plugin, allow_local_code)
    print(run.path)
    _say_what_next(run, dry_run)


def _resumed(resume: Path, spec: Path | None, allow_local_code: bool) -> Run:
    if spec is not None:
        raise MMCareError("`--resume` goes on with the run's own spec: leave the spec out.")
    from mmcare.workflow import Options
    from mmcare.workflow import resume as go_on

    with progress() as advance:
        options = Options(terminal=on_terminal(), tell=tell, progress=advance)
        return go_on(resume, options=options, allow_local_code=allow_local_code)


def _trained(
    spec: Path | None,
    cohort: Path | None,
    overrides: list[str] | None,
    out: Path | None,
    dry: bool,
    no_reference: bool,
    plugins: list[Path] | None,
    allow_local_code: bool,
) -> Run:
    if spec is None or cohort is None:
        missing = "a spec" if spec is None else "`--cohort DIR`"
        raise MMCareError(f"{missing} is missing: mmcare train SPEC --cohort DIR, or mmcare train --resume RUN.")
    tell("loading torch and the plugins…")
    from mmcare.workflow import Options, fit

    with progress() as advance:
        options = Options(
            out=out, dry=dry, reference=not no_reference, terminal=on_terminal(), tell=tell, progress=advance
        )
        return fit(
            spec,
            cohort,
            overrides=overrides or (),
            plugins=plugins or (),
            allow_local_code=allow_local_code,
            options=options,
        )


def _say_what_next(run: Run, dry: bool) -> None:
    manifest = run.manifest
    if manifest.kind == "network":
        tell(
            f"trained {manifest.epochs} epochs on {manifest.device} ({manifest.precision}); "
            f"weights of epoch {manifest.best_epoch + 1}."
        )
    if dry:
        tell("A dry run: two batches went through all of it. Its figures mean nothing.")
    tell(f"Next: mmcare evaluate {run.path}")
