"""MM-Care: multi-modal prognosis and treatment decision support in early-stage non-small-cell lung cancer.

The names here are imported when they are first used, so that `import mmcare` costs nothing:
`load_spec` reads a spec, `fit` trains it on a cohort, `load_run` opens a trained run, `fit_segmenter` and
`load_segmenter_run` do so for what finds tumours, `component` registers a class of a notebook as a component.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmcare.registry import component
    from mmcare.run import load_run, load_segmenter_run
    from mmcare.spec import load_spec
    from mmcare.workflow.fit import fit
    from mmcare.workflow.options import Options
    from mmcare.workflow.segmenter import fit_segmenter

    __version__: str

__all__ = [
    "Options",
    "__version__",
    "component",
    "fit",
    "fit_segmenter",
    "load_run",
    "load_segmenter_run",
    "load_spec",
]

_HOMES = {
    "Options": "mmcare.workflow.options",
    "component": "mmcare.registry",
    "fit": "mmcare.workflow.fit",
    "fit_segmenter": "mmcare.workflow.segmenter",
    "load_run": "mmcare.run",
    "load_segmenter_run": "mmcare.run",
    "load_spec": "mmcare.spec",
}


def __getattr__(name: str) -> object:
    import importlib

    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("mmcare")
    if name not in _HOMES:
        raise AttributeError(f"module 'mmcare' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
