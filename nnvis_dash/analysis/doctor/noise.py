"""A guess of the preprocessing without a single image: what the first batch normalisation sees of coloured noise.

Photographs have amplitudes that fall with the frequency, channels that agree, and a mean near the middle; noise made
so is near enough to them that the scale of the pixels can be told. Measured on 16 networks (Fashion-MNIST, CIFAR-10,
three MobileNets, faces) the scale was found each time, but with more contrast than photographs mostly have (60 to 90)
only 12 times: a guess, better than none. The order of the channels can't be told so: RGB is taken, or Caffe's BGR.

References
----------
Field, "Relations between the statistics of natural images and the response properties of cortical cells", 1987.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.doctor.candidates import Candidate, preprocessings
from nnvis_dash.types import Preprocessing

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

N_IMAGES = 64
_MEAN, _MEAN_SPREAD = 115.0, 50.0  # of an image's pixels, 0..255
_CONTRAST = (25.0, 60.0)  # standard deviation of an image's pixels
_TINT = np.array([1.06, 1.02, 0.92])  # photographs are warmer than grey


def guess_from_noise(clf: Classifier) -> Preprocessing | None:
    """Return the preprocessing under which noise looks most like the training images; None where nothing tells.

    Parameters
    ----------
    clf : Classifier
        Its own preprocessing plays no part.
    """
    from nnvis_dash.analysis.doctor.trials import first_normalisation, moments, try_images
    from nnvis_dash.analysis.doctor.unlabelled import mismatches

    step = first_normalisation(clf.graph)
    if step is None:
        return None
    records = [record for record in preprocessings(clf.card.input_shape[2]) if not record.name.endswith("_bgr")]
    images = coloured_noise(N_IMAGES, clf.card.input_shape)
    rows = try_images(clf, images, [Candidate(record, clf.card.resize) for record in records])
    scores = mismatches(rows, moments(step)[1])
    known = [(score, number) for number, score in enumerate(scores) if score is not None]
    return records[min(known)[1]] if known else None


def coloured_noise(n: int, shape: tuple[int, int, int], seed: int = 0) -> npt.NDArray[np.uint8]:
    """Return images of noise whose amplitude is one over the frequency, (n, height, width, channels) uint8."""
    height, width, channels = shape
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    frequency[0, 0] = np.inf  # the mean is set below

    def field() -> npt.NDArray[np.float64]:
        values = np.fft.ifft2(np.fft.fft2(rng.normal(size=(height, width))) / frequency).real
        spread = float(values.std())
        return values / spread if spread else values

    images = np.empty((n, height, width, channels), np.uint8)
    for image in images:
        common = field()
        planes = np.stack([0.95 * common + 0.3 * field() for _ in range(channels)], axis=-1)
        mean = _MEAN + _MEAN_SPREAD * rng.normal()
        tint = _TINT if channels == 3 else np.ones(channels)
        image[:] = np.clip(np.rint(mean * tint + rng.uniform(*_CONTRAST) * planes), 0, 255)
    return images
