"""Shot noise: light that comes in photons."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.severity import DrawnSeverity, Published, Row, corruption
from nnvis_dash.analysis.fields import uniform
from nnvis_dash.types import Floats

MANY = 1000  # photons of white from which on their number is as good as normal


def noise_of(*photons: float) -> tuple[Row, ...]:
    """Return the standard deviation at white of so many photons, what severities are linear in."""
    return tuple((number**-0.5,) for number in photons)


# published as the photons that white stands for
PUBLISHED = Published(noise_of(60, 25, 12, 5, 3), noise_of(500, 250, 100, 75, 50), harmless=(0.0,))


@corruption("shot_noise", "Shot noise", DrawnSeverity)
def shot_noise(images: Bytes, parameters: DrawnSeverity) -> Bytes:
    """Count photons: Poisson noise, as little light gives."""
    (noise,) = PUBLISHED.at(parameters.degree, *images.shape[1:3])
    photons = max(noise, 1e-6) ** -2
    chance = uniform(images.shape[1:], parameters.seed).astype(np.float64)
    counts = poisson(images, np.broadcast_to(chance, images.shape), photons)
    return np.rint(np.minimum(counts / photons, 1) * 255).astype(np.uint8)


def poisson(images: Bytes, chance: np.ndarray[tuple[int, ...], np.dtype[np.float64]], photons: float) -> Floats:
    """Return the Poisson counts whose distribution reaches `chance`.

    Parameters
    ----------
    images : uint8 array
    chance : array of the same shape, 0..1
        One number a value, so that the counts change little where the mean does.
    photons : float
        Mean count of white, 255.

    Returns
    -------
    float array of the same shape
        Whole numbers.
    """
    from scipy.special import ndtri, pdtr

    means = np.arange(256) * photons / 255
    chance = np.clip(chance, 1e-9, 1 - 1e-9)
    if photons > MANY:
        mean = means[images]
        normal = ndtri(chance)
        return np.asarray(np.maximum(np.rint(mean + np.sqrt(mean) * normal), 0))
    most = int(photons + 10 * np.sqrt(photons) + 10)
    reached = pdtr(np.arange(most), means[:, None])
    # One sorted list for all 256 means: those of the mean m lie between m and m + 1.
    ladder = (np.minimum(reached, 1) + np.arange(256)[:, None]).ravel()
    steps = np.searchsorted(ladder, images + chance)
    return np.asarray(steps - images.astype(np.int64) * most)
