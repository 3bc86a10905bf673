"""From a spec and a cohort to a finished run: behind `mmcare train`, `mmcare.fit` and the demo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmcare.cohort import Cohort, read_cohort
from mmcare.errors import Finding, Severity, SpecError
from mmcare.run import Run
from mmcare.spec import Spec, load_spec
from mmcare.training import choose_place
from mmcare.workflow.begun import Begun, begin
from mmcare.workflow.cohort_match import check_match
from mmcare.workflow.cohort_split import split_cohort
from mmcare.workflow.complete import complete
from mmcare.workflow.members import check_members
from mmcare.workflow.options import Options
from mmcare.workflow.settings_checks import check_settings

__all__ = ["fit", "make_run"]


def fit(
    spec: Spec | str | Path,
    cohort: Cohort | str | Path,
    *,
    overrides: Sequence[str] = (),
    plugins: Sequence[Path] = (),
    allow_local_code: bool = False,
    options: Options | None = None,
) -> Run:
    """Train what a spec describes on a cohort.

    Args:
        spec: A spec, or its file.
        cohort: A cohort, or its folder.
        overrides: Changes to the spec's file, such as `training.lr=3e-4`.
        plugins: Single-file plugins; naming them here is the consent to run them.
        allow_local_code: Whether single-file plugins that the spec itself names may run.
        options: How the run is made.

    Returns:
        The finished run, opened from its folder.

    Raises:
        SpecError: The spec is wrong, or does not fit the cohort or this machine.
        CohortError: The cohort is wrong.
        RunError: The run folder cannot be written, or training failed.
        Interrupted: Ctrl-C; names the command that goes on.

    Example:
        >>> import mmcare
        >>> run = mmcare.fit("examples/demo.yaml", cohort="demo/cohort")  # doctest: +SKIP
    """
    options = options or Options()
    if not isinstance(spec, Spec):
        spec = load_spec(spec, overrides, plugins=plugins, allow_local_code=allow_local_code)
    if spec.kind == "segmenter":
        what = f"the spec {spec.name} describes a segmenter."
        raise SpecError(Finding(what=what, todo="Use `mmcare.fit_segmenter`, or `mmcare train`."))
    cohort = cohort if isinstance(cohort, Cohort) else read_cohort(cohort)
    return make_run(spec, cohort, options, Begun(reference=options.reference, members=options.members))


def make_run(spec: Spec, cohort: Cohort, options: Options, begun: Begun) -> Run:
    """A new run of a spec on a cohort; all that can be refused is refused before its folder is made."""
    check_members(spec, options.members)
    _check_match(spec, cohort, options)
    splits, findings = split_cohort(spec, cohort)
    options.tell_findings(findings)
    options.tell_findings(check_settings(spec, list(splits.values()).count("training")))
    choose_place(spec.training)
    with begin(spec, cohort, splits, begun, options.out) as folder:
        return complete(folder, spec, cohort, begun, options)


def _check_match(spec: Spec, cohort: Cohort, options: Options) -> None:
    findings = check_match(spec, cohort)
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        raise SpecError(errors)
    options.tell_findings(findings)
