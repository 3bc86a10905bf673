"""Whole pieces of work in one call: fit, resume, evaluate; the command line and the Python API call these."""

from mmcare.workflow.cohort_match import check_match
from mmcare.workflow.evaluate import evaluate_run
from mmcare.workflow.fit import Options, fit, resume

__all__ = ["Options", "check_match", "evaluate_run", "fit", "resume"]
