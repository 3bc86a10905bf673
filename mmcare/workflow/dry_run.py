"""Two batches through everything: whether a spec trains on a cohort, before hours are spent on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from mmcare.cohort import Cohort, labelled_volumes, read_cohort
from mmcare.errors import Interrupted
from mmcare.run import Prediction, segmenter_key
from mmcare.spec import Spec, load_spec
from mmcare.workflow.begun import Begun
from mmcare.workflow.fit import make_run
from mmcare.workflow.options import Options
from mmcare.workflow.segmenter import make_segmenter_run

__all__ = ["dry_run"]

_PATIENTS = 2


def dry_run(
    spec: Spec | str | Path,
    cohort: Cohort | str | Path,
    *,
    overrides: Sequence[str] = (),
    plugins: Sequence[Path] = (),
    allow_local_code: bool = False,
    options: Options | None = None,
) -> Prediction | None:
    """Train two batches, validate, save, load, and predict for two patients; of a segmenter, locate in one volume.

    Its run stands in a temporary folder, whatever `options.out` says, and is gone at the end: nobody can take it for a
    real one.

    Args:
        spec: A spec, or its file.
        cohort: A cohort, or its folder.
        overrides: Changes to the spec's file.
        plugins: Single-file plugins; naming them here is the consent to run them.
        allow_local_code: Whether single-file plugins that the spec itself names may run.
        options: How the run is made.

    Returns:
        The prediction; its figures mean nothing. None of a segmenter.
    """
    options = options or Options()
    if not isinstance(spec, Spec):
        spec = load_spec(spec, overrides, plugins=plugins, allow_local_code=allow_local_code)
    with TemporaryDirectory(prefix="mmcare-dry-run-") as folder:
        options.tell(f"a dry run: its run stands in {folder} and is removed at the end")
        try:
            return _make_and_use(spec, cohort, replace(options, out=Path(folder) / "run"))
        except Interrupted:
            raise Interrupted("The dry run was stopped; it leaves nothing behind.") from None


def _make_and_use(spec: Spec, cohort: Cohort | str | Path, options: Options) -> Prediction | None:
    if spec.kind == "segmenter":
        _make_and_locate(spec, cohort, options)
        return None
    cohort = cohort if isinstance(cohort, Cohort) else read_cohort(cohort)
    run = make_run(spec, cohort, options, Begun(reference=options.reference, dry_run=True))
    inputs = run.inputs(cohort, cohort.patients[:_PATIENTS], with_outcomes=False, cache=options.cache)
    return run.predict_inputs(inputs)


def _make_and_locate(spec: Spec, cohort: Cohort | str | Path, options: Options) -> None:
    folder = cohort.root if isinstance(cohort, Cohort) else Path(cohort)
    volumes = labelled_volumes(folder, segmenter_key(spec))
    run = make_segmenter_run(spec, volumes, options, Begun(reference=False, dry_run=True))
    run.segmenter.locate(volumes.read(volumes.patients[0]))
