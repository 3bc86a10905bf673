"""From batches to regression columns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcare.components import (
    Feature,
    GraphBatch,
    GraphLayout,
    Outcomes,
    TableLayout,
    TokensLayout,
    VolumeLayout,
)
from mmcare.errors import RunError, SpecError
from mmcare_baselines.columns import check_layouts, columns_of, informative

NO_EDGES = {"edges": np.zeros((2, 0), dtype=np.int64), "weights": np.zeros(0)}
LAYOUTS = {
    "clinical": TableLayout(features=(Feature("age", "years"), Feature("stage", levels=("IA", "IB", "II")))),
    "genomic": GraphLayout(nodes=("KRAS", "TP53", "EGFR"), channels=("mutation",), **NO_EDGES),
}


@pytest.fixture
def batch(make_batch):
    """Four patients; the second has no known stage, the last no genome, the third a smaller panel."""
    from mmcare.components import TableBatch

    clinical = TableBatch(
        rows=torch.arange(4),
        values=torch.tensor([[0.5, 0.0], [-1.0, 2.0], [0.25, 1.0], [2.0, 2.0]]),
        measured=torch.tensor([[True, True], [True, False], [True, True], [True, True]]),
    )
    genomic = GraphBatch(
        rows=torch.tensor([0, 1, 2]),
        values=torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])[..., None],
        measured=torch.tensor([[True, True, True], [True, True, True], [True, False, False]])[..., None],
    )
    return make_batch({"clinical": clinical, "genomic": genomic})


@pytest.fixture
def make_batch():
    from mmcare.components import Batch

    def make(modalities):
        present = torch.stack([torch.isin(torch.arange(4), m.rows) for m in modalities.values()], 1)
        outcomes = Outcomes(arm=torch.zeros(4).long(), time=torch.ones(4, 1).double(), event=torch.ones(4, 1).long())
        return Batch(
            modalities=modalities, present=present, names=tuple(modalities), ids=tuple("abcd"), outcomes=outcomes
        )

    return make


def test_numbers_levels_genes_and_what_was_not_measured(batch) -> None:
    found = columns_of(batch, LAYOUTS)
    columns = dict(zip(found.names, found.values.T.tolist(), strict=True))
    assert columns == {
        "clinical.age": [0.5, -1.0, 0.25, 2.0],
        "clinical.age not measured": [0, 0, 0, 0],
        "clinical.stage = IB": [0, 0, 1, 0],
        "clinical.stage = II": [0, 1, 0, 1],
        "clinical.stage not measured": [0, 1, 0, 0],
        "genomic.KRAS.mutation": [1, 0, 1, 0],
        "genomic.KRAS.mutation not measured": [0, 0, 0, 1],
        "genomic.TP53.mutation": [0, 1, 0, 0],
        "genomic.TP53.mutation not measured": [0, 0, 1, 1],
        "genomic.EGFR.mutation": [0, 0, 0, 0],
        "genomic.EGFR.mutation not measured": [0, 0, 1, 1],
    }


def test_constant_inputs_are_named_and_equal_columns_kept_once(batch) -> None:
    kept, constant = informative(columns_of(batch, LAYOUTS))
    assert kept == (
        "clinical.age",
        "clinical.stage = IB",
        "clinical.stage = II",
        "clinical.stage not measured",
        "genomic.KRAS.mutation",
        "genomic.KRAS.mutation not measured",
        "genomic.TP53.mutation not measured",
    )  # TP53 is mutated where the stage is not known
    assert constant == ("genomic.EGFR.mutation",)


def test_a_modality_that_nobody_has_gives_zeros(batch, make_batch) -> None:
    whole, without = columns_of(batch, LAYOUTS), make_batch({"clinical": batch.modalities["clinical"]})
    found = columns_of(without, LAYOUTS)
    assert found.names == whole.names
    assert found.choose(["genomic.KRAS.mutation"]).values.max() == 0
    assert found.choose(["genomic.KRAS.mutation not measured"]).values.min() == 1


def test_an_unmeasured_value_that_is_no_number_spoils_nothing(batch, make_batch) -> None:
    import dataclasses

    clinical = batch.modalities["clinical"]
    values = torch.where(clinical.measured, clinical.values, torch.nan)
    found = columns_of(make_batch({"clinical": dataclasses.replace(clinical, values=values)}), LAYOUTS)
    assert np.isfinite(found.values).all()


def test_columns_that_are_not_there_are_named(batch) -> None:
    with pytest.raises(RunError) as caught:
        columns_of(batch, LAYOUTS).choose(["clinical.age", "clinical.fev1"])
    assert str(caught.value) == (
        "the fitted columns clinical.fev1 are none of the inputs'. Restore the run's files from a copy, or train again."
    )


def test_modalities_that_are_no_table_and_no_graph_are_refused() -> None:
    volume, tokens = VolumeLayout(size=(4, 4, 4), spacing_mm=(1, 1, 1)), TokensLayout(names=("a",), dim=2)
    with pytest.raises(SpecError) as caught:
        check_layouts({**LAYOUTS, "ct": volume, "notes": tokens})
    said = (
        "`cox-ph` reads tables and gene graphs, and this is neither. "
        "Leave the modality out of this spec, or train a network on it."
    )
    assert str(caught.value) == f"modalities.ct: {said}\nmodalities.notes: {said}"
