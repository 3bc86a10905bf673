"""Metrics of survival predictions: arrays in, a frozen result with interval and number at risk out."""

from mmcare.evaluation.bootstrap import bootstrap_interval, resamples
from mmcare.evaluation.brier import Brier, brier
from mmcare.evaluation.calibration import CalibrationPoint, calibration_points, observed_over_expected
from mmcare.evaluation.calibration_slope import risk_slope
from mmcare.evaluation.comparison import Difference, concordance_difference
from mmcare.evaluation.definitions import DEFINITIONS, HEADLINE, definition
from mmcare.evaluation.discrimination import Threshold, auc, threshold
from mmcare.evaluation.evaluate import Setting, evaluate_endpoint
from mmcare.evaluation.goodness_of_fit import ChiSquare, EventCalibration, event_calibration, greenwood_nam_dagostino
from mmcare.evaluation.metrics import ALL_ARMS, Figure, Metrics, Point
from mmcare.evaluation.scored import Scored, expected_events
from mmcare.evaluation.segmentation import dice, hausdorff_95_mm
from mmcare.evaluation.segmentation_metrics import MaskFigures, SegmentationMetrics, Summary, summarise
from mmcare.evaluation.tables import ArmTable, Cell, Row, Tables, metric_tables

__all__ = [
    "ALL_ARMS",
    "DEFINITIONS",
    "HEADLINE",
    "ArmTable",
    "Brier",
    "CalibrationPoint",
    "Cell",
    "ChiSquare",
    "Difference",
    "EventCalibration",
    "Figure",
    "MaskFigures",
    "Metrics",
    "Point",
    "Row",
    "Scored",
    "SegmentationMetrics",
    "Setting",
    "Summary",
    "Tables",
    "Threshold",
    "auc",
    "bootstrap_interval",
    "brier",
    "calibration_points",
    "concordance_difference",
    "definition",
    "dice",
    "evaluate_endpoint",
    "event_calibration",
    "expected_events",
    "greenwood_nam_dagostino",
    "hausdorff_95_mm",
    "metric_tables",
    "observed_over_expected",
    "resamples",
    "risk_slope",
    "summarise",
    "threshold",
]
