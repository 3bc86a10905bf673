"""A plugin whose parts wait, each at its place, until they are interrupted: reading, and scoring after training."""

import time
from pathlib import Path

import mmcare
from mmcare_clinical.mlp import MLP
from mmcare_clinical.plugin import MLPConfig, TableConfig
from mmcare_clinical.table import TableModality


def wait_here() -> None:
    Path("here").touch()
    time.sleep(240)


class ReadingConfig(TableConfig):
    """As the table's."""


@mmcare.component(kind="modality", name="waits-reading", gives="table", config=ReadingConfig)
class WaitsReading(TableModality):
    """Waits before its first patient, where the folder holds a file `wait`."""

    def read(self, source, patient):
        if Path("wait").exists():
            wait_here()
        return super().read(source, patient)


class FinishingConfig(MLPConfig):
    """As the MLP's."""


@mmcare.component(kind="encoder", name="waits-finishing", takes="table", config=FinishingConfig)
class WaitsFinishing(MLP):
    """Waits at its second batch in eval mode, where the folder holds `wait`: after one epoch's validation."""

    scored = 0

    def forward(self, batch):
        self.scored += not self.training
        if self.scored == 2 and Path("wait").exists():
            wait_here()
        return super().forward(batch)


@mmcare.component(kind="encoder", name="waits-training", takes="table", config=FinishingConfig)
class WaitsTraining(MLP):
    """Waits in its fourth training step, where the folder holds `wait`; a slow step takes no notice of a first Ctrl-C."""

    steps = 0

    def forward(self, batch):
        self.steps += self.training
        if self.steps == 4 and Path("wait").exists():
            wait_here()
        return super().forward(batch)
