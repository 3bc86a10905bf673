"""The exact Gaussian posterior of the latents given the items that are linear in them, and draws from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from mmcare.synthetic.items import Items, Modalities
from mmcare.synthetic.persons import Bools
from mmcare.synthetic.random import Floats

__all__ = ["DrawnLatents", "draw_posterior"]

# e = (z, K, noise of F, noise of A, noise of R), independent N(0, 1); rows: F, A, R
_Z = np.array([1.0, 0, 0, 0, 0])
_K = np.array([0, 1.0, 0, 0, 0])
_F = np.array([0.40, 0.25, 0.882, 0, 0])
_A = np.array([0, 0.25, 0, 0.968, 0])
_R = np.array([0, 0.075, 0, 0.29, 0.954])


@dataclass(frozen=True, slots=True)
class DrawnLatents:
    """Latents as they may be, given the linear items; (n, draws) each."""

    z: Floats
    smoking: Floats
    frailty: Floats
    aggressiveness: Floats
    radioresistance: Floats


def draw_posterior(items: Items, known: Modalities, e: Floats) -> DrawnLatents:
    """Draws given age, FEV1, DLCO, pack-years, size, solid share, spicules, texture, emphysema, as far as seen.

    z first: known by age, or cut off where age is cut, or as the other items leave it; the rest given z.

    Args:
        items: Of n patients.
        known: The modalities that are seen.
        e: (n, draws, 5) standard normal numbers, antithetic if the draws are to be.
    """
    precision, shift = _information(items, known)
    z = _draw_z(items, known, precision, shift, e[..., 0])
    rest = precision[:, 1:, 1:]
    towards = shift[:, None, 1:] - z[..., None] * precision[:, None, 1:, 0]
    factor = np.linalg.inv(np.linalg.cholesky(rest))
    mean = towards @ (factor.swapaxes(1, 2) @ factor)
    drawn = np.concatenate([z[..., None], mean + e[..., 1:] @ factor], axis=-1)
    return DrawnLatents(z, drawn[..., 1], drawn @ _F, drawn @ _A, drawn @ _R)


def _information(items: Items, known: Modalities) -> tuple[Floats, Floats]:
    """Precision (n, 5, 5) and precision times mean (n, 5) of e, without age."""
    n = len(items)
    precision, shift = np.tile(np.eye(5), (n, 1, 1)), np.zeros((n, 5))
    for weights, sd, value, seen in _linear_items(items, known):
        of = np.where(seen, 1 / sd**2, 0.0)
        precision += of[:, None, None] * np.outer(weights, weights)
        shift += (of * np.where(seen, value, 0.0))[:, None] * weights
    return precision, shift


def _linear_items(items: Items, known: Modalities) -> list[tuple[Floats, float, Floats, Bools]]:
    """Weights of e, SD of the noise, value less its constant, whether it is seen."""
    c, m, every = items.clinical, items.measured, np.ones(len(items), dtype=bool)
    table, image = Modalities.CLINICAL in known, Modalities.CT in known
    found = []
    if table:
        pack_years = np.log(np.where(c.never_smoked, 33.0, c.pack_years) / 33)
        found += [
            (-9 * _F - 7 * _K, 14.0, c.fev1 - 82, m.fev1),
            (-9 * _F - 8 * _K, 13.0, c.dlco - 75, m.dlco),
            (0.45 * _K, 0.5, pack_years, ~c.never_smoked),
        ]
    if table or image:
        found.append((0.17 * _A, 0.335, items.log_mm, items.size_cut == 0))
    if image:
        found += [
            (0.10 * _K + 0.55 * _A, 0.80, items.core, ~np.isnan(items.core)),
            (0.15 * _K + 0.45 * _A, 0.86, items.spicules, every),
            (0.20 * _A + 0.60 * _R, 0.75, items.texture, every),
            (0.60 * _K + 0.35 * _F, 0.62, items.ct.emphysema_score, every),
        ]
    return found


def _draw_z(items: Items, known: Modalities, precision: Floats, shift: Floats, e: Floats) -> Floats:
    covariance = np.linalg.inv(precision)
    mean = np.einsum("nj,nj->n", covariance[:, 0], shift)[:, None]
    sd = np.sqrt(covariance[:, 0, 0])[:, None]
    if Modalities.CLINICAL not in known:
        return np.asarray(mean + sd * e)
    # the share of the normal curve that is left where age is cut
    at = ndtr((items.z[:, None] - mean) / sd)
    cut = items.age_cut[:, None]
    u = ndtr(e)
    u = np.where(cut > 0, at + (1 - at) * u, at * u)
    return np.where(cut == 0, items.z[:, None], mean + sd * ndtri(np.clip(u, 1e-15, 1 - 1e-15)))
