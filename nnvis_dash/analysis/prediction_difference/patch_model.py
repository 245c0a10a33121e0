"""What small patches of a dataset look like: a multivariate normal distribution, and what it says of hidden pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Images

if TYPE_CHECKING:
    from nnvis_dash.workspace.artifacts import Artifact

N_PATCHES = 20_000  # at least
MIN_IMAGES = 10
_RIDGE = 1e-5  # of the mean variance, added to every pixel's: patches may be linearly dependent
_SMALLEST = 1e-2  # squared grey levels, added as well: pixels may be constant


@dataclass(frozen=True, eq=False)
class PatchModel:
    """A normal distribution over l × l patches.

    Attributes
    ----------
    mean : (l, l, C) float32
        In raw pixels, 0..255.
    cholesky : (G, D, D) float64
        Lower factors of the covariance: one (G = 1, D = l·l·C) over all channels, or one a channel (G = C, D = l·l).
    low, high : float
        The dataset's range of pixels.
    n_patches, n_images : int
        That it was fitted on.
    """

    mean: Floats
    cholesky: npt.NDArray[np.float64]
    low: float
    high: float
    n_patches: int
    n_images: int

    @property
    def outer(self) -> int:
        """l."""
        return int(self.mean.shape[0])

    @property
    def per_channel(self) -> bool:
        """Whether channels are taken for independent, as the published code does."""
        return len(self.cholesky) == self.mean.shape[2] > 1

    @classmethod
    def fit(
        cls, images: Images, outer: int, per_channel: bool = False, n_patches: int = N_PATCHES, seed: int = 0
    ) -> PatchModel:
        """Fit the distribution on patches from everywhere in the images.

        Parameters
        ----------
        images : (N, h, w, C) array of raw pixels
        outer : int
            l, in pixels.
        per_channel : bool
        n_patches : int
            At least; more where the patches have many pixels.
        seed : int
            Of which patches are taken.

        Raises
        ------
        ParameterError
            A patch that is larger than the images, or too few images.
        """
        n, height, width, channels = images.shape
        if not 2 <= outer <= min(height, width):
            raise ParameterError(
                f"The outer window has {outer} pixels, the images {width} × {height}",
                f"Give 2 to {min(height, width)} pixels.",
            )
        size = outer * outer * (1 if per_channel else channels)
        places = n * (height - outer + 1) * (width - outer + 1)
        if n < MIN_IMAGES or places < 2 * size:
            raise ParameterError(
                f"There are {n} images to learn patches from, with {places} patches of {outer} × {outer} pixels",
                f"Give {max(MIN_IMAGES, -(-2 * size * n // max(places, 1)))} images or more, a smaller outer window, "
                'or the sampler "marginal".',
            )
        rng = np.random.default_rng([seed, outer])
        n_patches = max(n_patches, 10 * size)
        mean = np.zeros((outer, outer, channels))
        group = channels if per_channel else 1
        square = np.zeros((group, size, size))
        low, high = np.inf, -np.inf
        for start in range(0, n_patches, 4096):  # bounded memory; shifted by the mean of the first, for precision
            m = min(4096, n_patches - start)
            which, top, left = (rng.integers(0, end, m) for end in (n, height - outer + 1, width - outer + 1))
            offset = np.arange(outer)
            rows, columns = (top[:, None] + offset)[:, :, None], (left[:, None] + offset)[:, None, :]
            patches = np.asarray(images[which[:, None, None], rows, columns], np.float64)
            low, high = min(low, patches.min()), max(high, patches.max())
            if start == 0:
                shift = patches.mean(axis=0)
            patches -= shift
            mean += patches.sum(axis=0)
            flat = grouped(patches, per_channel)
            square += flat.transpose(0, 2, 1) @ flat
        mean /= n_patches
        flat_mean = grouped(mean[None], per_channel)
        covariance = square / n_patches - flat_mean.transpose(0, 2, 1) @ flat_mean
        variance = np.trace(covariance, axis1=1, axis2=2)[:, None, None] / size
        covariance += (_RIDGE * variance + _SMALLEST) * np.eye(size)
        return cls(
            (mean + shift).astype(np.float32), np.linalg.cholesky(covariance), float(low), float(high), n_patches, n
        )

    def given(self, hidden: npt.NDArray[np.bool_], wanted: npt.NDArray[np.bool_] | None = None) -> Conditional:
        """Return how hidden pixels of a patch depend on the others.

        Parameters
        ----------
        hidden : (l, l) bool
        wanted : (l, l) bool, optional
            Some of the hidden ones; all by default.
        """
        masks = (np.ascontiguousarray(mask, bool).tobytes() for mask in (hidden, hidden if wanted is None else wanted))
        return _conditional(self, *masks)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what `from_artifact` needs, as arrays."""
        return {"mean": self.mean, "cholesky": self.cholesky}

    def card(self) -> dict[str, Any]:
        """Return what `from_artifact` needs besides."""
        return {"low": self.low, "high": self.high, "n_patches": self.n_patches, "n_images": self.n_images}

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> PatchModel:
        """Read what `arrays` and `card` gave."""
        card: Mapping[str, Any] = artifact.card
        mean, cholesky = (np.asarray(artifact.array(name)) for name in ("mean", "cholesky"))
        return cls(mean, cholesky, card["low"], card["high"], card["n_patches"], card["n_images"])


