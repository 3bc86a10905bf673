"""`mmcare explain`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmcare.cli.options import AllowLocalCode
from mmcare.cli.progress import progress, tell
from mmcare.cli.show import aligned, print_wrapped, printable, show_findings

if TYPE_CHECKING:
    from mmcare.explain import Checks, ExplainConfig, Importance
    from mmcare.run import Run
    from mmcare.workflow.explain import Explained

__all__ = ["explain"]

_SHOWN = 5


def explain(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    cohort: Annotated[Path, typer.Option("--cohort", metavar="DIR", help="The cohort whose patients are explained.")],
    patient: Annotated[
        list[str] | None, typer.Option("--patient", metavar="ID", help="A patient; may be given several times.")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            metavar="KEY",
            help="Such as os@3:sbrt or os@3:surgery-sbrt, or `all`; by default those at the decision's horizon.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where to write; by default RUN-explained beside the run."),
    ] = None,
    background: Annotated[
        int, typer.Option("--background", min=1, help="Training patients that stand for what is not known.")
    ] = 16,
    rows: Annotated[
        int, typer.Option("--rows", min=64, help="Altered patients to compute for each patient's Shapley values.")
    ] = 4096,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the background patients and of the sampling.")] = 0,
    images: Annotated[
        bool | None,
        typer.Option("--images/--no-images", help="Maps of images as NIfTI; by default of patients that are named."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Hold the explanations against sanity checks, over 50 patients.")
    ] = False,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Explain predictions: what each feature adds, where in an image the model looked, what attends to what.

    Shapley values of features and modalities, for each endpoint and arm and for the difference between arms; Grad-CAM
    on the image's own grid; over a cohort mean |SHAP|, beeswarm and dependence plots. Without --patient all patients of
    the cohort are explained; a call that was stopped goes on where it was.

    --check asks whether explanations can be trusted: whether they vanish when the model's weights are shuffled, whether
    what they name moves the prediction first, whether saliency sits in the tumour, and on a synthetic cohort whether
    the model's features are those that stand in the hazards.

    Example:
        mmcare explain runs/demo-0001 --cohort mmcare-demo/cohort --patient SYN-00001
        mmcare explain runs/demo-0001 --cohort mmcare-demo/cohort --target os@3:sbrt
        mmcare explain runs/demo-0001 --cohort mmcare-demo/cohort --check
    """
    from mmcare.explain import ExplainConfig, parse_targets
    from mmcare.run import load_run
    from mmcare.workflow.explain import Wanted, explain_cohort

    loaded = load_run(run, allow_local_code=allow_local_code)
    where = out or run.with_name(f"{run.resolve().name}-explained")
    if check:
        config = ExplainConfig(background=background, rows=rows, seed=seed, saliency=images is not False)
        _check(loaded, cohort, patient, where, config)
        return
    maps = images if images is not None else bool(patient)
    config = ExplainConfig(background=background, rows=rows, seed=seed, saliency=maps)
    targets = parse_targets(target, loaded.outcomes) if target else None
    with progress() as advance:
        explained = explain_cohort(
            loaded,
            cohort,
            where,
            Wanted(patient, targets, maps=maps, config=config),
            progress=advance,
            tell_findings=show_findings,
        )
    if explained.reused:
        tell(f"{explained.reused} of {len(explained.patients)} explanations were there already")
    _print(explained)


def _check(run: Run, cohort: Path, patients: list[str] | None, out: Path, config: ExplainConfig) -> None:
    from mmcare.workflow.explain import check_run

    with progress() as advance:
        checks = check_run(run, cohort, out, patients, config, advance)
    print_wrapped(f"Explanations of {checks.patients} patients.")
    for sentence in _sentences(checks):
        print_wrapped(printable(sentence), "- ")
    print(f"\n{out / 'checks.json'}")


def _sentences(checks: Checks) -> Iterator[str]:
    names = {"shap": "Shapley values", "saliency": "Saliency"}
    for part in checks.randomised:
        yield (
            f"{names[part.what]} and those of the model with shuffled weights: mean |Spearman| "
            f"{part.mean_absolute:.2f} over {part.patients} patients; below 0.2 nothing is left of them."
        )
    if (walk := checks.faithfulness) is not None:
        yield (
            f"Taking features away in the order of |SHAP| moves the prediction by {walk.deletion:.4f} on average, in "
            f"random order by {walk.random_deletion:.4f}; putting them in, by {walk.insertion:.4f} and "
            f"{walk.random_insertion:.4f}."
        )
    for mass in checks.tumour:
        yield (
            f"{mass.target}: {mass.in_tumour:.0%} of the evidence {mass.evidence} it in {mass.modality} lies in the "
            f"tumour's mask, where an even map has {mass.even:.0%} ({mass.patients} patients)."
        )
    for found in checks.drivers:
        lost = [name for name in found.drivers if name not in found.found]
        yield (
            f"{found.target}: of the {len(found.drivers)} features that move the true probability, {len(found.found)} "
            f"are among as many first ones of their modality{'; not ' + ', '.join(lost) if lost else ''}."
        )


def _print(explained: Explained) -> None:
    if len(explained.patients) == 1:
        _print_patient(explained)
    else:
        _print_importance(explained.importance, len(explained.patients))
    print(f"\n{explained.out}")


def _print_patient(explained: Explained) -> None:
    """What moves each output most for one patient."""
    print(printable(explained.patients[0]))
    for key in dict.fromkeys(part.target.key for part in explained.values):
        parts = [part for part in explained.values if part.target.key == key]
        baseline, prediction = float(parts[0].baselines[0]), float(parts[0].predictions[0])
        print(
            f"\n{printable(key)}: {prediction:.3f}, where the training patients of the background have {baseline:.3f}"
        )
        rows = [
            (float(value), error, part.modality, feature, raw)
            for part in parts
            for feature, raw, value, error in zip(
                part.features, part.raw[0], part.values[0], part.standard_error[0], strict=True
            )
        ]
        rows.sort(key=lambda row: -abs(row[0]))
        shown = [
            (f"{value:+.4f}", f"± {error:.4f}", _named(modality, feature.name), _valued(raw, feature.unit))
            for value, error, modality, feature, raw in rows[: 2 * _SHOWN]
        ]
        rest = sum(row[0] for row in rows[2 * _SHOWN :])
        if rows[2 * _SHOWN :]:
            shown.append((f"{rest:+.4f}", "", f"{len(rows) - 2 * _SHOWN} others", ""))
        print(*(f"  {line}" for line in aligned(shown, "rrll")), sep="\n")


def _print_importance(rows: Sequence[Importance], patients: int) -> None:
    """The features of each modality that move each output most."""
    print_wrapped(f"Mean |SHAP| over {patients} patients: how far a feature moves the probability, up or down.")
    for key in dict.fromkeys(row.target.key for row in rows):
        print(f"\n{printable(key)}")
        shown = [("modality", "feature", "mean |SHAP|", "patients")]
        shown += [
            (printable(row.modality), printable(row.feature), f"{row.mean_absolute:.4f}", str(row.patients))
            for row in rows
            if row.target.key == key and row.rank <= _SHOWN
        ]
        print(*(f"  {line}" for line in aligned(shown, "llrr")), sep="\n")


def _named(modality: str, feature: str) -> str:
    return printable(feature if feature == modality else f"{modality}: {feature}")


def _valued(raw: float | str | None, unit: str) -> str:
    if raw is None:
        return "not measured"
    text = raw if isinstance(raw, str) else f"{raw:g}"
    return printable(f"{text} {unit}".strip())
