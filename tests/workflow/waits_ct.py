"""A CT modality that waits before its fourth patient while the folder holds a file `wait`."""

import time
from pathlib import Path

import mmcare
from mmcare_imaging.ct import CT
from mmcare_imaging.plugin import CTConfig


class WaitsConfig(CTConfig):
    """As the CT's."""


@mmcare.component(kind="modality", name="waits-ct", gives="volume", config=WaitsConfig)
class WaitsCT(CT):
    """Waits before its fourth patient."""

    begun = 0

    def read(self, source, patient):
        self.begun += 1
        if self.begun == 4:
            Path("here").touch()
            while Path("wait").exists():
                time.sleep(0.01)
        return super().read(source, patient)
