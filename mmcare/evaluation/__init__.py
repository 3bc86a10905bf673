"""Metrics of survival predictions: arrays in, a frozen result with interval and number at risk out."""

from mmcare.evaluation.bootstrap import bootstrap_interval, resamples
from mmcare.evaluation.brier import Brier, brier
from mmcare.evaluation.calibration import (
    CalibrationPoint,
    GreenwoodNamDAgostino,
    calibration_points,
    greenwood_nam_dagostino,
    observed_over_expected,
)
from mmcare.evaluation.discrimination import Threshold, auc, threshold
from mmcare.evaluation.metrics import ALL_ARMS, Figure, Metrics, Point, Setting, evaluate_endpoint
from mmcare.evaluation.scored import Scored
from mmcare.evaluation.tables import table_rows

__all__ = [
    "ALL_ARMS",
    "Brier",
    "CalibrationPoint",
    "Figure",
    "GreenwoodNamDAgostino",
    "Metrics",
    "Point",
    "Scored",
    "Setting",
    "Threshold",
    "auc",
    "bootstrap_interval",
    "brier",
    "calibration_points",
    "evaluate_endpoint",
    "greenwood_nam_dagostino",
    "observed_over_expected",
    "resamples",
    "table_rows",
    "threshold",
]
