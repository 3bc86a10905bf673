"""Estimators of survival data: one estimand each; events come before censorings of the same time."""

from mmcare.survival.aalen_johansen import aalen_johansen
from mmcare.survival.breslow import CalibrationSlope, breslow_baseline, calibration_slope
from mmcare.survival.censoring import CensoringWeights, LandmarkLabels, censoring_weights, landmark_labels
from mmcare.survival.censoring_cox import CensoringCox, censoring_cox
from mmcare.survival.concordance import Concordance, harrell_concordance, uno_concordance
from mmcare.survival.discrete_curves import discrete_expected_events, discrete_hazards, discrete_incidence
from mmcare.survival.discrete_time import DEFAULT_EDGES, InterceptOnly, IntervalGrid, Located, intercept_only
from mmcare.survival.kaplan_meier import Band, KaplanMeier, kaplan_meier, nelson_aalen, reverse_kaplan_meier
from mmcare.survival.risk_table import RiskTable, risk_table
from mmcare.survival.step_curve import StepCurve

__all__ = [
    "DEFAULT_EDGES",
    "Band",
    "CalibrationSlope",
    "CensoringCox",
    "CensoringWeights",
    "Concordance",
    "InterceptOnly",
    "IntervalGrid",
    "KaplanMeier",
    "LandmarkLabels",
    "Located",
    "RiskTable",
    "StepCurve",
    "aalen_johansen",
    "breslow_baseline",
    "calibration_slope",
    "censoring_cox",
    "censoring_weights",
    "discrete_expected_events",
    "discrete_hazards",
    "discrete_incidence",
    "harrell_concordance",
    "intercept_only",
    "kaplan_meier",
    "landmark_labels",
    "nelson_aalen",
    "reverse_kaplan_meier",
    "risk_table",
    "uno_concordance",
]
