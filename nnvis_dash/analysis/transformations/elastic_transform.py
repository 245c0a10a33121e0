"""Elastic: the image is stretched and bent, as if printed on rubber."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnvis_dash.analysis.batches import Bytes, each_image
from nnvis_dash.analysis.corrupting.severity import DrawnSeverity, Published, corruption
from nnvis_dash.analysis.corrupting.weather import smoothed
from nnvis_dash.types import Floats

# Strength and grain of the bending, farthest move of three points that the whole is stretched by; all in pixels.
PUBLISHED = Published(
    (
        (488.0, 170.8, 24.4),
        (488.0, 19.52, 48.8),
        (12.2, 2.44, 4.88),
        (17.08, 2.44, 4.88),
        (29.28, 2.44, 4.88),
    ),
    ((0, 0, 2.56), (1.6, 6.4, 2.24), (2.56, 1.92, 1.92), (3.2, 1.28, 1.6), (3.2, 0.96, 0.96)),
    harmless=(0.0, None, 0.0),
    lengths=(0, 1, 2),
)


@corruption("elastic_transform", "Elastic", DrawnSeverity)
def elastic_transform(images: Bytes, parameters: DrawnSeverity) -> Bytes:
    """Stretch the whole by a drawn affine map and bend it locally; bilinear, the border mirrored."""
    import cv2

    height, width = images.shape[1:3]
    y, x = sampled_at(parameters.seed, height, width, *PUBLISHED.at(parameters.degree, height, width))

    def bend(image: Any, result: Any) -> None:
        cv2.remap(image, x, y, cv2.INTER_LINEAR, result, cv2.BORDER_REFLECT_101)

    return each_image(images, bend)


def sampled_at(
    seed: int, height: int, width: int, strength: float, grain: float, farthest: float
) -> tuple[Floats, Floats]:
    """Return the rows and columns, (height, width) float32 each, from which pixels are taken."""
    rng = np.random.default_rng(seed)
    moves = farthest * rng.uniform(-1, 1, (3, 2))
    bends = rng.uniform(-1, 1, (2, height, width)).astype(np.float32)
    down, right = (strength * smoothed(bend, grain) for bend in bends)

    middle, arm = np.array([height, width]) / 2, min(height, width) / 3
    points = middle + arm * np.array([[1, 1], [1, -1], [-1, -1]])  # row, column
    affine = np.linalg.solve(np.hstack([points, np.ones((3, 1))]), points + moves)
    rows, columns = np.arange(height)[:, None] + down, np.arange(width) + right
    places = np.stack([rows, columns, np.ones_like(rows)], axis=-1) @ affine
    return places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)
