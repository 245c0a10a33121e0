"""KernelSHAP: Shapley values as a weighted regression on coalitions.

Source: Lundberg and Lee, "A unified approach to interpreting model predictions", NeurIPS 2017, arXiv:1705.07874,
theorem 2; coalitions in pairs with their complement as in Covert and Lee, AISTATS 2021, arXiv:2012.01536.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.perturbation.coalitions import Coalitions
from nnvis_dash.types import Floats


def coalitions_for(n_regions: int, n_samples: int, seed: int) -> tuple[Coalitions, npt.NDArray[np.float64]]:
    """Return coalitions (M, R) and their weights (M,): nobody, all, and the others drawn, or all there are.

    Where there are no more coalitions than samples every one is taken with its exact weight; else pairs of a
    coalition and its complement are drawn by the kernel, so each counts the same.
    """
    if 2**n_regions <= n_samples:
        kept = (np.arange(2**n_regions)[:, None] >> np.arange(n_regions)) & 1 == 1
        sizes = kept.sum(axis=1)
        weights = np.array([_kernel(n_regions, int(size)) for size in sizes])
        return _ends_first(kept, weights)
    rng = np.random.default_rng([seed, n_regions])
    sizes = np.arange(1, n_regions)
    share = 1 / (sizes * (n_regions - sizes))
    n_pairs = max(1, (n_samples - 2) // 2)
    chosen = rng.choice(sizes, n_pairs, p=share / share.sum())
    half = rng.random((n_pairs, n_regions)).argsort(axis=1).argsort(axis=1) < chosen[:, None]
    kept = np.concatenate([np.zeros((1, n_regions), bool), np.ones((1, n_regions), bool), half, ~half])
    return kept, np.concatenate([[0.0, 0.0], np.ones(2 * n_pairs)])


def solve(coalitions: Coalitions, weights: npt.NDArray[np.float64], values: Floats) -> Floats:
    """Return the Shapley values (R,) that fit the scores best and add up to score(all) − score(nobody) exactly.

    Parameters
    ----------
    coalitions : (M, R) bool
        Nobody first, all second.
    weights : (M,) float
    values : (M,) float
        Scores of the coalitions.
    """
    nobody, everybody = float(values[0]), float(values[1])
    total = everybody - nobody
    x, y = coalitions[2:].astype(np.float64), values[2:].astype(np.float64) - nobody
    n_regions = x.shape[1]
    if n_regions == 1:
        return np.array([total], np.float32)
    # The last region's value is what the others leave, which takes the constraint out of the fit.
    left, right = x[:, :-1] - x[:, -1:], y - x[:, -1] * total
    root = np.sqrt(weights[2:])
    found, *_ = np.linalg.lstsq(left * root[:, None], right * root, rcond=None)
    return np.append(found, total - found.sum()).astype(np.float32)


def _kernel(n: int, size: int) -> float:
    """Return the Shapley kernel's weight of a coalition; nobody and all are the constraint."""
    return 0.0 if size in (0, n) else (n - 1) / (math.comb(n, size) * size * (n - size))


def _ends_first(kept: Coalitions, weights: npt.NDArray[np.float64]) -> tuple[Coalitions, npt.NDArray[np.float64]]:
    order = np.concatenate([[0, len(kept) - 1], np.arange(1, len(kept) - 1)])
    return kept[order], weights[order]
