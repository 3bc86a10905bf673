"""Whole pieces of work in one call: fit, resume, evaluate; the command line and the Python API call these."""

from mmcare.workflow.cohort_match import check_match
from mmcare.workflow.dry_run import dry_run
from mmcare.workflow.evaluate import evaluate_run
from mmcare.workflow.evaluate_segmenter import evaluate_segmenter
from mmcare.workflow.fit import fit
from mmcare.workflow.options import Options
from mmcare.workflow.resume import resume
from mmcare.workflow.segmenter import fit_segmenter

__all__ = [
    "Options",
    "check_match",
    "dry_run",
    "evaluate_run",
    "evaluate_segmenter",
    "fit",
    "fit_segmenter",
    "resume",
]
