"""From a report's data to one HTML file that opens from disk and asks the network for nothing."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mmcare.report.data import ReportData
from mmcare.report.embed import json_in_html, policy
from mmcare.report.numbers import percent, sentence, signed, value
from mmcare.report.plain import typeset
from mmcare.report.tables import tables
from mmcare.report.words import kind_of, years

__all__ = ["asset", "environment", "render_report"]

_SCRIPTS = (
    "vendor/plot.js",
    "page/js/core.js",
    "page/js/course.js",
    "page/js/choice.js",
    "page/js/why.js",
    "page/js/calibration.js",
    "page/js/viewer.js",
    "page/js/start.js",
)


def render_report(data: ReportData) -> str:
    """The page; its data stand in it as JSON, in the element `report-data`."""
    scripts = tuple(asset(name) for name in _SCRIPTS)
    return (
        environment()
        .get_template("report.html")
        .render(
            report=data,
            policy=policy(scripts),
            style=Markup(asset("page/report.css")),  # noqa: S704 -- a file of our own
            scripts=[Markup(script) for script in scripts],  # noqa: S704 -- files of our own
            data=json_in_html(data.model_dump_json()),
            **tables(data),
        )
    )


@cache
def environment() -> Environment:
    """Templates that escape whatever is put into them, and stop at a name that is not given."""
    loader = PackageLoader("mmcare.report", "page")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"percent": percent, "years": years, "sentence": sentence, "value": value, "signed": signed}
    made.filters |= {"kind": kind_of, "typeset": typeset}
    return made


@cache
def asset(name: str) -> str:
    """The text of a file that is packed into pages, by its path in this room."""
    return files("mmcare.report").joinpath(*name.split("/")).read_text(encoding="utf-8")
