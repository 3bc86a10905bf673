"""One page about one patient, as typed data and as one HTML file that opens offline."""

from mmcare.report.build import build_report
from mmcare.report.data import ReportData
from mmcare.report.render import render_report

__all__ = ["ReportData", "build_report", "render_report"]
