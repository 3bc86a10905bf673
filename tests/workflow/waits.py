"""A plugin whose parts wait, each at its place, while the folder holds a file `wait`."""

import time
from pathlib import Path

import mmcare
from mmcare_clinical.mlp import MLP
from mmcare_clinical.plugin import MLPConfig, TableConfig
from mmcare_clinical.table import TableModality


def wait_here() -> None:
    Path("here").touch()
    while Path("wait").exists():
        time.sleep(0.01)


class ReadingConfig(TableConfig):
    """As the table's."""


@mmcare.component(kind="modality", name="waits-reading", gives="table", config=ReadingConfig)
class WaitsReading(TableModality):
    """Waits before each patient."""

    def read(self, source, patient):
        wait_here()
        return super().read(source, patient)


class WaitsConfig(MLPConfig):
    """As the MLP's."""


@mmcare.component(kind="encoder", name="waits-training", takes="table", config=WaitsConfig)
class WaitsTraining(MLP):
    """Waits in its fourth training step."""

    steps = 0

    def forward(self, batch):
        self.steps += self.training
        if self.training and self.steps == 4:
            wait_here()
        return super().forward(batch)


@mmcare.component(kind="encoder", name="waits-finishing", takes="table", config=WaitsConfig)
class WaitsFinishing(MLP):
    """Waits at its second batch in eval mode: after one epoch's validation."""

    scored = 0

    def forward(self, batch):
        self.scored += not self.training
        if not self.training and self.scored == 2:
            wait_here()
        return super().forward(batch)
