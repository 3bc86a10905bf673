"""An encoder that breaks its contract in a batch is named, with what was expected, found, and whose rows they were."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmcare.components import (
    Batch,
    Encoder,
    Feature,
    OutcomeLayout,
    TableBatch,
    TableLayout,
    TokenLayout,
    Tokens,
)
from mmcare.errors import PluginError
from mmcare.model import Model
from mmcare.registry import EncoderConfig

LAYOUT = TableLayout(features=(Feature("age"), Feature("size"), Feature("fev1")))


class Says(Encoder[EncoderConfig]):
    """Hands over whatever it is told to."""

    def __init__(self, change: Callable[[Tokens], object]) -> None:
        super().__init__(EncoderConfig(), LAYOUT)
        self.dim, self.tokens = 4, TokenLayout(names=("age", "size", "fev1"))
        self.change = change

    def forward(self, batch: TableBatch) -> Tokens:
        tokens = Tokens(batch.values[..., None].expand(-1, -1, 4), batch.measured)
        return self.change(tokens)  # type: ignore[return-value]


def encode(change: Callable[[Tokens], object]) -> Tokens:
    """Three patients, of whom the first has no table."""
    values = torch.tensor([[1.0, 2.0, torch.nan], [4.0, 5.0, 6.0]])
    rows = TableBatch(rows=torch.tensor([1, 2]), values=values, measured=~values.isnan())
    present = torch.tensor([[False], [True], [True]])
    batch = Batch(modalities={"clinical": rows}, present=present, names=("clinical",), ids=("P1", "P2", "P3"))
    encoder = Says(change)
    model = Model({"clinical": encoder}, torch.nn.Identity(), [], OutcomeLayout((), ()))  # type: ignore[arg-type]
    return model.encode(batch)["clinical"]


def second(values: Tensor) -> Tensor:
    """A NaN in a real token of the batch's second row."""
    values = values.clone()
    values[1, 0, 2] = torch.nan
    return values


BROKEN: dict[str, tuple[Callable[[Tokens], object], str]] = {
    "not a number": (
        lambda t: Tokens(second(t.values), t.mask),
        "expected numbers, found NaN or infinity in real tokens of P3",
    ),
    "patients second": (
        lambda t: Tokens(t.values.transpose(0, 1), t.mask),
        "expected values (b, N, D) = (2, 3, 4), found (3, 2, 4)",
    ),
    "no mask": (lambda t: t.values, "expected `Tokens` (values and mask), found Tensor"),
    "mask of numbers": (
        lambda t: Tokens(t.values, t.mask.float()),
        "expected a mask (b, N) = (2, 3) of bool, found (2, 3) of float32",
    ),
    "mask of another shape": (
        lambda t: Tokens(t.values, t.mask[:, :2]),
        "expected a mask (b, N) = (2, 3) of bool, found (2, 2) of bool",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_encoder_that_breaks_its_contract_is_named(case: str) -> None:
    change, wrong = BROKEN[case]
    with pytest.raises(PluginError) as error:
        encode(change)
    assert str(error.value) == (
        f"modality clinical: the encoder {__name__}.Says breaks its contract: {wrong}. "
        "Patients of the batch: P1, P2, P3. "
        "Tell its authors; `mmcare plugin check NAME` shows what else the contract asks."
    )


def test_what_stands_behind_the_mask_is_nobodys_business() -> None:
    tokens = encode(lambda t: t)
    assert tokens.mask.tolist() == [[False] * 3, [True, True, False], [True] * 3]
    assert bool(tokens.values[1, 2].isnan().all())