@dataclass(frozen=True, eq=False)
class Conditional:
    """Hidden pixels given the known ones: normal with mean m + B (x − m_others) and covariance L Lᵀ.

    Attributes
    ----------
    hidden, others : int arrays
        Places in a flat group.
    weights : (G, hidden, others) float32
        B.
    spread : (G, hidden, hidden) float32
        L, lower.
    """

    hidden: npt.NDArray[np.int64]
    others: npt.NDArray[np.int64]
    weights: Floats
    spread: Floats


@lru_cache(maxsize=96)
def _conditional(model: PatchModel, hidden: bytes, wanted: bytes) -> Conditional:
    import scipy.linalg

    by_channel = 1 if model.per_channel else model.mean.shape[2]
    outside, inside = (
        np.flatnonzero(np.repeat(mask, by_channel))
        for mask in (~np.frombuffer(hidden, bool), np.frombuffer(wanted, bool))
    )
    weights, spreads = [], []
    for factor in model.cholesky:
        covariance = factor @ factor.T
        rest = covariance[np.ix_(inside, inside)]
        weight = np.zeros((len(inside), len(outside)))
        if len(outside):
            known = scipy.linalg.cho_factor(covariance[np.ix_(outside, outside)], lower=True)
            cross = covariance[np.ix_(outside, inside)]
            weight = scipy.linalg.cho_solve(known, cross).T
            rest = rest - weight @ cross
        rest[np.diag_indices_from(rest)] += 1e-6 * _SMALLEST
        weights.append(weight)
        spreads.append(np.linalg.cholesky(0.5 * (rest + rest.T)))
    return Conditional(inside, outside, np.asarray(weights, np.float32), np.asarray(spreads, np.float32))


def grouped(patches: npt.NDArray[Any], per_channel: bool) -> npt.NDArray[Any]:
    """Return (n, l, l, C) patches as (G, n, D)."""
    if per_channel:
        return np.moveaxis(patches, 3, 0).reshape(patches.shape[3], len(patches), -1)
    return patches.reshape(1, len(patches), -1)


def ungrouped(flat: npt.NDArray[Any], pixels: int, channels: int) -> npt.NDArray[Any]:
    """Return (G, ..., hidden) as (..., pixels, C)."""
    if len(flat) == 1:
        return flat[0].reshape(*flat.shape[1:-1], pixels, channels)
    return np.moveaxis(flat, 0, -1)
