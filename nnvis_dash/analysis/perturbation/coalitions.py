"""Which regions stay, again and again: random coalitions, drawn the same for every image of a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.perturbation.masked import Masks
from nnvis_dash.types import Ints

Coalitions = npt.NDArray[np.bool_]  # (M, R)


def drawn(n_regions: int, n_samples: int, seed: int) -> Coalitions:
    """Return coalitions in which each region is with probability 1/2; the first one has all."""
    found = np.random.default_rng([seed, n_regions]).random((n_samples, n_regions)) < 0.5
    found[0] = True
    return found


def growing(n_regions: int, n_orders: int, seed: int) -> tuple[Coalitions, npt.NDArray[np.int64]]:
    """Return coalitions that grow region by region, in random orders; every second order is the one before reversed.

    Returns
    -------
    coalitions : (n_orders * (R + 1), R) bool
        R + 1 for each order, from nobody to all.
    orders : (n_orders, R) int64
    """
    rng = np.random.default_rng([seed, n_regions])
    orders = np.empty((n_orders, n_regions), np.int64)
    for place in range(n_orders):
        orders[place] = orders[place - 1][::-1] if place % 2 else rng.permutation(n_regions)
    ranks = np.argsort(orders, axis=1)
    found = ranks[:, None, :] < np.arange(n_regions + 1)[None, :, None]
    return found.reshape(-1, n_regions), orders


def shown(coalitions: Sequence[Coalitions], numbers: Sequence[Ints], start: int, stop: int) -> Masks:
    """Return the masks (N, stop − start, H, W) bool of each image's own coalitions over its own regions."""
    return np.stack([kept[start:stop][:, of] for kept, of in zip(coalitions, numbers, strict=True)])
