"""An encoder in one file; use it with `mmcare train SPEC --cohort DIR --plugin my_encoder.py`."""

import torch
from pydantic import Field

import mmcare
from mmcare.components import Encoder, TokenLayout, Tokens
from mmcare.registry import EncoderConfig


class MyConfig(EncoderConfig):  # noqa: D101
    dim: int = Field(32, ge=1, description="Width of the token.")


@mmcare.component(kind="encoder", name="my-encoder", takes="table", config=MyConfig)
class MyEncoder(Encoder[MyConfig]):
    """One token for the table: a linear map of its values and of what was measured, and a tanh."""

    def __init__(self, config, layout):
        super().__init__(config, layout)
        self.dim, self.tokens = config.dim, TokenLayout.pooled("table")
        self.linear = torch.nn.Linear(2 * len(layout.features), config.dim)

    def forward(self, batch):  # noqa: D102
        cells = torch.cat([torch.where(batch.measured, batch.values, 0.0), batch.measured.float()], dim=1)
        return Tokens(self.linear(cells).tanh()[:, None], batch.measured.new_ones(len(batch), 1))
