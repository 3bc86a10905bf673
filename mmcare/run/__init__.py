"""The run folder: open, check, read, write, predict; the seam of all verbs."""

from mmcare.run.begin import new_run_folder
from mmcare.run.folder import CohortRecord, RunFolder, open_run_folder
from mmcare.run.layouts import layouts_of, write_layouts
from mmcare.run.manifest import Manifest, PluginRecord
from mmcare.run.plugins import plugin_records
from mmcare.run.prediction import Prediction, PredictionRow
from mmcare.run.predictor import (
    BaselinePredictor,
    EnsemblePredictor,
    NetworkPredictor,
    Predictor,
    load_predictor,
    make_baseline,
)
from mmcare.run.run import Run, load_run
from mmcare.run.segmenter_run import SegmenterRun, load_segmenter_run, segmenter_key
from mmcare.run.starting import find_weights, read_starting, segmenters_of, with_starting_paths, write_starting
from mmcare.run.store import write_outcome_layout, write_record, write_splits

__all__ = [
    "BaselinePredictor",
    "CohortRecord",
    "EnsemblePredictor",
    "Manifest",
    "NetworkPredictor",
    "PluginRecord",
    "Prediction",
    "PredictionRow",
    "Predictor",
    "Run",
    "RunFolder",
    "SegmenterRun",
    "find_weights",
    "layouts_of",
    "load_predictor",
    "load_run",
    "load_segmenter_run",
    "make_baseline",
    "new_run_folder",
    "open_run_folder",
    "plugin_records",
    "read_starting",
    "segmenter_key",
    "segmenters_of",
    "with_starting_paths",
    "write_layouts",
    "write_outcome_layout",
    "write_record",
    "write_splits",
    "write_starting",
]
