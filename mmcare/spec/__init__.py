"""The YAML spec: read, laid over its bases, checked in one pass, resolved into parts. Knows no torch."""

from mmcare.spec.document import SpecDocument
from mmcare.spec.draft import CohortModality, CohortSummary, draft_spec
from mmcare.spec.layers import COMMAND_LINE, Layered, Origin, read_layers
from mmcare.spec.load import check_spec, load_spec
from mmcare.spec.schema import json_schema
from mmcare.spec.settings import DecisionConfig, EarlyStopping, Requires, SplitConfig, TrainingConfig
from mmcare.spec.spec import ResolvedPart, Spec, SpecKind, to_yaml

__all__ = [
    "COMMAND_LINE",
    "CohortModality",
    "CohortSummary",
    "DecisionConfig",
    "EarlyStopping",
    "Layered",
    "Origin",
    "Requires",
    "ResolvedPart",
    "Spec",
    "SpecDocument",
    "SpecKind",
    "SplitConfig",
    "TrainingConfig",
    "check_spec",
    "draft_spec",
    "json_schema",
    "load_spec",
    "read_layers",
    "to_yaml",
]
