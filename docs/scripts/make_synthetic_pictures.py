"""Make the picture of a dozen synthetic patients: the first twelve of seed 0, chosen by nobody.

python docs/scripts/make_synthetic_pictures.py
"""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib import colormaps, figure
from PIL import Image

from mmcare.synthetic import Draw, draw
from mmcare.synthetic.ct import RenderedCT
from mmcare.synthetic.scene import render_scene

OUT = Path(__file__).parents[1] / "images" / "synthetic-patients.png"
ROWS, COLUMNS, SEED, SIZE = 3, 4, 0, 96
WINDOW = (-1100, 250)
NOISE = {0: "45 HU, 1 mm", 1: "30 HU, 1.5 mm", 2: "18 HU, 2.5 mm", 3: "12 HU, 3 mm"}


def main() -> None:
    drawn = draw("heterogeneous", ROWS * COLUMNS, SEED)
    sheet = figure.Figure(figsize=(8, 6.9), dpi=100)
    for i, axes in enumerate(sheet.subplots(ROWS, COLUMNS).ravel()):
        site = int(drawn.latents.site[i])
        show(axes, render_scene(drawn.ct, drawn.sites, site, SEED, i, SIZE), caption(drawn, i))
    sheet.subplots_adjust(left=0.005, right=0.995, bottom=0.005, top=0.935, wspace=0.03, hspace=0.2)
    OUT.parent.mkdir(exist_ok=True)
    drawn_sheet = io.BytesIO()
    sheet.savefig(drawn_sheet)
    Image.open(drawn_sheet).convert("RGB").quantize(48, dither=Image.Dither.NONE).save(OUT, optimize=True)


def show(axes, ct: RenderedCT, text: str) -> None:
    """The axial slice that holds most of the mask, and the mask's outline."""
    k = int(ct.mask.sum((0, 1)).argmax())
    axes.imshow(ct.hu[:, :, k].T, cmap=colormaps["gray"], vmin=WINDOW[0], vmax=WINDOW[1], origin="lower")
    axes.contour(ct.mask[:, :, k].T, levels=[0.5], colors="#e07a5f", linewidths=0.6)
    axes.set_title(text, fontsize=7, pad=3)
    axes.axis("off")


def caption(drawn: Draw, i: int) -> str:
    ct = drawn.ct
    seen = f"{ct.diameter_mm[i]:.0f} mm, solid {ct.solid[i]:.2f}, spicules {ct.spiculation[i]:.2f}"
    more = f"texture {ct.heterogeneity[i]:.2f}, emphysema {ct.emphysema[i]:.2f}"
    return f"{seen}\n{more}\n{NOISE[int(drawn.latents.site[i]) % 4]}"


if __name__ == "__main__":
    main()
