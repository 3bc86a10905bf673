"""From a report's data to one HTML file that opens from disk and asks the network for nothing."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mmcare.report.data import ReportData
from mmcare.report.embed import json_in_html, policy
from mmcare.report.numbers import percent, sentence, value
from mmcare.report.tables import tables
from mmcare.report.words import years

__all__ = ["render_report"]

_SCRIPTS = ("plot.js", "report.js")


def render_report(data: ReportData) -> str:
    """The page; its data stand in it as JSON, in the element `report-data`."""
    scripts = tuple(_asset(name) for name in _SCRIPTS)
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=data,
            **tables(data),
            policy=policy(scripts),
            style=Markup(_asset("report.css")),  # noqa: S704 -- a file of our own
            scripts=[Markup(script) for script in scripts],  # noqa: S704 -- files of our own
            data=json_in_html(data.model_dump_json()),
        )
    )


@cache
def _environment() -> Environment:
    loader = PackageLoader("mmcare.report", "page")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "years": years, "sentence": sentence, "value": value}
    return environment


@cache
def _asset(name: str) -> str:
    return (files("mmcare.report") / "page" / name).read_text(encoding="utf-8")
