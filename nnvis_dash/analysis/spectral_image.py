"""An image as a spectrum of frequencies in decorrelated colours, and the views that are taken of it.

Steps of equal size in such a spectrum change an image as photographs differ from one another: coarse parts more than
fine ones, brightness more than hue.

Source: Olah, Mordvintsev and Schubert, "Feature visualization", Distill 2017, doi:10.23915/distill.00007, sections
"Preconditioning and parameterization" and "Transformation robustness".
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats

ANGLE, SCALE, SHIFT = 8.0, 0.05, 1 / 16  # greatest of a view: degrees, share, share of the longer side
# Root of the covariance of colours over ImageNet, red, green, blue, as published with the paper.
_IMAGENET_COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.0, -0.05), (0.27, -0.09, 0.03))


def canvas_size(size: tuple[int, int, int]) -> tuple[int, int]:
    """Return the size of an image so large that every transformed view of the classifier's size lies inside it."""
    longer = max(size[:2])
    turn, scale = math.radians(ANGLE), 1 + SCALE
    sides = []
    for own, other in ((size[0], size[1]), (size[1], size[0])):
        reach = scale * (math.cos(turn) * own + math.sin(turn) * other) / 2 + SHIFT * longer
        sides.append(own + 2 * math.ceil(reach - own / 2 + 1))
    return sides[0], sides[1]


def drawn(rng: np.random.Generator, longer: int) -> tuple[float, float, float, float]:
    """Return a rotation in degrees, a scale, and a shift in pixels to the right and downwards."""
    turn, scale, right, down = rng.uniform(-1, 1, 4)
    return turn * ANGLE, 1 + scale * SCALE, right * SHIFT * longer, down * SHIFT * longer


def warp(
    size: tuple[int, int, int],
    canvas: tuple[int, int],
    turn: float = 0.0,
    scale: float = 1.0,
    right: float = 0.0,
    down: float = 0.0,
) -> tuple[npt.NDArray[np.int32], Floats]:
    """Return which four pixels of the canvas each pixel of a view lies between, and the share of each.

    Returns
    -------
    (4, h·w) int32
        Numbers of the canvas's pixels, row by row.
    (4, h·w) float32
        Bilinear; add up to 1 for each pixel.
    """
    rows, columns = np.mgrid[: size[0], : size[1]].reshape(2, -1) - (np.array(size[:2])[:, None] - 1) / 2
    cosine, sine = scale * math.cos(math.radians(turn)), scale * math.sin(math.radians(turn))
    y = cosine * rows + sine * columns + down + (canvas[0] - 1) / 2
    x = cosine * columns - sine * rows + right + (canvas[1] - 1) / 2
    top = np.clip(np.floor(y), 0, canvas[0] - 2).astype(np.int32)
    left = np.clip(np.floor(x), 0, canvas[1] - 2).astype(np.int32)
    below, beside = (y - top).astype(np.float32), (x - left).astype(np.float32)
    corner = top * canvas[1] + left
    places = np.stack([corner, corner + 1, corner + canvas[1], corner + canvas[1] + 1])
    shares = np.stack([(1 - below) * (1 - beside), (1 - below) * beside, below * (1 - beside), below * beside])
    return places.astype(np.int32), shares


def colour_root(channels: int, images: npt.NDArray[Any] | None) -> Floats:
    """Return (c, c): decorrelated colours (columns) in raw ones, the longest column of length 1."""
    if channels == 1:
        return np.ones((1, 1), np.float32)
    root = np.array(_IMAGENET_COLOURS)
    if images is not None:
        pixels = images.reshape(-1, channels).astype(np.float64) / 255
        if not len(pixels) or not np.ptp(pixels, axis=0).any():
            raise ParameterError("The images have one colour only", "Give images of more colours, or none.")
        lengths, directions = np.linalg.eigh(np.cov(pixels.T))
        root = directions * np.sqrt(np.maximum(lengths, 0))
    return (root / np.linalg.norm(root, axis=0).max()).astype(np.float32)


def _scale(canvas: tuple[int, int]) -> Floats:
    """Return (H, W // 2 + 1): by what each frequency is multiplied, 1/f as in photographs."""
    frequency = np.hypot(np.fft.fftfreq(canvas[0])[:, None], np.fft.rfftfreq(canvas[1])[None])
    scale = math.sqrt(canvas[0] * canvas[1]) / np.maximum(frequency, 1 / max(canvas))
    return (scale / 4).astype(np.float32)


def painted(spectrum: Tensor, colours: Tensor, canvas: tuple[int, int]) -> Tensor:
    """Return (H, W, c) raw pixels, 0..255, of a spectrum (2, c, H, W // 2 + 1), inside a graph."""
    import tensorflow as tf

    scaled = spectrum * _scale(canvas)
    image = tf.signal.irfft2d(tf.complex(scaled[0], scaled[1]), canvas)
    return 255.0 * tf.sigmoid(tf.tensordot(tf.transpose(image, (1, 2, 0)), colours, ((2,), (1,))))
