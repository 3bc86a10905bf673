"""The run folder: open, check, read, write, predict; the seam of all verbs."""

from mmcare.run.begin import new_run_folder
from mmcare.run.folder import CohortRecord, RunFolder, open_run_folder
from mmcare.run.layouts import layouts_of, write_layouts
from mmcare.run.manifest import Manifest, PluginRecord
from mmcare.run.plugins import plugin_records
from mmcare.run.prediction import Prediction, PredictionRow
from mmcare.run.predictor import BaselinePredictor, NetworkPredictor, Predictor, load_predictor, make_baseline
from mmcare.run.run import Run, load_run, segmenters_of
from mmcare.run.store import write_outcome_layout, write_record, write_splits

__all__ = [
    "BaselinePredictor",
    "CohortRecord",
    "Manifest",
    "NetworkPredictor",
    "PluginRecord",
    "Prediction",
    "PredictionRow",
    "Predictor",
    "Run",
    "RunFolder",
    "layouts_of",
    "load_predictor",
    "load_run",
    "make_baseline",
    "new_run_folder",
    "open_run_folder",
    "plugin_records",
    "segmenters_of",
    "write_layouts",
    "write_outcome_layout",
    "write_record",
    "write_splits",
]
