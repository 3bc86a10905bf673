"""Whether a spec and a cohort fit: modalities, arms, endpoints, and what is known only after the decision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmcare.cohort import Cohort
from mmcare.errors import Finding, Severity
from mmcare.spec import ResolvedPart, Spec

__all__ = ["check_match"]


def check_match(spec: Spec, cohort: Cohort) -> list[Finding]:
    """All that keeps a spec from being trained on a cohort, and what is worth a warning."""
    return [*_modalities(spec, cohort), *_arms(spec, cohort), *_endpoints(spec, cohort), *_after(spec, cohort)]


def _modalities(spec: Spec, cohort: Cohort) -> Iterator[Finding]:
    holds = cohort.dictionary.modalities
    for name, part in spec.modalities.items():
        key = _key(name, part)
        if part.entry.component.gives == "table":
            if not cohort.dictionary.columns:
                what = f"reads the patients' table, and the dictionary of {cohort.root} names no `columns`."
                yield _finding(spec, f"modalities.{name}", what, "Add `columns:` to cohort.yaml.")
        elif key not in holds and not part.config.optional:  # type: ignore[attr-defined]
            what = f"the cohort {cohort.root} holds no modality `{key}`; it holds: {', '.join(holds) or 'none'}."
            todo = "Take it out of the spec, mark it `optional: true`, or name the cohort's with `from:`."
            yield _finding(spec, f"modalities.{name}", what, todo, code="no-modality")


def _arms(spec: Spec, cohort: Cohort) -> Iterator[Finding]:
    """Arms that the spec asserts, and that the dictionary names or somebody received."""
    required = tuple(getattr(spec.requires, "arms", None) or ())
    given = [arm for arm in cohort.arms if cohort.n_received(arm)]
    missing = [arm for arm in required if arm not in given]
    if missing:
        what = f"asks for {', '.join(required)}; the patients of {cohort.root} received {', '.join(given) or 'none'}."
        yield _finding(spec, "requires.arms", what, "Change `requires`, or use another cohort.", code="arms")


def _endpoints(spec: Spec, cohort: Cohort) -> Iterator[Finding]:
    if not cohort.has_outcomes:
        what = f"{cohort.dictionary_file} names no `endpoints`: the cohort serves for predictions only."
        yield Finding(what=what, todo="Add `endpoints:` to train or evaluate.", code="no-endpoints")
        return
    part = spec.head or spec.baseline
    named = getattr(part.config, "endpoints", None) if part is not None else None
    for name in named or ():
        if part is not None and name not in cohort.dictionary.endpoints:
            has = ", ".join(cohort.dictionary.endpoints)
            yield _finding(
                spec, f"{part.path}.endpoints.{name}", f"the cohort has no such endpoint; it has: {has}.", ""
            )


def _after(spec: Spec, cohort: Cohort) -> Iterator[Finding]:
    """Inputs known only after the decision: refused where a choice between arms is predicted, else by name."""
    for name, part in spec.modalities.items():
        entry = cohort.dictionary.modalities.get(_key(name, part), {})
        if part.entry.component.gives == "table":
            yield from _after_columns(spec, cohort, name, part)
        elif entry.get("available_at") == "after":
            yield from _refused(spec, cohort, name, f"modalities.{name}", "is")


def _after_columns(spec: Spec, cohort: Cohort, name: str, part: ResolvedPart) -> Iterator[Finding]:
    """Columns of the table: read where the spec names them, left out where it names none."""
    after = [
        column
        for column, entry in cohort.dictionary.columns.items()
        if entry.available_at == "after" and entry.role in ("predictor", "genomic")
    ]
    named: Sequence[str] | None = getattr(part.config, "columns", None)
    if named is None:
        left_out = [column for column in after if column not in getattr(part.config, "exclude", ())]
        if left_out:
            yield _left_out(spec, cohort, name, left_out)
        return
    wrong = [f"`{column}`" for column in named if column in after]
    if wrong:
        yield from _refused(
            spec, cohort, name, f"modalities.{name}.columns", f"{', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'}"
        )


def _refused(spec: Spec, cohort: Cohort, name: str, key: str, who: str) -> Iterator[Finding]:
    what = f"{who} known only after the treatment decision (`available_at: after`)"
    if len(cohort.arms) > 1:
        what = f"{what}: no input where a choice between arms is predicted."
        yield _finding(spec, key, what, "Take it out of the spec.", code="after-decision")
    elif name not in spec.allow_after_decision:
        todo = f"For a one-arm prognosis, allow it by name: `allow_after_decision: [{name}]`."
        yield _finding(spec, key, f"{what}.", todo, code="after-decision")


def _left_out(spec: Spec, cohort: Cohort, name: str, columns: Sequence[str]) -> Finding:
    listed = ", ".join(columns)
    what = f"left out, since known only after the treatment decision (`available_at: after`): {listed}."
    todo = ""
    if len(cohort.arms) == 1:
        todo = f"For a one-arm prognosis, name the wanted in `columns` and write `allow_after_decision: [{name}]`."
    found = _finding(spec, f"modalities.{name}", what, todo, code="after-decision")
    return found.at(severity=Severity.NOTE)


def _key(name: str, part: ResolvedPart) -> str:
    return part.config.from_ or name  # type: ignore[attr-defined, no-any-return]


def _finding(spec: Spec, key: str, what: str, todo: str, code: str = "") -> Finding:
    return spec.locate(key, Finding(key=key, what=what, todo=todo, code=code, severity=Severity.ERROR))
