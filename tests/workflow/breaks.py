"""A plugin whose encoders break: one gives too large numbers, one asks for more memory than there is."""

import torch

import mmcare
from mmcare.components import Tokens
from mmcare_clinical.mlp import MLP
from mmcare_clinical.plugin import MLPConfig


class BreaksConfig(MLPConfig):
    """As the MLP's."""


@mmcare.component(kind="encoder", name="too-large", takes="table", config=BreaksConfig)
class TooLarge(MLP):
    """Numbers so large that no sum of them is one."""

    def forward(self, batch):
        tokens = super().forward(batch)
        return Tokens(tokens.values.clamp(max=1) * 3e38, tokens.mask) if self.training else tokens


@mmcare.component(kind="encoder", name="needs-memory", takes="table", config=BreaksConfig)
class NeedsMemory(MLP):
    """A petabyte for a step."""

    def forward(self, batch):
        torch.empty(10**15, dtype=torch.uint8)
        return super().forward(batch)
