"""`mmcare train`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import AllowLocalCode, Overrides, PluginFiles
from mmcare.cli.progress import Progress, on_terminal, progress, tell
from mmcare.cli.show import show_findings
from mmcare.errors import MMCareError

if TYPE_CHECKING:
    from mmcare.run import Run, SegmenterRun
    from mmcare.workflow.options import Options

__all__ = ["train"]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What stands on the command line."""

    spec: Path | None
    cohort: Path | None
    overrides: list[str]
    out: Path | None
    resume: Path | None
    dry: bool
    reference: bool
    ensemble: int
    plugins: list[Path]
    allow_local_code: bool


def train(
    spec: Annotated[Path | None, typer.Argument(help="The spec; with --resume, it is compared with the run's.")] = None,
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
    ensemble: Annotated[
        int, typer.Option("--ensemble", metavar="N", min=1, help="Networks, alike but for their seeds, averaged.")
    ] = 1,
    plugin: PluginFiles = None,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Train a spec on a cohort.

    Writes a run folder: the resolved spec, the weights, the fitted preprocessing, the split. It is whole at the end;
    an unfinished one is gone on with by --resume, from its last finished epoch. Ctrl-C finishes the step and prints
    the command that goes on; a second one stops at once. A dry run leaves nothing behind. The networks of an ensemble
    share split, preprocessing and grid, and their probabilities are averaged; how far they differ is no interval.

    The specs of the example stand in the source tree; `mmcare spec new` writes one for any cohort.

    Example:
        mmcare train examples/demo.yaml --cohort mmcare-demo/cohort
        mmcare train examples/demo.yaml --cohort mmcare-demo/cohort --set fusion.use=concat --set training.lr=3e-4
        mmcare train examples/demo.yaml --cohort mmcare-demo/cohort --dry-run
        mmcare train examples/demo.yaml --cohort mmcare-demo/cohort --ensemble 5
        mmcare train --resume runs/demo-0001
    """
    reference = not no_reference
    asked = _Asked(spec, cohort, set_ or [], out, resume, dry_run, reference, ensemble, plugin or [], allow_local_code)
    _refuse_contradictions(asked)
    tell("loading torch and the plugins")
    with progress() as advance:
        if dry_run:
            _dry(asked, advance)
            return
        run = _real(asked, advance)
    print(run.path)
    _say_what_next(run)


def _refuse_contradictions(asked: _Asked) -> None:
    if asked.resume is None:
        if asked.spec is None or asked.cohort is None:
            missing = "a spec" if asked.spec is None else "`--cohort DIR`"
            raise MMCareError(f"{missing} is missing: mmcare train SPEC --cohort DIR, or mmcare train --resume RUN.")
        if asked.dry and asked.out is not None:
            raise MMCareError("a dry run leaves nothing behind: leave `--out` or `--dry-run` out.")
        return
    flags = {"--out": asked.out is not None, "--dry-run": asked.dry, "--no-reference": not asked.reference}
    flags["--ensemble"] = asked.ensemble != 1
    flags["--plugin"] = bool(asked.plugins) and asked.spec is None and not asked.overrides  # nothing would read it
    for flag, given in flags.items():
        if given:
            raise MMCareError(f"`--resume` goes on with a run as it was begun: leave `{flag}` out.")


def _real(asked: _Asked, advance: Progress) -> Run | SegmenterRun:
    from mmcare.spec import load_spec
    from mmcare.workflow.fit import fit
    from mmcare.workflow.resume import resume as go_on
    from mmcare.workflow.segmenter import fit_segmenter

    if asked.resume is not None:
        return go_on(
            asked.resume,
            spec=asked.spec,
            cohort=asked.cohort,
            overrides=asked.overrides,
            plugins=asked.plugins,
            allow_local_code=asked.allow_local_code,
            options=_options(asked, advance),
        )
    assert asked.spec is not None and asked.cohort is not None, "contradictions are refused"
    spec = load_spec(asked.spec, asked.overrides, plugins=asked.plugins, allow_local_code=asked.allow_local_code)
    make = fit_segmenter if spec.kind == "segmenter" else fit
    return make(spec, asked.cohort, options=_options(asked, advance))


def _dry(asked: _Asked, advance: Progress) -> None:
    from mmcare.workflow.dry_run import dry_run

    assert asked.spec is not None and asked.cohort is not None, "contradictions are refused"
    dry_run(
        asked.spec,
        asked.cohort,
        overrides=asked.overrides,
        plugins=asked.plugins,
        allow_local_code=asked.allow_local_code,
        options=_options(asked, advance),
    )
    tell("Two batches went through training, validation, saving, loading and prediction. The dry run is removed.")


def _options(asked: _Asked, advance: Progress) -> Options:
    from mmcare.workflow.options import Options

    return Options(
        out=asked.out,
        reference=asked.reference,
        members=asked.ensemble,
        tell=tell,
        tell_findings=show_findings,
        progress=advance,
        epoch_progress=advance if on_terminal() else None,
    )


def _say_what_next(run: Run | SegmenterRun) -> None:
    manifest = run.manifest
    if manifest.kind != "baseline":
        tell(
            f"trained {manifest.counted_epochs} on {manifest.device} ({manifest.precision}); "
            f"weights of epoch {manifest.best_epoch + 1}."
        )
    tell(f"Next: mmcare evaluate {run.path}")
