"""The page that lists the reports of a cohort, with search and filters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from markupsafe import Markup

from mmcare.cohort import Cohort
from mmcare.report.embed import policy
from mmcare.report.entry import Entry
from mmcare.report.render import asset, environment
from mmcare.run import Run

__all__ = ["render_index"]


def render_index(run: Run, cohort: Cohort, entries: Sequence[Entry]) -> str:
    """The index; it needs no script to be read, and one to be filtered."""
    script = asset("page/js/index.js")
    return (
        environment()
        .get_template("index.html")
        .render(
            policy=policy((script,)),
            style=Markup(asset("page/report.css")),  # noqa: S704 -- a file of our own
            script=Markup(script),  # noqa: S704 -- a file of our own
            run=run.path.name,
            cohort=cohort.root.name,
            made=datetime.now(UTC).date().isoformat(),
            version=version("mmcare"),
            entries=entries,
            leading=next((entry for entry in entries if entry.figures), None),
            advised=sorted({entry.advised for entry in entries if entry.advised}),
            splits=sorted({entry.split for entry in entries if entry.split}),
            absent=sorted({name for entry in entries for name in entry.absent}),
        )
    )
