"""The contracts between the parts: what a plugin author reads.

A patient's way: `Modality` -> `ModalityBatch` -> `Encoder` -> `Tokens` -> `Fusion` -> `Representation` -> `Head` ->
`Prognosis`. Shapes by fixed letters: B patients, b rows present, M modalities, N tokens, D width, P paths, A arms,
E endpoints, H horizons, K intervals, F features, V genes, C channels; time in years, space in mm, CT in HU.
"""

from mmcare.components.adapted import Adapted
from mmcare.components.arm_curves import LEAST_PERSONAL_EVENTS, ArmCurves, arm_curves, with_arm_curves
from mmcare.components.attention_map import AttentionMap
from mmcare.components.baseline import Baseline
from mmcare.components.batches import (
    Batch,
    GraphBatch,
    ModalityBatch,
    SequenceBatch,
    TableBatch,
    TokenBatch,
    VolumeBatch,
)
from mmcare.components.layouts import (
    Feature,
    GraphLayout,
    InputLayout,
    SequenceLayout,
    TableLayout,
    TokenLayout,
    TokensLayout,
    VolumeLayout,
)
from mmcare.components.modality import Absent, Modality
from mmcare.components.network import Encoder, Fusion, Head, Segmenter, Split, split_labels
from mmcare.components.outcomes import (
    CENSORED,
    COMPETING,
    EVENT,
    UNKNOWN_ARM,
    Endpoint,
    OutcomeLayout,
    Outcomes,
)
from mmcare.components.prognosis import EndpointPrognosis, Losses, Prognosis, Scores
from mmcare.components.recipe import CohortWriter, Counts, Recipe
from mmcare.components.record import JSON, Fitted, Prepared, Record, State
from mmcare.components.region import Mask, Region
from mmcare.components.source import Column, Source
from mmcare.components.tokens import Representation, Tokens, masked_mean

__all__ = [
    "CENSORED",
    "COMPETING",
    "EVENT",
    "JSON",
    "LEAST_PERSONAL_EVENTS",
    "UNKNOWN_ARM",
    "Absent",
    "Adapted",
    "ArmCurves",
    "AttentionMap",
    "Baseline",
    "Batch",
    "CohortWriter",
    "Column",
    "Counts",
    "Encoder",
    "Endpoint",
    "EndpointPrognosis",
    "Feature",
    "Fitted",
    "Fusion",
    "GraphBatch",
    "GraphLayout",
    "Head",
    "InputLayout",
    "Losses",
    "Mask",
    "Modality",
    "ModalityBatch",
    "OutcomeLayout",
    "Outcomes",
    "Prepared",
    "Prognosis",
    "Recipe",
    "Record",
    "Region",
    "Representation",
    "Scores",
    "Segmenter",
    "SequenceBatch",
    "SequenceLayout",
    "Source",
    "Split",
    "State",
    "TableBatch",
    "TableLayout",
    "TokenBatch",
    "TokenLayout",
    "Tokens",
    "TokensLayout",
    "VolumeBatch",
    "VolumeLayout",
    "arm_curves",
    "masked_mean",
    "split_labels",
    "with_arm_curves",
]
