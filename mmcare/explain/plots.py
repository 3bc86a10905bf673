"""Beeswarm and dependence plots of a cohort's Shapley values, by shap's own drawing."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mmcare.explain.importance import FeatureValues, importance

__all__ = ["beeswarm", "dependence"]

_SHOWN = 15
Floats = npt.NDArray[np.float64]


def beeswarm(found: Sequence[FeatureValues], shown: int = _SHOWN) -> bytes:
    """A point a patient and feature, the features that move most on top; as PNG.

    Args:
        found: One target's figures of several modalities; only patients who have all of them are shown. Modalities that
            nobody has beside the others are left out, those of the fewest patients first.
        shown: How many features.
    """
    import shap
    from matplotlib.figure import Figure

    _quiet()
    found, patients = _together(found)
    rows = [[part.patients.index(p) for p in patients] for part in found]
    values = np.concatenate([part.values[of] for part, of in zip(found, rows, strict=True)], axis=1)
    data = np.concatenate([_numbers(part)[of] for part, of in zip(found, rows, strict=True)], axis=1)
    names = [_label(part, place) for part in found for place in range(len(part.features))]
    explanation = shap.Explanation(values, np.zeros(len(patients)), data, feature_names=names)
    figure = Figure(figsize=(8, 0.4 * min(shown, len(names)) + 1.5), layout="constrained")
    axis = figure.add_subplot()
    shap.plots.beeswarm(explanation, max_display=shown + 1, ax=axis, plot_size=None, show=False, color_bar=False)
    said = f"SHAP value for {found[0].target.key} (probability)\nred: the feature's value is high, blue: low"
    axis.set_xlabel(_plain(said))
    return _png(figure)


def dependence(found: FeatureValues, count: int = 4) -> bytes:
    """SHAP against the feature's own value, a panel for each of the features that move most; as PNG."""
    from matplotlib.figure import Figure

    best = [row.feature for row in importance(found)[:count]]
    names = [feature.name for feature in found.features]
    figure = Figure(figsize=(4 * len(best), 3.2), layout="constrained")
    for column, (axis, name) in enumerate(zip(figure.subplots(1, len(best), squeeze=False)[0], best, strict=True)):
        place = names.index(name)
        feature, data = found.features[place], _numbers(found)[:, place]
        texts = _texts(found, place)
        axis.axhline(0, color="0.7", linewidth=0.8)
        axis.plot(data, found.values[:, place], "o", markersize=3, alpha=0.6, color="#1f5f8b", markeredgewidth=0)
        axis.set_xlabel(_plain(f"{name} ({feature.unit})" if feature.unit else name))
        if texts:
            axis.set_xticks(range(len(texts)), [_plain(text) for text in texts], rotation=30, ha="right")
        if column == 0:
            axis.set_ylabel(_plain(f"SHAP for {found.target.key}"))
        axis.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def _together(found: Sequence[FeatureValues]) -> tuple[list[FeatureValues], list[str]]:
    """As many modalities as some patient has all of, and these patients."""
    parts = list(found)
    while True:
        patients = [p for p in parts[0].patients if all(p in part.patients for part in parts)]
        if patients:
            return parts, patients
        parts.remove(min(parts, key=lambda part: len(part.patients)))


def _label(part: FeatureValues, place: int) -> str:
    feature = part.features[place]
    name = feature.name if feature.name == part.modality else f"{part.modality}: {feature.name}"
    return _plain(name)


def _plain(text: str) -> str:
    """As it stands: between two dollar signs matplotlib reads mathematics."""
    return text.replace("$", r"\$")


def _numbers(part: FeatureValues) -> Floats:
    """(n, F), values to colour or place points by; of texts their place in the order of levels; NaN not measured."""
    columns = []
    for place in range(len(part.features)):
        cells = [row[place] for row in part.raw]
        texts = _texts(part, place)
        columns.append([_number(cell, texts) for cell in cells])
    return np.array(columns, dtype=np.float64).T.reshape(len(part.patients), len(part.features))


def _number(cell: float | str | None, texts: Sequence[str]) -> float:
    if cell is None:
        return float("nan")
    return float(texts.index(cell)) if isinstance(cell, str) else float(cell)


def _texts(part: FeatureValues, place: int) -> list[str]:
    """The texts of a feature in the order of its levels, others after them."""
    found = {row[place] for row in part.raw if isinstance(row[place], str)}
    levels = [level for level in part.features[place].levels if level in found]
    return [*levels, *sorted(str(text) for text in found if text not in levels)]


def _quiet() -> None:
    import matplotlib as mpl

    mpl.use("Agg", force=False)


def _png(figure) -> bytes:  # type: ignore[no-untyped-def]
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=150, metadata={"Software": None})
    return held.getvalue()
